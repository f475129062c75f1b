"""Writes the logs of inspect/ with an installed Inspect: python write_inspect.py eval|json FOLDER."""

import sys
from pathlib import Path

import tiktoken
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.log import read_eval_log, write_eval_log
from inspect_ai.model import ChatMessageSystem, ChatMessageUser, ModelOutput, get_model
from inspect_ai.scorer import Score, accuracy, choice, f1, includes, match, mean, scorer
from inspect_ai.solver import generate, multiple_choice, system_message


class Words:
    """Counts tokens without a download."""

    def encode(self, text, **settings):
        return text.split()

    encode_ordinary = encode


tiktoken.get_encoding = tiktoken.encoding_for_model = lambda name: Words()

ASKED = [
    ("What is the capital of the moon base?", "Luna"),
    ("How many legs has a table of ours?", "4"),
    ("Which colour is the red door?", "red"),
]


def scoring(name, metrics, value):
    """Make a scorer whose value is a function of the answer and the target."""

    @scorer(metrics=metrics, name=name)
    def made():
        async def score(state, target):
            return Score(value=value(state.output.completion, target.text))

        return score

    return made()


partly = scoring("partly", [accuracy()], lambda a, t: "C" if a == t else "P" if t in a else "I" if a else "N")
words = scoring("words", [accuracy()], lambda a, t: "CORRECT" if t in a else "INCORRECT")
yesno = scoring("yesno", [accuracy()], lambda a, t: "Yes" if t in a else "No")
both = scoring("both", {"clear": [mean()], "short": [mean()]}, lambda a, t: {"clear": 0.5, "short": int(len(a) < 9)})
listed = scoring("listed", [mean()], lambda a, t: [float(t in a), 0.25])
onten = scoring("onten", [mean()], lambda a, t: 10 if t in a else 3)


def open_task(name, scorer, **settings):
    samples = [Sample(input=q, target=t, id=i) for i, (q, t) in enumerate(ASKED, start=1)]
    return Task(name=name, dataset=samples, solver=[system_message("Be short."), generate()], scorer=scorer, **settings)


def chat():
    asked = [[ChatMessageSystem(content="You are polite."), ChatMessageUser(content=q)] for q, _ in ASKED]
    samples = [Sample(input=m, target=t, id=f"c{i}") for i, (m, (_, t)) in enumerate(zip(asked, ASKED, strict=True))]
    return Task(name="chat", dataset=samples, solver=generate(), scorer=match())


def choices():
    three = ["Luna", "4", "red"]
    samples = [Sample(input=q, choices=three, target="ABC"[i], id=i) for i, (q, _) in enumerate(ASKED)]
    return Task(name="mc", dataset=samples, solver=multiple_choice(), scorer=choice())


def run(task, size, texts):
    outputs = [ModelOutput.from_content(f"mockllm/{size}", text) for text in texts]
    model = get_model(f"mockllm/{size}", custom_outputs=outputs, memoize=False)
    folder = f"{sys.argv[2]}/{task.name}"
    eval(task, model=model, log_dir=folder, log_format=sys.argv[1], display="none", max_samples=1)


for size, said, letters in (
    ("small-1B", ["Luna", "It is 5", ""], "AAA"),
    ("large-9B", ["Luna", "4", "It is red"], "ABC"),
):
    run(open_task("several", [partly, match(), words, f1()]), size, said)
    for name, one in (("words", words), ("yesno", yesno), ("dicts", both), ("lists", listed), ("ten", onten)):
        run(open_task(name, one), size, said)
    run(open_task("epochs", includes(), epochs=4), size, [*said, *said, "Luna", "4", "no", *said])
    run(chat(), size, said)
    run(choices(), size, [f"ANSWER: {letter}" for letter in letters])

for file in Path(sys.argv[2], "epochs").glob("*.eval"):
    log = read_eval_log(str(file))
    log.samples = [s for s in log.samples if s.epoch == 4]
    write_eval_log(log, str(file.parent.with_name("fourth") / file.name))

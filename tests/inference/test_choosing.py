import json
import math

import pytest
import torch

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.inference.engine.tokens import LEAD
from zeta_eval.inference.run.plan import batches, units_of
from zeta_eval.inference.run.runner import run
from zeta_eval.models import GenerateConfig, Ladder, ModelSpec
from zeta_eval.tasks import Query, get_task
from zeta_eval.tasks.scorers import choice_match
from zeta_eval.testing import ScriptedGenerator

LOGITS = GenerateConfig(max_new_tokens=12, mcq="logits")
PROMPTS = ["Which? A. x B. y C. z", "And now? A. p B. q C. r", "Last one, a bit longer. A. s B. t C. u"]


def queries():
    asked = [
        Query(prompt=p, target="A", query_id=str(i), task="mmlu", dataset="d", options=3) for i, p in enumerate(PROMPTS)
    ]
    return [*asked, Query(prompt="open", target="o", query_id="open", task="mmlu", dataset="d")]


def test_the_letter_chosen_is_the_likeliest_after_one_forward_pass(tiny):
    unit = units_of(queries()[:1], LOGITS)[0]
    answer = tiny.generate([unit.prompt], unit.config(LOGITS))[0]
    ids = tiny.tokenizer(f"{unit.prompt}\n{LEAD}")["input_ids"]
    letters = [tiny.tokenizer.convert_tokens_to_ids(c) for c in "ABC"]
    with torch.inference_mode():
        p = tiny.model(torch.tensor([ids])).logits[0, -1, letters].softmax(-1)
    assert answer.text == f"The answer is ({'ABC'[int(p.argmax())]})"
    assert answer.mean_logprob == pytest.approx(math.log(p.max()), abs=1e-5)
    top = p.sort(descending=True).values
    assert answer.prefill_margin == pytest.approx(float(top[0] - top[1]), abs=1e-5)
    assert answer.prefill_entropy == pytest.approx(float(-(p * p.log()).sum()), abs=1e-5)
    assert (answer.completion_tokens, answer.truncated, answer.error) == (1, False, None)
    assert answer.prompt_tokens == len(ids)


def test_choices_in_a_batch_are_those_of_each_query_alone_and_the_scorer_reads_them(tiny):
    units = units_of(queries()[:3], LOGITS)
    config = units[0].config(LOGITS)
    together = tiny.generate([u.prompt for u in units], config)
    assert [c.text for c in together] == [tiny.generate([u.prompt], config)[0].text for u in units]
    for answer in together:
        assert choice_match(answer.text[-2], answer.text).value == 1.0


def test_only_queries_with_options_are_chosen_for_and_only_when_asked():
    written = units_of(queries(), GenerateConfig(max_new_tokens=12))
    assert {u.options for u in written} == {0}
    units = units_of(queries(), LOGITS)
    assert [(u.options, u.max_new_tokens) for u in units] == [(0, 12), (3, 1), (3, 1), (3, 1)]
    assert [len(b) for b in batches(units, 8)] == [1, 3]
    assert {u.key for u in written if u.prompt != "open"}.isdisjoint(u.key for u in units)


def test_a_benchmark_chooses_letters_records_it_and_refuses_to_go_on_in_words(tiny_folder, tmp_path):
    ladder = Ladder(name="t", models=(ModelSpec(size="tiny", model=str(tiny_folder), device_map="cpu"),))

    def bench(config):
        return run(
            ladder,
            queries(),
            lambda q, text: choice_match(q.target, text),
            out=tmp_path,
            config=config,
            latency_sample=2,
            progress=False,
        )

    rows = bench(LOGITS).outcomes.frame.set_index("query_id")
    chosen = rows.loc[["0", "1", "2"]]
    assert (
        chosen["response"].str.fullmatch(r"The answer is \([ABC]\)").all() and (chosen["completion_tokens"] == 1).all()
    )
    assert not chosen["unparsed"].any() and chosen["latency_s"].notna().all()
    assert rows.loc["open", "completion_tokens"] > 1
    how = json.loads((tmp_path / "run.json").read_text())["sizes"]["tiny"]["how"]
    assert how["batching"].startswith("static: ") and how["latency"].startswith("plain: ")
    with pytest.raises(InvalidInputError, match="mcq"):
        bench(GenerateConfig(max_new_tokens=12))


def test_an_engine_that_only_writes_is_told_in_one_line(tmp_path):
    ladder = Ladder(name="t", models=(ModelSpec(size="s", model="m"),))
    with pytest.raises(InvalidInputError, match="Size 's' can't choose"):
        run(
            ladder,
            queries(),
            lambda q, text: choice_match(q.target, text),
            out=tmp_path,
            config=LOGITS,
            generators=lambda spec: ScriptedGenerator("s", {}),
            progress=False,
        )


def test_a_tokenizer_without_letters_gives_error_rows_and_an_unknown_way_one_line(tiny):
    answer = tiny.generate(PROMPTS[:1], GenerateConfig(max_new_tokens=1, options=30))[0]
    assert "no 30 tokens" in answer.error
    with pytest.raises(InvalidInputError, match="'generate' or 'logits'"):
        GenerateConfig(mcq="letters")


def test_the_shipped_multiple_choice_tasks_say_how_many_options_there_are():
    row = {"question": "q?", "subject": "law", "choices": ["a", "b", "c", "d"], "answer": 2}
    assert get_task("mmlu").build(row).options == 4
    row = {"question": "q?", "mc1_targets": {"choices": ["a", "b", "c"], "labels": [1, 0, 0]}}
    assert get_task("truthfulqa_mc").build(row).options == 3

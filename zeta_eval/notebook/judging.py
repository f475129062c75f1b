"""Feedback on an answer from a person: right, wrong or the correct answer, by buttons or by `%zeta feedback`."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zeta_eval.exceptions import InvalidInputError, ZetaError
from zeta_eval.router import Decision, Step

if TYPE_CHECKING:
    from zeta_eval.feedback import History

SHOWN = 8
"""Last characters of an id, which stand for it within a notebook; its first ones are its time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedbackAnswer:
    """An answer that a person can give feedback on."""

    id: str
    """Its id in the history."""
    size: str
    """The size that gave it."""
    text: str
    """The answer."""


class Judge:
    """Writes what a person says of the answers of this notebook."""

    def __init__(self, history: History) -> None:
        self.history = history
        self._answers: dict[str, FeedbackAnswer] = {}

    def record(
        self, text: str, task: str | None, given: Sequence[tuple[Decision, Sequence[Step]]]
    ) -> list[FeedbackAnswer]:
        """Note answers to a text; each can then get feedback."""
        noted = []
        for decision, steps in given:
            kept = next(s for s in reversed(steps) if s.error is None)
            made = self.history.record(decision, text, task=task, steps=steps)
            noted.append(FeedbackAnswer(id=made, size=kept.size, text=kept.text))
        self._answers |= {answer.id: answer for answer in noted}
        return noted

    def say(self, name: str, word: str) -> str:
        """Write "right", "wrong" or the correct answer for the answer of an id; returns what was written, in words.

        A correct answer is compared with the one given where that can be done; the result is its score.
        """
        word, full = word.strip(), self._full(name)
        if not word:
            raise InvalidInputError("The correct answer is empty; write it, or say right or wrong.")
        answer = self._answers.get(full)
        size = answer.size if answer else name
        if word in ("right", "wrong"):
            self.history.feedback(full, right=word == "right")
            return f"{size}: {word}"
        score = _score(word, answer.text) if answer else None
        self.history.feedback(full, answer=word, score=score)
        said = "" if score is None else ", so it was right" if score == 1 else ", so it was wrong"
        return f"{size}: the answer is {word!r}{said}"

    def _full(self, name: str) -> str:
        """The id of the "last" answer, or the one that ends or begins so; else the name itself, of an older one."""
        if name == "last":
            if not self._answers:
                raise InvalidInputError("There is no answer yet in this notebook; ask something by %%zeta first.")
            return next(reversed(self._answers))
        found = [i for i in self._answers if i.endswith(name) or i.startswith(name)]
        if len(found) > 1:
            raise InvalidInputError(f"'{name}' stands for {len(found)} answers; give more of the id.")
        return found[0] if found else name


def hint(answers: Sequence[FeedbackAnswer]) -> str:
    """How to judge answers in words."""
    ids = [f'%zeta feedback {a.id[-SHOWN:]} right | wrong | "the correct answer"' for a in answers]
    if len(ids) == 1:
        return f"Was it right? {ids[0]}"
    return "Which were right?\n" + "\n".join(f"{a.size}: {line}" for a, line in zip(answers, ids, strict=True))


def buttons(judge: Judge, answers: Sequence[FeedbackAnswer]) -> Any:
    """Two buttons for each answer and a field for the correct one, as a widget."""
    import ipywidgets as w

    rows = [_row(judge, answer, many=len(answers) > 1) for answer in answers]
    field = w.Text(placeholder="the correct answer", layout=w.Layout(width="20em"))
    save = w.Button(description="save", tooltip="record the correct answer", layout=w.Layout(width="5em"))
    said = w.HTML()
    save.on_click(lambda _: _say(said, lambda: [judge.say(a.id, field.value) for a in answers]))
    return w.VBox([*rows, w.HBox([field, save, said])])


def _row(judge: Judge, answer: FeedbackAnswer, *, many: bool) -> Any:
    import ipywidgets as w

    said, narrow = w.HTML(), w.Layout(width="7em")
    right = w.Button(description="right", icon="check", tooltip="this answer is right", layout=narrow)
    wrong = w.Button(description="wrong", icon="times", tooltip="this answer is wrong", layout=narrow)
    right.on_click(lambda _: _say(said, lambda: [judge.say(answer.id, "right")]))
    wrong.on_click(lambda _: _say(said, lambda: [judge.say(answer.id, "wrong")]))
    label = [w.Label(answer.size, layout=w.Layout(width="5em"))] if many else []
    return w.HBox([*label, right, wrong, said])


def _say(said: Any, write: Callable[[], list[str]]) -> None:
    """Do what a button is for, and say below it what was written or why it was not."""
    try:
        said.value = html.escape("Recorded. " + "; ".join(write()))
    except ZetaError as e:
        said.value = html.escape(str(e))


def _score(correct: str, given: str) -> float | None:
    """Score of an answer given the correct one; None where none can be read in it."""
    from zeta_eval.tasks.scorers import get_scorer

    score = get_scorer("auto")(correct, given)
    return None if score.unparsed else score.value

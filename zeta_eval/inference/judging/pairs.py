"""Compares two answers in both orders: a judge favours the place where an answer stands, too."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from zeta_eval.exceptions import UnknownNameError
from zeta_eval.inference.judging.judge import Judge, UnjudgedError
from zeta_eval.inference.judging.rubric import fenced, last_line, reference_of
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.signals.template import without_thinking
from zeta_eval.tasks import Query, Score

_FORM = re.compile(r"Better: (A|B|tie)")


class PairJudge:
    """A scorer: 1 for an answer that a judge finds better than another size's in both orders, 0 for worse, else .5.

    Judges that contradict themselves when the answers swap places give a tie.
    """

    needs_target = False
    """Whether answers without a target can't be graded."""

    def __init__(self, judge: Judge, others: Mapping[str, str], size: str) -> None:
        """Take the judge, the other answers by query_id, and the name of the size that gave them."""
        self.judge = judge
        self.use = judge.use
        """What was asked and what it took."""
        self.name = f"{judge.name} against {size}"
        self._others = others

    @classmethod
    def of(cls, judge: Judge, outcomes: Outcomes, size: str) -> PairJudge:
        """Compare with one size of a table; of several attempts with the first."""
        frame = outcomes.frame
        if size not in set(frame["model"]):
            raise UnknownNameError("size", size, frame["model"].unique())
        rows = frame[(frame["model"] == size) & frame["response"].notna()]
        return cls(judge, dict(zip(rows["query_id"], map(without_thinking, rows["response"]), strict=True)), size)

    def __call__(self, query: Query, response: str) -> Score:
        """Compare an answer; raises an error, which leaves the row unscored, where there is no verdict."""
        if query.query_id not in self._others:
            raise UnjudgedError("there is no answer to compare with")
        if (other := self._others[query.query_id]) == response:
            return Score(0.5)
        verdicts = [last_line(self.judge.reply(prompt), _FORM) for prompt in self._prompts(query, response, other)]
        if None in verdicts:
            self.use.unparsed += verdicts.count(None)
            raise UnjudgedError("the judge's reply has no last line 'Better: A', 'Better: B' or 'Better: tie'")
        return Score({("A", "B"): 1.0, ("B", "A"): 0.0}.get((str(verdicts[0]), str(verdicts[1])), 0.5))

    def prepare(self, pairs: Sequence[tuple[Query, str]]) -> None:
        """Ask about many answers at once."""
        asked = [(query, text, self._others.get(query.query_id, text)) for query, text in pairs]
        todo = [self._prompts(query, text, other) for query, text, other in asked if other != text]
        self.judge.ask([prompt for both in todo for prompt in both])

    def warning(self, sizes: Sequence[str], models: Sequence[str] = ()) -> str | None:
        """As that of the judge."""
        return self.judge.warning(sizes, models)

    def to_dict(self) -> dict[str, Any]:
        """The judge and what it took, as JSON data."""
        return self.judge.to_dict() | {"judge": self.name}

    def close(self) -> None:
        """Free the judge's engine."""
        self.judge.close()

    def _prompts(self, query: Query, response: str, other: str) -> tuple[str, str]:
        """The two orders: the answer as A, and as B."""
        return self._prompt(query, response, other), self._prompt(query, other, response)

    def _prompt(self, query: Query, a: str, b: str) -> str:
        reference = reference_of(query)
        parts = {"question": query.prompt, **({"reference": reference} if reference else {}), "A": a, "B": b}
        return (
            f"You compare two answers to a question, A and B.\n\n{fenced(parts)}\n\n"
            f"{self.judge.rubric.instructions}\n\n"
            "Which answer is better? The order in which they stand, and their lengths, say nothing. Give your reason "
            "in one or two sentences. Then end with a line of exactly one of these forms:\n"
            "Better: A\nBetter: B\nBetter: tie"
        )

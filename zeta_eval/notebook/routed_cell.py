"""A notebook cell that a size answers, shown as text; as HTML in `routed_html`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zeta_eval.notebook.explain import Explanation
from zeta_eval.notebook.explained import SHARES, chance, changes, expected_right, shares
from zeta_eval.notebook.routed_html import Looks, cell_html
from zeta_eval.router import Decision, Step
from zeta_eval.router.policy import RoutingPolicy

if TYPE_CHECKING:
    import pandas as pd

RUNNING, DONE, INTERRUPTED, FAILED = "running", "done", "interrupted", "failed"
"""States of a routed cell."""

EMPTY = "(the answer is empty)"
"""What stands for an answer without a word."""


@dataclass(kw_only=True)
class RoutedCell:
    """A notebook cell that a size answers: the decision, and its answers so far. Threads write it, one shows it."""

    decision: Decision
    """The choice before any model ran."""
    policy: RoutingPolicy
    """The policy that made it."""
    explanation: Explanation | None = None
    """Why the size was chosen, where that was asked for."""
    steps: list[tuple[Step, str]] = field(default_factory=list)
    """Answers given, each with the reason for stopping or going on."""
    writing: dict[str, str] = field(default_factory=dict)
    """By size that is answering: its answer so far, or what it waits for."""
    state: str = RUNNING
    """One of the states above."""
    compared: bool = False
    """Whether all sizes answer, side by side."""
    asked: bool = True
    """Whether a size is to answer at all."""
    place: str = ""
    """Which turn of a conversation it is, in words."""
    notes: list[str] = field(default_factory=list)
    """Remarks below the answer."""
    hint: str = ""
    """How to give feedback in words."""

    def __repr__(self) -> str:
        return self.text()

    def text(self) -> str:
        """The cell as plain text: the decision in a line, the answer, the grounds, the remarks."""
        from zeta_eval.evaluation.reports.tables import text_table

        lines = [self.title(), ""]
        for head, answer, _ in self.answers():
            lines += [*([head] if self.compared else []), answer, ""]
        lines += [text_table(self.table()), *(f"- {reason}" for reason in self.grounds())]
        if self.explanation is not None:
            lines += [SHARES, text_table(shares(self.explanation)), *changes(self.explanation)]
        return "\n".join([*lines, *self.notes, *([self.hint] if self.hint else [])])

    def _repr_html_(self) -> str:
        return cell_html(
            Looks(
                title=self.title(),
                answers=self.answers(),
                columns=self.compared,
                question=f"Why {self.decision.size}?",
                table=self.table(),
                grounds=self.grounds(),
                explanation=self.explanation,
                unfolded=self.explanation is not None or not self.asked,
                notes=[*self.notes, *([self.hint] if self.hint else [])],
            )
        )

    def title(self) -> str:
        """The decision, or what came of it, in one line."""
        d = self.decision
        found = f"complexity {d.complexity.score:.2f} ({d.complexity.label})"
        expected = ""  # an embedding model has no chance of being right
        if d.size in d.p:
            expected = f"{expected_right(d)}, {_price(d)}"
        return " \u00b7 ".join(filter(None, (self._doing(), found, expected, self.place)))

    def _doing(self) -> str:
        if self.state in (INTERRUPTED, FAILED):
            return self.state
        if now := list(self.writing):
            return f"{' and '.join(now)} {'is' if len(now) == 1 else 'are'} answering"
        if self.state == DONE and self.steps and not self.compared:
            step = self.steps[-1][0]
            return f"{step.size} answered in {sum(s.latency_s for s, _ in self.steps):.2g} s"
        return f"{self.decision.size} chosen"

    def answers(self) -> list[tuple[str, str, bool]]:
        """What there is to read: of each answer its head, its text, and whether it is whole; else the one so far."""
        now = [(f"{size} is answering", text, False) for size, text in list(self.writing.items())]
        if self.compared:
            done = [(told(step, reason), step.text.strip() or EMPTY, True) for step, reason in self.steps]
            return [*done, *now]
        if now or not self.asked:
            return now
        kept = next((step for step, _ in reversed(self.steps) if step.error is None), None)
        return [] if kept is None else [("", kept.text.strip() or EMPTY, True)]

    def table(self) -> pd.DataFrame:
        """Each size with its chance, cost and latency; the chosen one is marked."""
        import pandas as pd

        d = self.decision
        latency = {r.size: "-" if r.latency_s is None else f"{r.latency_s:.3g} s" for r in self.policy.rungs}
        return pd.DataFrame(
            {
                "size": [f"{size} *" if size == d.size else size for size in d.p],
                "chance of being right": [chance(d, size) for size in d.p],
                "cost (share of the largest)": [f"{d.cost[size]:.2f}" for size in d.p],
                "mean latency": [latency[size] for size in d.p],
            }
        )

    def grounds(self) -> list[str]:
        """Why this size, what each call did, and what decided."""
        d = self.decision
        steps = [] if self.compared else [told(step, reason) for step, reason in self.steps]
        return [*d.reasons, *steps, f"policy {d.policy}, cost weight {d.cost_weight:.3g}"]


def _price(decision: Decision) -> str:
    """What the chosen size costs, in words."""
    cost = decision.cost
    if decision.size == max(cost, key=cost.__getitem__):
        return "the dearest size"
    return f"at {cost[decision.size]:.0%} of the largest size's cost"


def told(step: Step, reason: str) -> str:
    """A call in a line."""
    failed = f", failed: {step.error}" if step.error is not None else ""
    return f"{step.size}, {step.latency_s:.3g} s{failed}" + (f": {reason}" if reason else "")

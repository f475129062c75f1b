"""A notebook cell that a size answers, shown as HTML and as text. What a model or a user wrote is escaped."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zeta_eval.notebook.explain import Explanation
from zeta_eval.notebook.outputs import DEAD
from zeta_eval.router import Decision, Step
from zeta_eval.router.policy import RoutingPolicy

if TYPE_CHECKING:
    import pandas as pd

RUNNING, DONE, INTERRUPTED, FAILED = "running", "done", "interrupted", "failed"
"""States of a routed cell."""

_LINE = "1px solid rgba(128,128,128,.35)"
_QUIET = "opacity:.75"


@dataclass(kw_only=True)
class RoutedCell:
    """A notebook cell that a size answers: the decision, and its answers so far. One thread writes it, one shows it."""

    decision: Decision
    """The choice before any model ran."""
    policy: RoutingPolicy
    """The policy that made it."""
    explanation: Explanation | None = None
    """Why the size was chosen, where that was asked for."""
    steps: list[tuple[Step, str]] = field(default_factory=list)
    """Answers given, each with the reason for stopping or going on."""
    writing: tuple[str, str] | None = None
    """Size that is answering, and its answer so far; empty while its weights are loaded."""
    state: str = RUNNING
    """One of the states above."""
    compared: bool = False
    """Whether all sizes answer, side by side."""
    notes: list[str] = field(default_factory=list)
    """Remarks below the answer."""
    hint: str = ""
    """How to give feedback in words."""

    def __repr__(self) -> str:
        return self.text()

    def text(self) -> str:
        """The cell as plain text."""
        from zeta_eval.evaluation.reports.tables import text_table

        lines = [self._title(), text_table(self._table()), *(f"- {r}" for r in self.decision.reasons)]
        if self.explanation is not None:
            lines += [_SHARES, text_table(_shares(self.explanation)), *_changes(self.explanation)]
        for step, reason in self.steps:
            lines.append(_told(step, reason))
            if self.compared:
                lines.append(step.text)
        lines += self.notes
        if not self.compared or self.writing:
            lines += ["", self._answer()]
        return "\n".join([*lines, *([f"\n{self.hint}"] if self.hint else [])])

    def _repr_html_(self) -> str:
        from zeta_eval.evaluation.reports.tables import html_table

        parts = [f"<div><b>{_e(self._title())}</b></div>", html_table(self._table()), _list(self.decision.reasons)]
        if self.explanation is not None:
            parts += [f"<div>{_e(_SHARES)}</div>", html_table(_shares(self.explanation))]
            parts.append(_list(_changes(self.explanation)))
        if self.compared:
            parts.append(self._side_by_side())
        else:
            parts += [_list(_told(step, reason) for step, reason in self.steps), _answer_html(self._answer())]
        parts += [f"<div style='{_QUIET}'>{_e(note)}</div>" for note in self.notes]
        if self.hint:
            parts.append(f"<div style='{_QUIET};font-size:90%;white-space:pre-line'>{_e(self.hint)}</div>")
        return f"{DEAD}<div class='zeta-cell' style='max-width:60em'>{''.join(parts)}</div>"

    def _title(self) -> str:
        d = self.decision
        doing = {
            RUNNING: f"{self.writing[0]} is answering" if self.writing else f"{d.size} chosen",
            DONE: f"{self.steps[-1][0].size} answered" if self.steps and not self.compared else f"{d.size} chosen",
            INTERRUPTED: "interrupted",
            FAILED: "failed",
        }[self.state]
        return (
            f"{doing} \u00b7 complexity {d.complexity.score:.2f} ({d.complexity.label}) \u00b7 cost weight "
            f"{d.cost_weight:.3g} \u00b7 policy {d.policy}"
        )

    def _table(self) -> pd.DataFrame:
        """Each size with its chance, cost and latency; the chosen one is marked."""
        import pandas as pd

        d = self.decision
        latency = {r.size: "-" if r.latency_s is None else f"{r.latency_s:.3g} s" for r in self.policy.rungs}
        return pd.DataFrame(
            {
                "size": [f"{size} *" if size == d.size else size for size in d.p],
                "chance of being right": [f"{p:.2f}" for p in d.p.values()],
                "cost (share of the largest)": [f"{d.cost[size]:.2f}" for size in d.p],
                "mean latency": [latency[size] for size in d.p],
            }
        )

    def _answer(self) -> str:
        """The answer so far, or the one kept."""
        if self.writing is not None:
            return self.writing[1]
        return next((step.text for step, _ in reversed(self.steps) if step.error is None), "")

    def _side_by_side(self) -> str:
        columns = [(_told(step, reason), step.text) for step, reason in self.steps]
        if self.writing:
            columns.append((f"{self.writing[0]} is answering", self.writing[1]))
        cells = "".join(
            f"<td style='vertical-align:top;text-align:left;padding:4px 12px 4px 0'><b>{_e(head)}</b>"
            f"{_answer_html(text)}</td>"
            for head, text in columns
        )
        return f"<table><tr>{cells}</tr></table>"


_SHARES = "By how much each feature raises the chance that the smallest size fails, against an average query:"


def _told(step: Step, reason: str) -> str:
    failed = f", failed: {step.error}" if step.error is not None else ""
    return f"{step.size}, {step.latency_s:.3g} s{failed}" + (f": {reason}" if reason else "")


def _shares(explanation: Explanation) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame([(n, f"{share:+.2f}") for n, share in explanation.shares.items()], columns=["feature", "adds"])


def _changes(explanation: Explanation) -> list[str]:
    """What would have changed the decision, in words."""
    if explanation.forced:
        return ["A rule decides for a text of this kind, whatever the cost weight."]
    lines = []
    for size, span in explanation.weights.items():
        if span is None:
            lines.append(f"No cost weight would choose {size}.")
        else:
            until = "up" if math.isinf(span[1]) else f"to {span[1]:.3g}"
            lines.append(f"A cost weight from {span[0]:.3g} {until} chooses {size}.")
    return lines


def _answer_html(text: str) -> str:
    return (
        f"<pre style='white-space:pre-wrap;overflow-wrap:anywhere;border-left:3px solid #0072B2;padding:4px 8px;"
        f"margin:6px 0;border-top:{_LINE};border-bottom:{_LINE}'>{_e(text)}</pre>"
    )


def _list(lines: Iterable[str]) -> str:
    return "<ul style='margin:2px 0'>" + "".join(f"<li>{_e(line)}</li>" for line in lines) + "</ul>"


def _e(value: Any) -> str:
    return html.escape(str(value))

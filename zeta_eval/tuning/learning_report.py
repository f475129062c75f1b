"""What came of learning from feedback: the new version, how it compares with its parent, whether it is promoted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from zeta_eval.files import plain
from zeta_eval.router.policy import RoutingPolicy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from zeta_eval.evaluation.reports.versus_report import Versus
    from zeta_eval.tuning.report import TuningReport


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """How much more utility the new policy has than the old one, on queries that neither was fitted to."""

    source: str
    """"replay of outcomes", "all sizes judged by SOURCE" (replayed too), "explored feedback by SOURCE" (doubly robust)
    or "together"."""
    n: int
    """Queries."""
    value: float
    """Mean difference of accuracy - cost_weight * cost, paired by query."""
    low: float
    """Lower end of its 95 % interval."""
    high: float
    """Upper end."""
    judge: str | None = None
    """Source of the feedback that told it; None where it is a trusted one, outcomes, or several."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LearningReport:
    """A new version of a policy beside its parent."""

    old: RoutingPolicy
    """The parent."""
    new: RoutingPolicy
    """The new version; its provenance names the parent and what was learned from."""
    evidence: tuple[Evidence, ...]
    """How the two compare; the last one decides. Empty where nothing could compare them."""
    promoted: bool
    """Whether the new version is to be used: shown to be better (`evidence.shown`), or forced."""
    forced: bool
    """Whether it is promoted against the comparison."""
    n_feedback: int
    """Labels: judged answers, once for each source that judged them."""
    n_queries: int
    """Queries that they are on."""
    n_explored: int
    """Judged answers that off-policy estimates may use."""
    n_benchmark: int
    """Complete queries of the benchmark."""
    versus: Versus | None
    """The replay of both on held-out outcomes in full; None without any."""
    tuning: TuningReport
    """The study. Its test figures count feedback that was filled in; the evidence and the verdict do not."""
    notes: tuple[str, ...] = ()
    """What a reader should know."""

    @property
    def policy(self) -> RoutingPolicy:
        """The version to use: the new one if it is promoted, else the parent."""
        return self.new if self.promoted else self.old

    def frame(self) -> pd.DataFrame:
        """One row per source of evidence: n, value, low, high, judge."""
        return pd.DataFrame(
            [e.to_dict() for e in self.evidence], columns=["source", "n", "value", "low", "high", "judge"]
        )

    def conclusion(self) -> str:
        """Say in a sentence what became of the new version."""
        new, old = self.new.checksum[:8], self.old.checksum[:8]
        if self.forced:
            return f"Version {new} is promoted by force; it is not shown to be better than its parent {old}."
        if self.promoted:
            return f"Version {new} is promoted: it is better than its parent {old}."
        return f"Version {new} is not promoted: it is not shown to be better than its parent {old}."

    def text(self) -> str:
        """What was learned from, the comparison, and what came of it, as plain text."""
        parts = [
            f"Learned from {self.n_benchmark} benchmark queries and {self.n_feedback} judged answers on "
            f"{self.n_queries} queries, {self.n_explored} of them explored.",
            f"Utility (accuracy - {self.old.cost_weight:.3g} * cost) of the new version minus the old one's, held out:",
        ]
        parts += [f"  {e.source}: {e.value:+.4f} [{e.low:+.4f}, {e.high:+.4f}], n = {e.n}" for e in self.evidence]
        parts += [] if self.evidence else ["  nothing to compare them on"]
        return "\n".join([*parts, *(f"Note: {note}" for note in self.notes), self.conclusion()])

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        versions = {"new": self.new.checksum, "parent": self.old.checksum}
        names = ("promoted", "forced", "n_feedback", "n_queries", "n_explored", "n_benchmark", "notes")
        content: dict[str, Any] = plain({name: getattr(self, name) for name in names})
        return versions | content | {"evidence": plain([e.to_dict() for e in self.evidence])}

    def plot(self) -> Figure:
        """The difference in utility with its interval, by source of evidence."""
        from zeta_eval.evaluation.reports.style import canvas

        figure, ((axes,),) = canvas(size=(6, 1 + 0.4 * max(1, len(self.evidence))))
        for i, e in enumerate(reversed(self.evidence)):
            axes.plot([e.low, e.high], [i, i], color="C0", linewidth=2)
            axes.plot(e.value, i, "o", color="C0")
        axes.axvline(0, color="0.5", linewidth=0.8)
        axes.set_yticks(range(len(self.evidence)), [f"{e.source} (n = {e.n})" for e in reversed(self.evidence)])
        axes.set_ylim(-0.6, max(1, len(self.evidence)) - 0.4)
        axes.set_xlabel("utility of the new version minus the old one's, 95 % interval")
        return figure

    def __repr__(self) -> str:
        return self.text()

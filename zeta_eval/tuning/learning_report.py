"""The report of `zeta learn`: the new version of a policy, how it compares with the old one, whether it is promoted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from zeta_eval.evaluation.reports.report import ReplayReport
from zeta_eval.files import plain
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.policy import RoutingPolicy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from zeta_eval.evaluation.reports.versus_report import Versus
    from zeta_eval.tuning.report import TuningReport


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """Utility of the new version minus the old one's, by one source, on queries that neither was fitted to."""

    source: str
    """"replay of outcomes", "all sizes judged by SOURCE" (replayed too), "explored feedback by SOURCE" (doubly robust)
    or "together"."""
    n: int
    """Number of queries."""
    value: float
    """Mean difference of accuracy - cost_weight * cost, paired by query."""
    low: float
    """Lower end of its 95 % interval."""
    high: float
    """Upper end."""
    judge: str | None = None
    """The source of feedback, where it is not trusted; None for a trusted one, for outcomes, and for several."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LearningReport:
    """A new version of a policy beside its parent."""

    old: RoutingPolicy
    """The policy in use, the parent."""
    new: RoutingPolicy
    """The new version. Its provenance names the parent and the feedback."""
    differences: tuple[Difference, ...]
    """How the two compare, by source; the last one decides. Empty where nothing could compare them."""
    promoted: bool
    """Whether the new version is to be used: it is shown to be better (`promotion.shown`), or forced."""
    forced: bool
    """Whether it is promoted although it is not shown to be better."""
    n_feedback: int
    """Number of ratings: an answer that two sources judged has two."""
    n_queries: int
    """Number of queries with a rating."""
    n_explored: int
    """Number of ratings that can compare sizes, because the size was drawn with a known chance."""
    n_benchmark: int
    """Number of complete queries of the benchmark."""
    versus: Versus | None
    """The replay of both on held-out outcomes in full; None without outcomes."""
    tuning: TuningReport
    """The study. Its test figures count scores that were filled in; the differences and the verdict do not."""
    notes: tuple[str, ...] = ()
    """What a reader should know."""
    benchmark: Outcomes | None = None
    """The benchmark's queries, split as for the comparison; None without outcomes."""
    test: ReplayReport | None = None
    """The new version on the benchmark's test split, by its outcomes alone; None where there is none."""

    @property
    def policy(self) -> RoutingPolicy:
        """The version to use: the new one if it is promoted, else the parent."""
        return self.new if self.promoted else self.old

    def frame(self) -> pd.DataFrame:
        """One row per difference: source, n, value, low, high, judge."""
        return pd.DataFrame(
            [asdict(d) for d in self.differences], columns=["source", "n", "value", "low", "high", "judge"]
        )

    def conclusion(self) -> str:
        """Whether the new version takes the place of the old one, in a sentence."""
        new, old = self.new.checksum[:8], self.old.checksum[:8]
        if self.forced:
            return f"Version {new} is promoted by force; it is not shown to be better than its parent {old}."
        if self.promoted:
            return f"Version {new} is promoted: it is better than its parent {old}."
        return (
            f"Version {new} is not promoted: it is not shown to be better than its parent {old}, which stays in use. "
            "More ratings, or more sizes drawn by lot (explore), may show it."
        )

    def text(self) -> str:
        """The feedback that was used, the comparison and the conclusion, as plain text."""
        parts = [
            f"Learned from {self.n_benchmark} benchmark queries and {self.n_feedback} judged answers on "
            f"{self.n_queries} queries, {self.n_explored} of them while sizes were drawn by lot.",
            f"Utility (accuracy - {self.old.cost_weight:.3g} * cost) of the new version minus the old one's, held out:",
        ]
        parts += [f"  {e.source}: {e.value:+.4f} [{e.low:+.4f}, {e.high:+.4f}], n = {e.n}" for e in self.differences]
        parts += [] if self.differences else ["  nothing to compare them on"]
        return "\n".join([*parts, *(f"Note: {note}" for note in self.notes), self.conclusion()])

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        versions = {"new": self.new.checksum, "parent": self.old.checksum}
        names = ("promoted", "forced", "n_feedback", "n_queries", "n_explored", "n_benchmark", "notes")
        content: dict[str, Any] = plain({name: getattr(self, name) for name in names})
        return versions | content | {"differences": plain([asdict(d) for d in self.differences])}

    def plot(self) -> Axes:
        """The axes of `figure`, for a notebook to show and for you to draw on."""
        return self.figure().axes[0]

    def figure(self) -> Figure:
        """Draw the difference in utility with its interval, by source."""
        from zeta_eval.evaluation.reports.style import canvas

        figure, ((axes,),) = canvas(size=(6, 1 + 0.4 * max(1, len(self.differences))))
        for i, e in enumerate(reversed(self.differences)):
            axes.plot([e.low, e.high], [i, i], color="C0", linewidth=2)
            axes.plot(e.value, i, "o", color="C0")
        axes.axvline(0, color="0.5", linewidth=0.8)
        axes.set_yticks(range(len(self.differences)), [f"{e.source} (n = {e.n})" for e in reversed(self.differences)])
        axes.set_ylim(-0.6, max(1, len(self.differences)) - 0.4)
        axes.set_xlabel("utility of the new version minus the old one's, 95 % interval")
        return figure

    def __repr__(self) -> str:
        return self.text()

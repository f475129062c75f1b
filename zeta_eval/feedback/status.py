"""A history in numbers: decisions, feedback, each size by week, and changes over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from zeta_eval.feedback.drift import Drift, DriftEvent
from zeta_eval.files import plain

if TYPE_CHECKING:
    from zeta_eval.feedback.history import History


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class HistoryStatus:
    """A history in numbers."""

    decisions: int
    """Decisions recorded."""
    judged: float
    """Share of them that have a score, in [0, 1]; NaN without decisions."""
    explored: float
    """Share of them with a propensity below 1."""
    by_source: pd.Series
    """Judged decisions by the kind of judge of their newest score."""
    by_policy: pd.Series
    """Decisions by policy version."""
    weeks: pd.DataFrame
    """One row per week (its Monday, UTC) and size whose answer was kept: decisions, judged, success (mean score),
    latency_p50_s and latency_p95_s of queries on which one size ran; NaN where there is none."""
    drift: tuple[DriftEvent, ...]
    """Changes in complexity, success and latency, oldest first."""
    damaged: int = 0
    """Decisions that were left out, since something in them can't be right."""

    @classmethod
    def of(cls, history: History) -> HistoryStatus:
        """Count what is in a history."""
        frame = history.frame()
        return cls(
            decisions=len(frame),
            judged=float(frame["score"].notna().mean()),
            explored=float((frame["propensity"] < 1).mean()),
            by_source=frame["source"].dropna().value_counts(),
            by_policy=frame["policy"].value_counts(),
            weeks=_weeks(frame),
            drift=tuple(Drift.of(frame).events),
            damaged=len(history.damaged),
        )

    def frame(self) -> pd.DataFrame:
        """One row per week and size; see `weeks`."""
        return self.weeks

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        content = {"decisions": self.decisions, "judged": self.judged, "explored": self.explored}
        content |= {"damaged": self.damaged} if self.damaged else {}
        counts = {"by_source": self.by_source.to_dict(), "by_policy": self.by_policy.to_dict()}
        events = {"weeks": self.weeks.to_dict("records"), "drift": [str(event) for event in self.drift]}
        made: dict[str, Any] = plain(content | counts | events)
        return made

    def text(self) -> str:
        """The counts, the table by week, and what changed, as plain text."""
        left_out = f"{self.damaged} damaged rows are left out; `zeta history check` names them."
        if not self.decisions:
            return left_out if self.damaged else "No decisions yet."
        judges = ", ".join(f"{source} {n}" for source, n in self.by_source.items()) or "nobody"
        policies = ", ".join(f"{name} {n}" for name, n in self.by_policy.items())
        table = self.weeks.to_string(index=False, float_format="{:.3g}".format, na_rep="-")
        counts = f"{self.decisions} decisions, {self.judged:.1%} judged (by {judges}), {self.explored:.1%} explored"
        drift = [f"Drift: {event}" for event in self.drift or ["none found"]]
        return "\n".join([counts, *[left_out] * bool(self.damaged), f"Policies: {policies}", "", table, "", *drift])

    def __repr__(self) -> str:
        return self.text()


def _weeks(frame: pd.DataFrame) -> pd.DataFrame:
    """Group decisions by week and by the size whose answer was kept."""
    kept = frame.dropna(subset=["final_size"])
    days = pd.to_datetime(kept["created_at"], utc=True).dt.tz_localize(None)
    monday = days.dt.to_period("W").dt.start_time.dt.strftime("%Y-%m-%d")
    alone = kept["latency_s"].where(kept["steps"].map(len) == 1)
    groups = kept.assign(week=monday, latency_s=alone).groupby(["week", "final_size"], sort=True)
    return groups.agg(
        decisions=("size", "size"),
        judged=("score", "count"),
        success=("score", "mean"),
        latency_p50_s=("latency_s", lambda s: s.quantile(0.5)),
        latency_p95_s=("latency_s", lambda s: s.quantile(0.95)),
    ).reset_index(names=["week", "size"])

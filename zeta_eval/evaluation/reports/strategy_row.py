"""The metrics of a replay report: each is one entry with its name, how it is computed and how it is printed.

A metric is a field of `StrategyRow`. The report's text, HTML, frame and JSON are made from the fields, so that a new
metric is one more field here, and a function of `zeta_eval.evaluation.measures.metrics` where its formula is long.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from zeta_eval.arrays import Floats
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.measures.statistics import Measure, wilson
from zeta_eval.evaluation.reports.tables import INTERVAL, cell

Ends = tuple[float, float]
"""Low and high end of an interval."""
_UNKNOWN = Measure(math.nan, math.nan, math.nan)


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What one strategy did with Q queries on M sizes: all that a metric may be computed from."""

    strategy: str
    """Name of the strategy."""
    data: Evaluator
    """Scores and costs of the sizes on the queries."""
    share: Floats
    """Probability with which each query's answer is that of each size, shape (Q, M)."""
    score: Floats
    """Score of each query, shape (Q,)."""
    latency: Floats
    """Time in seconds until each size's answer, shape (Q, M); NaN where the table has none."""
    accuracy: Measure
    """Mean score."""
    cost: Measure
    """Mean real cost, as a share of the largest size's."""
    accuracy_ratio: Measure
    """Mean score as a share of the largest size's, paired by query."""
    cost_ratio: Measure
    """Mean real cost as a share of the largest size's, paired by query."""
    n_families: int
    """Families of like queries, which errors count."""
    flags: Mapping[str, Floats]
    """By column, whether each size's answer is flagged, shape (Q, M); NaN where it is not known."""
    lift: Measure
    """Accuracy above the best random mix of sizes at equal cost."""
    gap_closed: Measure
    """Share of the area between random mix and oracle that the strategy's curve closes."""

    def latency_quantile(self, q: float) -> float | None:
        """Quantile of the latencies of the sizes used; None where one of them is absent."""
        used = self.share > 0
        values = self.latency[used]
        if np.isnan(values).any():
            return None
        return float(np.quantile(values, q, weights=self.share[used], method="inverted_cdf"))

    def latency_ends(self, q: float) -> Ends:
        """Interval of that quantile, by ranks (Woodruff 1952): holds for any distribution."""
        low, high = (self.latency_quantile(end) for end in wilson(q * self.n_families, self.n_families)[1:])
        return (math.nan, math.nan) if low is None or high is None else (low, high)

    def shares(self) -> dict[str, Measure]:
        """Share of queries by size, with its interval."""
        n, means = self.n_families, self.share.mean(axis=0).tolist()
        return {size: Measure(x, *wilson(x * n, n)[1:]) for size, x in zip(self.data.sizes, means, strict=True)}

    def flagged(self, column: str) -> Measure:
        """Share of the answers kept that are flagged, with its interval; NaN where one of them is not known."""
        flags, n = self.flags.get(column, np.full(self.share.shape, np.nan)), self.n_families
        value = float((self.share * np.where(self.share > 0, flags, 0.0)).sum(axis=1).mean())
        return _UNKNOWN if math.isnan(value) else Measure(value, *wilson(value * n, n)[1:])


def metric(compute: Callable[[Measured], Any], heading: str = "", form: str = "") -> dict[str, Any]:
    """Say how a field of `StrategyRow` is computed, and its column's heading and format; no heading, no column."""
    return {"compute": compute, "heading": heading, "form": form}


@dataclass(frozen=True, kw_only=True, slots=True)
class StrategyRow:
    """How one strategy did. Every interval is 95 %; NaN where a metric has no meaning for the strategy."""

    strategy: str = field(metadata=metric(lambda m: m.strategy, "strategy"))
    """Name: "policy", "policy, <way to use it>", "<size> alone", "random mix", "length only", "kNN" or "oracle"."""
    accuracy: float = field(metadata=metric(lambda m: m.accuracy.value, "accuracy", ".3f"))
    """Mean score, in [0, 1]."""
    accuracy_ci: tuple[float, float] = field(metadata=metric(lambda m: m.accuracy[1:], INTERVAL, ".3f"))
    """Interval of the accuracy."""
    cost: float = field(metadata=metric(lambda m: m.cost.value * m.data.unit_cost, "cost", ".3g"))
    """Mean real cost per query, in the report's cost unit."""
    cost_ci: tuple[float, float] = field(metadata=metric(lambda m: tuple(c * m.data.unit_cost for c in m.cost[1:])))
    """Interval of the cost."""
    cost_ratio: float = field(metadata=metric(lambda m: m.cost.value, "of largest", ".1%"))
    """Cost as a share of the largest size's."""
    cost_ratio_ci: Ends = field(metadata=metric(lambda m: m.cost_ratio[1:]))
    """Interval of that share."""
    accuracy_ratio: float = field(metadata=metric(lambda m: m.accuracy_ratio.value))
    """Accuracy as a share of the largest size's."""
    accuracy_ratio_ci: Ends = field(metadata=metric(lambda m: m.accuracy_ratio[1:]))
    """Interval of that share."""
    latency_p50_s: float | None = field(metadata=metric(lambda m: m.latency_quantile(0.5), "p50 s", ".3g"))
    """Median latency of the chosen sizes, in seconds; None where the table has none."""
    latency_p50_s_ci: Ends = field(metadata=metric(lambda m: m.latency_ends(0.5)))
    """Interval of the median."""
    latency_p95_s: float | None = field(metadata=metric(lambda m: m.latency_quantile(0.95), "p95 s", ".3g"))
    """95th percentile of the latency, in seconds."""
    latency_p95_s_ci: Ends = field(metadata=metric(lambda m: m.latency_ends(0.95)))
    """Interval of the 95th percentile."""
    shares: Mapping[str, float] = field(
        metadata=metric(lambda m: {size: share.value for size, share in m.shares().items()}, "% of queries")
    )
    """Share of queries by size."""
    shares_ci: Mapping[str, Ends] = field(
        metadata=metric(lambda m: {size: share[1:] for size, share in m.shares().items()})
    )
    """Interval of each share."""
    unparsed: float = field(metadata=metric(lambda m: m.flagged("unparsed").value))
    """Share of the answers kept in which no answer was found; NaN where the table does not say."""
    unparsed_ci: Ends = field(metadata=metric(lambda m: m.flagged("unparsed")[1:]))
    """Interval of that share."""
    truncated: float = field(metadata=metric(lambda m: m.flagged("truncated").value))
    """Share of the answers kept that were cut off; NaN where the table does not say."""
    truncated_ci: Ends = field(metadata=metric(lambda m: m.flagged("truncated")[1:]))
    """Interval of that share."""
    gap_closed: float = field(metadata=metric(lambda m: m.gap_closed.value, "gap closed", ".3f"))
    """Share of the area between random mix and oracle that the strategy's curve closes."""
    gap_closed_ci: tuple[float, float] = field(metadata=metric(lambda m: m.gap_closed[1:], INTERVAL, ".3f"))
    """Interval of the gap closed."""
    lift: float = field(metadata=metric(lambda m: m.lift.value, "lift", "+.3f"))
    """Accuracy above the best random mix of sizes at equal cost."""
    lift_ci: tuple[float, float] = field(metadata=metric(lambda m: m.lift[1:], INTERVAL, "+.3f"))
    """Interval of the lift."""

    @classmethod
    def of(cls, measured: Measured) -> StrategyRow:
        """Compute every metric of a strategy."""
        return cls(**{f.name: f.metadata["compute"](measured) for f in fields(cls)})

    @classmethod
    def headings(cls) -> tuple[str, ...]:
        """Headings of the columns that are printed."""
        return tuple(f.metadata["heading"] for f in fields(cls) if f.metadata["heading"])

    def cells(self) -> tuple[str, ...]:
        """What stands in those columns."""
        printed = (f for f in fields(self) if f.metadata["heading"])
        return tuple(cell(getattr(self, f.name), f.metadata["form"]) for f in printed)

    def record(self) -> dict[str, Any]:
        """Return every metric by name; intervals as `_low` and `_high`, shares as `share_<size>`."""
        found: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            name = f.name.removesuffix("_ci")
            if isinstance(value, Mapping):
                for size, x in value.items():
                    found |= _named(f"{name.removesuffix('s')}_{size}", x)
            else:
                found |= _named(name, value)
        return found


def _named(name: str, value: Any) -> dict[str, Any]:
    """A value under its name; the ends of an interval as `_low` and `_high`."""
    return dict(zip((f"{name}_low", f"{name}_high"), value, strict=True)) if isinstance(value, tuple) else {name: value}

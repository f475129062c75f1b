"""A policy at several cost weights on the same queries: which sizes each query ran, and what they cost and scored."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from zeta_eval.arrays import Floats
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.runs import PolicyRuns
from zeta_eval.evaluation.measures.statistics import Bootstrap, Measure, measure
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.policy import RoutingPolicy


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyCurve:
    """Results of a policy with M sizes on Q queries at K cost weights. Costs are shares of the largest's mean cost."""

    sizes: tuple[str, ...]
    """The policy's sizes, cheapest first."""
    weights: Floats
    """Ascending finite cost weights, shape (K,)."""
    kept: npt.NDArray[np.intp]
    """Index of the size whose answer is kept, shape (K, Q)."""
    ran: npt.NDArray[np.bool_]
    """Which sizes ran, shape (K, Q, M)."""
    score: Floats
    """Score of the kept answer, shape (Q, K)."""
    cost: Floats
    """Cost of all sizes that ran, shape (Q, K)."""
    latency: Floats
    """Time of all sizes that ran, in seconds, shape (Q, K); NaN where the table has none."""

    @classmethod
    def of(cls, policy: RoutingPolicy, table: Outcomes, data: Evaluator, weights: Floats | None = None) -> PolicyCurve:
        """Run every query at finite cost weights (K,), else at those of the policy's curve and its own.

        The table, also given as arrays, has exactly the policy's sizes. Where the policy cascades, every step counts.
        """
        runs = PolicyRuns.of(policy, table, data.features)
        if weights is None:
            weights = np.unique([*runs.finite_weights(), policy.cost_weight])
        seconds, found = table.matrix("latency_s"), [runs.at(weight) for weight in weights.tolist()]
        return cls(
            sizes=data.sizes,
            weights=weights,
            kept=np.array([run.kept for run in found]),
            ran=np.array([run.ran for run in found]),
            score=np.column_stack([data.of(run.kept)[0] for run in found]),
            cost=np.column_stack([run.paid(data.cost) for run in found]),
            latency=np.column_stack([run.paid(seconds) for run in found]),
        )

    def with_one(self, one: PolicyCurve, place: int) -> PolicyCurve:
        """Return this curve with the only cost weight of another of the same policy and queries, at a place."""
        first = {
            name: np.insert(getattr(self, name), place, getattr(one, name)[0], 0) for name in ("weights", "kept", "ran")
        }
        last = {n: np.insert(getattr(self, n), place, getattr(one, n)[:, 0], 1) for n in ("score", "cost", "latency")}
        return replace(self, **first, **last)

    def steps(self, k: int, rows: npt.NDArray[np.intp] | None = None) -> npt.NDArray[np.object_]:
        """Return the sizes that ran at weight k: "4B" or "4B > 14B"; of some queries (N,) or of all."""
        codes, which = np.unique(self.ran[k] if rows is None else self.ran[k, rows], axis=0, return_inverse=True)
        words = [" > ".join(s for s, there in zip(self.sizes, row, strict=True) if there) for row in codes]
        return np.array(words, dtype=object)[which.ravel()]

    def frame(self, bootstrap: Bootstrap, unit_cost: float) -> pd.DataFrame:
        """Return a row per cost weight: accuracy and cost with 95 % intervals, latency, shares of the kept sizes.

        Costs are in the table's unit, in which a cost of 1 is `unit_cost`.
        """
        k = len(self.weights)
        samples = bootstrap.means(np.hstack([self.score, self.cost]))
        rows = []
        for i in range(k):
            accuracy = measure(self.score[:, i].mean(), samples[:, i])
            cost = measure(self.cost[:, i].mean(), samples[:, k + i])
            p50, p95 = quantiles(self.latency[:, i])
            share = np.bincount(self.kept[i], minlength=len(self.sizes)) / self.kept.shape[1]
            rows.append(
                {
                    "cost_weight": float(self.weights[i]),
                    **accuracy.named("accuracy"),
                    **Measure(*(x * unit_cost for x in cost)).named("cost"),
                    "cost_ratio": cost.value,
                    "latency_p50_s": p50,
                    "latency_p95_s": p95,
                    **{f"share_{s}": float(x) for s, x in zip(self.sizes, share, strict=True)},
                }
            )
        return pd.DataFrame(rows)


def quantiles(latency: Floats) -> tuple[float, float]:
    """Return median and 95th percentile of latencies (Q,) in seconds; NaN where one of them is absent."""
    if np.isnan(latency).any():
        return math.nan, math.nan
    p50, p95 = np.quantile(latency, [0.5, 0.95], method="inverted_cdf")
    return float(p50), float(p95)

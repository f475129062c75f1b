"""Lift: accuracy above the best random mix of sizes at equal cost, with an interval that holds for rare deviations.

A policy that nearly always takes one size differs from the mix on a few queries only. A sample may then hold only the
lucky ones, and an interval of what was seen is too sure of itself. So every resample also gets a part of a query that
was not seen: half of the worst one that could have come (for the lower end) or of the best (for the upper end), with a
random weight of Gamma(1/2). One such query would be the exact bound for a share (Clopper and Pearson 1934); a half
keeps false proofs at their rate with less loss of power (`benchmarks/intervals.py`).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from zeta_eval.arrays import Floats, Sizes
from zeta_eval.evaluation.measures.metrics import hull, mix
from zeta_eval.evaluation.measures.statistics import Bootstrap, Measure

UNSEEN_SHAPE = 0.5
"""Shape of the gamma distribution of the unseen query's weight: its mean, in queries."""

ABOVE_ZERO = 1e-9
"""A lift of exactly zero leaves so much by rounding."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Excess:
    """What a policy has over the mix, query by query, in units of the score."""

    seen: Floats
    """Per query, shape (Q,); the mean is the lift."""
    worst: float
    """The least that one more query could bring; at most 0."""
    best: float
    """The most that one more query could bring; at least 0."""


def excess(score: Floats, cost: Floats, kept: Sizes, each_score: Floats, each_cost: Floats) -> Excess:
    """Compare a policy's score, cost and kept sizes, each (Q,), with the best random mix of sizes that costs as much.

    Scores and costs of each size have the shape (Q, M); the policy's cost is that of all sizes that ran.
    """
    singles = np.column_stack([each_cost.mean(axis=0), each_score.mean(axis=0)])
    shares, slope = mix(singles, float(cost.mean())), _slope(singles, float(cost.mean()))
    mixed = each_cost @ shares
    seen = score - each_score @ shares - slope * (cost - mixed)
    used = np.unique(kept)
    spent = np.array([cost[kept == m].mean() for m in used]) - mixed.mean()
    room = 1.0 - shares[used]
    return Excess(
        seen=seen,
        worst=float(min(seen.min(), (-room - slope * spent).min())),
        best=float(max(seen.max(), (room - slope * spent).max())),
    )


def _slope(singles: Floats, cost: float) -> float:
    """Return the slope of the mix's hull at a cost: accuracy for one more unit of cost; 0 beyond its ends."""
    corners = hull(singles)
    for (x0, y0), (x1, y1) in pairwise(corners):
        if x0 < cost <= x1:
            return float((y1 - y0) / (x1 - x0))
    return 0.0


def lift(found: Excess, bootstrap: Bootstrap, *, seed: int = 0) -> Measure:
    """Return the lift with its 95 % interval; the seed is that of the unseen query's weights."""
    means, drawn = bootstrap.means(found.seen[:, None])[:, 0], bootstrap.drawn
    unseen = np.random.default_rng([seed, 0x5EED]).gamma(UNSEEN_SHAPE, size=len(means)) * bootstrap.unit
    total = drawn + unseen
    low, high = ((means * drawn + unseen * end) / total for end in (found.worst, found.best))
    return Measure(float(found.seen.mean()), float(np.quantile(low, 0.025)), float(np.quantile(high, 0.975)))

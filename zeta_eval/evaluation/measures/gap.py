"""Gap closed: how much of the way from a random mix of sizes to an oracle a cost-quality curve goes, with its error.

The area under a curve is taken as the curve is: point after point by falling cost weight, as a user would turn the
weight, from the cheapest size alone to the dearest size's mean cost. No point is chosen on the queries that judge the
curve: the upper hull of the same points looks better than it is (0.05 on pure noise at 300 queries), so it is not used.

The error comes from each query's influence on the area: how much the area moves when that query counts a little more.
The standard deviation of the influences over the root of the number of queries is the standard error (Hampel 1974,
The influence curve and its role in robust estimation).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from zeta_eval.arrays import Floats, Sizes
from zeta_eval.evaluation.measures.metrics import hull
from zeta_eval.evaluation.measures.statistics import Measure, standard_error

Walk = Callable[[Floats], tuple[Floats, Floats]]
"""Cost weights (k,) -> each query's cost and score there, each (Q, k)."""

_HELD = 1 << 25
"""Costs and scores of points of a curve that are held at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Area:
    """Mean score under a curve over the single sizes' range of costs, with what each query adds to it."""

    value: float
    """The area, in the unit of the score."""
    influence: Floats
    """How far each query moves the area, shape (Q,); the mean is 0."""
    points: Floats
    """Mean (cost, score) at each cost weight, shape (K, 2), in the order of the weights given."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """The range over which areas are taken, as each query sees it."""

    cheapest_cost: Floats
    """Cost of the size that is cheapest on average, shape (Q,)."""
    cheapest_score: Floats
    """Score of that size, shape (Q,)."""
    dearest_cost: Floats
    """Cost of the size that is dearest on average, shape (Q,)."""

    @classmethod
    def of(cls, cost: Floats, score: Floats) -> Frame:
        """Find the cheapest and the dearest size of costs and scores (Q, M)."""
        mean = cost.mean(axis=0)
        low, high = int(mean.argmin()), int(mean.argmax())
        return cls(cheapest_cost=cost[:, low], cheapest_score=score[:, low], dearest_cost=cost[:, high])


def curve_area(frame: Frame, weights: Floats, walk: Walk) -> Area:
    """Return the area under the curve that cost weights (K,) trace, whatever their order."""
    q, order = len(frame.cheapest_cost), np.argsort(-weights, kind="stable")
    step = max(1, _HELD // (2 * q))
    parts = [order[k : k + step] for k in range(0, len(order), step)]
    held = walk(weights[order]) if len(parts) == 1 else None
    means = [np.column_stack([x.mean(axis=0) for x in (held or walk(weights[part]))]) for part in parts]
    points = np.concatenate(means)
    value, slopes, ends = _gradient(points, frame)
    influence = (
        ends[0] * (frame.cheapest_cost - frame.cheapest_cost.mean())
        + ends[1] * (frame.cheapest_score - frame.cheapest_score.mean())
        + ends[2] * (frame.dearest_cost - frame.dearest_cost.mean())
    )
    at = 0
    for part in parts:
        cost, score = held or walk(weights[part])
        rows = slice(at, at + len(part))
        influence = influence + (cost - points[rows, 0]) @ slopes[rows, 0] + (score - points[rows, 1]) @ slopes[rows, 1]
        at += len(part)
    back = np.empty_like(points)
    back[order] = points
    return Area(value=value, influence=influence, points=back)


def mix_area(frame: Frame, cost: Floats, score: Floats, corners: Sequence[int]) -> Area:
    """Return the area under the random mix: straight lines between its corner sizes, cheapest first; arrays (Q, M)."""
    dearest_first = np.array(corners[::-1], dtype=np.intp)

    def walk(places: Floats) -> tuple[Floats, Floats]:
        at = dearest_first[places.astype(np.intp)]
        return cost[:, at], score[:, at]

    return curve_area(frame, np.arange(len(corners), dtype=np.float64), walk)


def closed(curve: Area, mix: Area, oracle: Area) -> tuple[float, Floats]:
    """Return the gap closed, and each query's influence on it, shape (Q,); NaN where the oracle adds nothing.

    (area of the curve - area of the mix) / (area of the oracle - area of the mix): 0 is no better than mixing by lot,
    1 is the oracle, below 0 is worse than the lot.
    """
    room = oracle.value - mix.value
    if not room > 1e-12:
        return math.nan, np.full_like(curve.influence, math.nan)
    theta = (curve.value - mix.value) / room
    return theta, (curve.influence - (1 - theta) * mix.influence - theta * oracle.influence) / room


def interval(value: float, influence: Floats, families: Sizes | None = None) -> Measure:
    """Return a value with the 95 % interval that its queries' influences (Q,) give, by Student's t.

    Where queries come in families of like ones (indices, shape (Q,)), families are the units, not queries.
    """
    units = len(influence) if families is None else int(families.max()) + 1
    half = float(student.ppf(0.975, units - 1)) * standard_error(influence, families) if units > 1 else math.nan
    return Measure(value, value - half, value + half)


def mix_corners(singles: Floats) -> list[int]:
    """Return the sizes, cheapest first, that the best random mix uses, from mean (cost, score) of each, (M, 2)."""
    corners = hull(singles)
    return [int(np.flatnonzero((singles == corner).all(axis=1))[0]) for corner in corners]


def _gradient(points: Floats, frame: Frame) -> tuple[float, Floats, tuple[float, float, float]]:
    """Return the area under points (K, 2), by falling cost weight, and its derivatives.

    Those are by each point's cost and score, shape (K, 2), and by the frame's three means: the cheapest size's cost and
    score and the dearest size's cost.
    """
    x0, y0, top = (float(v.mean()) for v in (frame.cheapest_cost, frame.cheapest_score, frame.dearest_cost))
    width = top - x0
    if not width > 0:
        return math.nan, np.full_like(points, math.nan), (math.nan, math.nan, math.nan)
    u = np.concatenate([[x0], np.clip(points[:, 0], x0, top), [top]])
    v = np.concatenate([[y0], points[:, 1], points[-1:, 1]])
    total = float(np.diff(u) @ (v[:-1] + v[1:])) / 2
    by_cost, by_score = (v[:-2] - v[2:]) / 2, (u[2:] - u[:-2]) / 2
    by_score[-1] += (top - u[-2]) / 2
    low, high = points[:, 0] < x0, points[:, 0] > top
    by_x0 = -(v[0] + v[1]) / 2 + by_cost[low].sum()
    by_top = v[-1] + by_cost[high].sum()
    by_cost = np.where(low | high, 0.0, by_cost)
    ends = (by_x0 / width + total / width**2, (u[1] - x0) / 2 / width, by_top / width - total / width**2)
    return total / width, np.column_stack([by_cost, by_score]) / width, ends

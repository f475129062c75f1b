"""Metrics of a router, with the usual definitions, as pure functions on points of (cost, score).

Points have the shape (..., K, 2), cost first; leading axes are bootstrap samples, computed side by side. A *random
mix* sends each query to a size by lot, so it reaches every point on the straight lines between single sizes; the best
one at each cost is their upper hull. All areas are between the cheapest and the dearest single size's mean cost.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from zeta_eval.arrays import Floats


def _edges(points: Floats) -> Iterator[tuple[Floats, Floats, Floats, Floats]]:
    """Yield the edges (x0, y0, x1, y1) of the upper non-decreasing concave hull, left to right, for samples at once.

    Gift wrapping: from the cheapest point on, always the steepest rise; the last edge is flat and goes to infinity.
    A sample whose hull has ended yields edges of no length until all have.
    """
    x, y = points[..., 0], points[..., 1]
    x0 = x.min(axis=-1)
    y0 = np.where(x == x0[..., None], y, -np.inf).max(axis=-1)
    while True:
        dx, dy = x - x0[..., None], y - y0[..., None]
        rises = (dx > 0) & (dy > 0)
        with np.errstate(over="ignore"):  # steps of next to no cost
            slope = np.divide(dy, dx, out=np.zeros_like(dx), where=rises)
        steepest = slope.argmax(axis=-1)[..., None]
        going = np.take_along_axis(rises, steepest, axis=-1)[..., 0]
        if not going.any():
            break
        x1 = np.where(going, np.take_along_axis(x, steepest, axis=-1)[..., 0], x0)
        y1 = np.where(going, np.take_along_axis(y, steepest, axis=-1)[..., 0], y0)
        yield x0, y0, x1, y1
        x0, y0 = x1, y1
    yield x0, y0, np.full_like(x0, np.inf), y0


def _height(edge: tuple[Floats, Floats, Floats, Floats], at: Floats) -> Floats:
    """Return the score on an edge at a cost, that of its nearer end beyond it."""
    x0, y0, x1, y1 = edge
    width = x1 - x0
    way = np.divide(np.clip(at, x0, x1) - x0, width, out=np.zeros_like(y0), where=width > 0)
    return np.asarray(y0 + way * (y1 - y0))


def hull(points: Floats) -> Floats:
    """Return the corners of the upper non-decreasing concave hull of (K, 2) points, cheapest first, shape (H, 2).

    Source: RouterBench, section 3 (arXiv 2403.12031): any point between two routers is reached by mixing them.
    """
    edges = list(_edges(points[None]))
    return np.array([(x0[0], y0[0]) for x0, y0, _, _ in edges])


def hull_value(points: Floats, cost: Floats) -> Floats:
    """Return the hull's score at a cost, shapes (..., K, 2) and (...) -> (...).

    On the points of single sizes this is the best random mix at that cost. Cheaper than every point: the cheapest
    point's score; dearer than the best: the best score.
    """
    value: Floats | None = None
    for edge in _edges(points):
        value = edge[1] if value is None else value
        value = np.where((cost >= edge[0]) & (cost <= edge[2]), _height(edge, cost), value)
    assert value is not None  # _edges yields at least the flat edge
    return value


def mix(points: Floats, cost: float) -> Floats:
    """Return the share of queries per single size, shape (M,), in the best random mix that costs no more than `cost`.

    Points are mean (cost, score) of each size, (M, 2). Below the cheapest size's cost all goes to that one.
    """
    x, y = points[:, 0], points[:, 1]
    shares = np.zeros(len(points))
    affordable = np.flatnonzero(x <= cost)
    if not affordable.size:
        shares[np.lexsort((-y, x))[0]] = 1.0
        return shares
    low = affordable[np.lexsort((x[affordable], -y[affordable]))[0]]
    best, pair = y[low], (low, low, 0.0)
    for i in affordable:
        for j in np.flatnonzero(x > cost):
            t = (cost - x[i]) / (x[j] - x[i])
            if (value := (1 - t) * y[i] + t * y[j]) > best:
                best, pair = value, (i, j, t)
    i, j, t = pair
    shares[i] += 1 - t
    shares[j] += t
    return shares


def area(curve: Floats, singles: Floats) -> Floats:
    """Return the mean score under a curve's hull over the single sizes' range of costs, in [0, 1]; NaN if no range.

    The cheapest single size counts as a point of every curve, since any router can be set to it. This is AIQ, the
    average improvement in quality (RouterBench, arXiv 2403.12031), with the range fixed by the single sizes.
    """
    cost = singles[..., 0]
    low, high = cost.min(axis=-1), cost.max(axis=-1)
    anchor = np.where(cost == low[..., None], singles[..., 1], -np.inf).argmax(axis=-1)[..., None, None]
    points = np.concatenate([curve, np.take_along_axis(singles, anchor, axis=-2)], axis=-2)
    total = np.zeros_like(low)
    for edge in _edges(points):
        a, b = np.clip(edge[0], low, high), np.clip(edge[2], low, high)
        total += (b - a) * (_height(edge, a) + _height(edge, b)) / 2
    return np.asarray(np.divide(total, high - low, out=np.full_like(low, np.nan), where=high > low))


def pgr(score: Floats | float, weak: Floats | float, strong: Floats | float) -> Floats:
    """Return the performance gap recovered, (score - weak) / (strong - weak); NaN where there is no gap.

    Source: RouteLLM, section 3 (arXiv 2406.18665).
    """
    gap = np.subtract(strong, weak)
    return np.asarray(np.divide(np.subtract(score, weak), gap, out=np.full(np.shape(gap), np.nan), where=gap > 0))


def _recovered(curve: Floats, weak: Floats, strong: Floats) -> tuple[Floats, Floats]:
    """Return a curve's share of the way from weak to strong in cost, ascending, and the PGR there; both ends added."""
    share = (curve[:, 0] - weak[0]) / (strong[0] - weak[0])
    gain = (curve[:, 1] - weak[1]) / (strong[1] - weak[1])
    inside = (share > 0) & (share < 1)
    order = np.argsort(share[inside], kind="stable")
    return np.concatenate([[0], share[inside][order], [1]]), np.concatenate([[0], gain[inside][order], [1]])


def apgr(curve: Floats, weak: Floats, strong: Floats) -> float:
    """Return the mean PGR over the way from the weak to the strong size; 0.5 is a random mix of the two.

    RouteLLM (arXiv 2406.18665) integrates over the share of calls to the strong model; here over the share of the way
    in cost, which is the same axis for a pair at fixed costs and is defined for more sizes too. Trapezoids between
    the curve's points (K, 2); weak and strong are points (2,). NaN without a gap in both cost and score.
    """
    if not (strong > weak).all():
        return math.nan
    share, gain = _recovered(curve, weak, strong)
    return float(np.trapezoid(gain, share))


def cpt(curve: Floats, weak: Floats, strong: Floats, level: float) -> float:
    """Return the call-performance threshold: the least share of the way in cost to recover `level` of the gap.

    Source: RouteLLM (arXiv 2406.18665), CPT(x %); axis, arguments and NaN as in `apgr`. Straight between points.
    """
    if not (strong > weak).all():
        return math.nan
    share, gain = _recovered(curve, weak, strong)
    at = int(np.argmax(gain >= level))
    if at == 0:
        return 0.0
    return float(np.interp(level, gain[at - 1 : at + 1], share[at - 1 : at + 1]))


@dataclass(frozen=True, kw_only=True, slots=True)
class PairShares:
    """How a smaller and the next larger size do on the same queries; the four shares sum to 1."""

    small: str
    """The smaller size."""
    large: str
    """The larger size."""
    rescue: float
    """Share of queries with a higher score for the larger size: what routing up can gain."""
    loss: float
    """Share of queries with a higher score for the smaller size: what always routing up loses."""
    safe: float
    """Share of queries with equal scores of at least one half: both right."""
    hard: float
    """Share of queries with equal scores below one half: both wrong."""
    cost_ratio: float
    """Mean cost of the larger size over the smaller's; NaN where the smaller is free."""
    break_even: float
    """Asking the small size first pays only if escalating a share x recovers more than x times this of the gap."""


def pair_shares(score: Floats, cost: Floats, sizes: tuple[str, ...]) -> tuple[PairShares, ...]:
    """Return the shares of each adjacent pair of sizes; score and cost (Q, M)."""
    out = []
    mean = cost.mean(axis=0)
    for i in range(len(sizes) - 1):
        small, large = score[:, i], score[:, i + 1]
        equal = small == large
        ratio = float(mean[i + 1] / mean[i]) if mean[i] > 0 else math.nan
        out.append(
            PairShares(
                small=sizes[i],
                large=sizes[i + 1],
                rescue=float((large > small).mean()),
                loss=float((large < small).mean()),
                safe=float((equal & (small >= 0.5)).mean()),
                hard=float((equal & (small < 0.5)).mean()),
                cost_ratio=ratio,
                break_even=break_even(ratio),
            )
        )
    return tuple(out)


def break_even(cost_ratio: float) -> float:
    """Return rho / (rho - 1) for a cost ratio rho of large over small; infinite where rho <= 1.

    In calls of the small size, a cascade that escalates a share x costs 1 + x * rho. A random mix that spends as much
    sends x * rho / (rho - 1) of the queries to the large size, so the cascade must recover a greater PGR than that.
    """
    return cost_ratio / (cost_ratio - 1) if cost_ratio > 1 else math.nan if math.isnan(cost_ratio) else math.inf


def regret(score: Floats, cost: Floats, got: Floats, spent: Floats, cost_weight: float) -> Floats:
    """Return how much utility, score - cost_weight * cost, each query leaves to its best size, shape (Q,).

    Score and cost of every size, (Q, M), against the score got and the cost spent on all sizes that ran, (Q,).
    """
    return np.asarray((score - cost_weight * cost).max(axis=1) - (got - cost_weight * spent))


def cost_to_keep(curve: Floats, score: float) -> float:
    """Return the cost at which a curve (K, 2), from its cheap end on, first reaches a score; NaN if it never does."""
    order = np.argsort(curve[:, 0], kind="stable")
    reached = np.flatnonzero(curve[order, 1] >= score)
    return float(curve[order[reached[0]], 0]) if reached.size else math.nan


def detectable_lift(standard_error: float, *, power: float = 0.8, level: float = 0.95) -> float:
    """Return the smallest lift that data with this standard error would show, at this power and two-sided level.

    Source: the sample-size formula of "Adding Error Bars to Evals", section 5 (arXiv 2411.00640).
    """
    z = NormalDist().inv_cdf
    return (z(power) + z((1 + level) / 2)) * standard_error

"""The router's rule for many queries at once: argmax_m p_m - cost_weight * cost_m, ties to the cheaper size.

Here p and cost are (Q, M) float64, cheapest size first, and costs are shares of the largest size's mean cost.
"""

import numpy as np

from zeta_eval.arrays import Floats, Mask, Sizes


def choose(p: Floats, cost: Floats, cost_weight: float, allowed: Mask | None = None) -> Sizes:
    """Return the index of the greatest p - cost_weight * cost per query, shape (Q,); ties go to the lower index.

    An infinite cost weight takes the smallest cost whatever p is. Only sizes that are `allowed`, (Q, M), are chosen;
    None allows all.
    """
    utility = -cost if np.isinf(cost_weight) else p - cost_weight * cost
    if allowed is not None:
        utility[~allowed] = -np.inf
    best = utility[:, 0]
    chosen = np.zeros(len(utility), dtype=np.intp)
    for m in range(1, utility.shape[1]):  # a few columns: many times faster than argmax along a short axis
        better = utility[:, m] > best
        chosen[better] = m
        best = np.maximum(best, utility[:, m])
    return chosen


def curve_weights(p: Floats, cost: Floats, *, n: int = 48) -> Floats:
    """Return at most n + 2 ascending cost weights that trace the whole cost-quality curve, from 0 to infinity.

    A query changes its size only at weights where two sizes tie, (p_j - p_i) / (cost_j - cost_i). Quantiles of these
    spread the points evenly over the queries that move.
    """
    ties = []
    for j in range(p.shape[1]):
        for i in range(j):
            gain, extra = p[:, j] - p[:, i], cost[:, j] - cost[:, i]
            moves = gain * extra > 0
            ties.append(gain[moves] / extra[moves])
    pool = np.concatenate(ties) if ties else np.empty(0)
    # Just beside the ties: on one, rounding would choose.
    inner = np.unique(np.quantile(pool, np.linspace(0, 1, n))) * (1 + 1e-7) if pool.size else np.empty(0)
    return np.concatenate([[0.0], inner[(inner > 0) & np.isfinite(inner)], [np.inf]])

"""The exact best cut points of a difficulty score, by sorting and prefix sums."""

import math

import numpy as np

from zeta_eval.arrays import Floats


def best_cut_points(difficulty: Floats, utility: Floats) -> tuple[float, ...]:
    """Cut points that maximise the total utility when harder queries never go to a smaller size.

    Exact dynamic programme over sorted difficulties, O(Q log Q + Q M): with P_m the prefix sums of size m's utility,
    best_m(i) = P_m(i) + max_{j <= i} (best_{m-1}(j) - P_m(j)). Queries of equal difficulty stay together.

    Difficulty has shape (Q,), and utility, score - cost_weight * cost, (Q, M), cheapest size first. Of the M - 1
    ascending cut points, m lie below the difficulty of a query that goes to size m; -inf or inf where a size gets none.
    """
    values, groups = np.unique(difficulty, return_inverse=True)
    n, m_sizes = len(values), utility.shape[1]
    sums = np.zeros((n + 1, m_sizes))
    for m in range(m_sizes):
        sums[1:, m] = np.cumsum(np.bincount(groups, weights=utility[:, m], minlength=n))
    best, came_from = sums[:, 0], []
    for m in range(1, m_sizes):
        switch = best - sums[:, m]
        peak = np.maximum.accumulate(switch)
        # Where the smaller size hands over: the first position that reaches the running maximum.
        raised = np.r_[True, switch[1:] > peak[:-1]]
        start = np.maximum.accumulate(np.where(raised, np.arange(n + 1), 0))
        came_from.append(start)
        best = sums[:, m] + peak
    cuts, i = [0.0] * (m_sizes - 1), n
    for m in range(m_sizes - 1, 0, -1):
        i = int(came_from[m - 1][i])
        cuts[m - 1] = -math.inf if i == 0 else math.inf if i == n else float((values[i - 1] + values[i]) / 2)
    return tuple(cuts)

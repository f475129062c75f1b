"""Fits of the heuristic, from which the search starts: weights of features, abilities and slopes of sizes."""

from dataclasses import dataclass
from typing import cast

import numpy as np

from zeta_eval.arrays import Floats, logit, sigmoid

COST_GRID = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Cost weights over which the utility of a fit is averaged, so that it serves the whole curve."""

TEMPERATURE = 0.05
"""Difference in utility at which a fit prefers one size to another by a factor of e."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """A fitted heuristic on standardised features."""

    weights: Floats
    """Shape (F,)."""
    ability: Floats
    """Shape (M,)."""
    slope: Floats
    """Shape (M,), > 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FitSettings:
    """How much each goal of a fit counts."""

    ridge: float
    """Penalty on the squared weights."""
    gain: float = 0.0
    """Extra weight of queries on which sizes differ: only these show the gain of a larger size."""
    utility: float = 0.0
    """Weight of the expected utility beside the likelihood."""


def fit_heuristic(x: Floats, score: Floats, cost: Floats, expected: Floats, settings: FitSettings) -> Start:
    """Fit weights, abilities and slopes of all sizes at once, by L-BFGS.

    Minimises the cross-entropy of p = sigmoid(slope_m * (ability_m - x @ w)), and in a second pass subtracts
    `utility` times the utility score - l * cost of a softened choice, softmax((p - l * c) / TEMPERATURE), averaged
    over COST_GRID: what counts is which size is chosen, not how well each p is known. The standardised features x are
    of shape (Q, F); scores, costs and costs as expected before the query runs are of shape (Q, M), costs as shares of
    the largest size's mean cost.
    """
    from scipy.optimize import minimize

    (n, n_features), m = x.shape, score.shape[1]
    row = 1.0 + settings.gain * (np.ptp(score, axis=1) > 0)
    row = (row / row.sum())[:, None]
    rewards = [(weight, score - weight * cost) for weight in COST_GRID]

    def loss(v: Floats, utility: float) -> tuple[float, Floats]:
        w, ability, log_slope = v[:n_features], v[n_features : n_features + m], v[n_features + m :]
        slope = np.exp(log_slope)
        z = slope * (ability - (x @ w)[:, None])
        p = sigmoid(z)
        value = float(np.sum(row * (np.logaddexp(0.0, z) - score * z)))
        dz = row * (p - score)
        for weight, reward in rewards if utility else ():
            choice = _softmax((p - weight * expected) / TEMPERATURE)
            got = (choice * reward).sum(1, keepdims=True)
            scale = utility / len(rewards)
            value -= scale * float(got.mean())
            dz = dz - scale / n * choice * (reward - got) / TEMPERATURE * p * (1 - p)
        penalty = settings.ridge / n
        value += penalty * float(w @ w) / 2 + float(log_slope @ log_slope) / (2 * n)
        return value, np.r_[penalty * w - x.T @ (dz @ slope), (dz * slope).sum(0), (dz * z).sum(0) + log_slope / n]

    found = np.r_[np.zeros(n_features), logit(score.mean(0)), np.zeros(m)]
    for utility in {0.0: None, settings.utility: None}:
        found = minimize(loss, found, (utility,), "L-BFGS-B", jac=True, options={"maxiter": 150}).x
    return Start(
        weights=found[:n_features], ability=found[n_features : n_features + m], slope=np.exp(found[n_features + m :])
    )


def _softmax(u: Floats) -> Floats:
    e = np.exp(u - u.max(1, keepdims=True))
    return cast(Floats, e / e.sum(1, keepdims=True))

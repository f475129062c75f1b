"""Corrections of a policy's log-odds, fitted to the ratings of each source and summed with a bound on each source."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from zeta_eval.arrays import Floats, sigmoid
from zeta_eval.feedback.ledgers import MOST

SHIFT_SD: Final = 1.0
"""Prior standard deviation, in log-odds, of a size's shift and of a task's: a few ratings change little."""
SCALE_SD: Final = 0.5
"""Prior standard deviation of the factor on the policy's log-odds, around 1."""
PRIOR_RATINGS: Final = 4.0 / SHIFT_SD**2
"""Number of ratings that such a prior counts as, 4 / ratings being the variance of log-odds at an even chance."""
SOURCE_SHIFT: Final = 1.0
"""The most by which one source changes a log-odds: a chance of success changes by at most tanh(1 / 4) < .25."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Correction:
    """Correction of one size: logit = shift + factor * x + by_task[task], x being the policy's log-odds."""

    shift: float
    factor: float
    by_task: Floats
    n: int
    """Number of ratings that the correction was fitted to."""

    def change(self, x: Floats, tasks: npt.NDArray[np.intp]) -> Floats:
        """Amount added to log-odds x of queries of these tasks, shape (Q,)."""
        by_task = np.append(self.by_task, np.zeros(max(0, int(tasks.max()) + 1 - len(self.by_task))))
        return np.asarray(self.shift + (self.factor - 1) * x + by_task[tasks])


def fit(x: Floats, tasks: npt.NDArray[np.intp], score: Floats, weights: Floats) -> Correction:
    """Fit the correction of one size to its n ratings; each argument has shape (n,), x being the policy's log-odds.

    L-BFGS, not `logistic_toward`: with a column for each of many tasks a Newton step would be dear.
    """
    from scipy.optimize import minimize

    k = int(tasks.max()) + 1
    precision = np.r_[1 / SHIFT_SD**2, 1 / SCALE_SD**2, np.full(k, 1 / SHIFT_SD**2)]
    prior = np.r_[0.0, 1.0, np.zeros(k)]

    def loss(v: Floats) -> tuple[float, Floats]:
        z = v[0] + v[1] * x + v[2:][tasks]
        value = float((weights * (np.logaddexp(0.0, z) - score * z)).sum())
        dz = weights * (sigmoid(z) - score)
        gap = precision * (v - prior)
        slope = np.r_[dz.sum(), dz @ x, np.bincount(tasks, weights=dz, minlength=k)]
        return value + float(gap @ (v - prior)) / 2, slope + gap

    found = minimize(loss, prior, method="L-BFGS-B", jac=True).x
    return Correction(shift=float(found[0]), factor=float(found[1]), by_task=found[2:], n=len(x))


def pooled(said: Sequence[Correction], x: Floats, tasks: npt.NDArray[np.intp]) -> Floats:
    """Sum of the corrections of all sources at log-odds x, shape (Q,), within +-`SOURCE_SHIFT`.

    The sum is that of `feedback.ledgers`, whose proof bounds each source. One source alone changes a log-odds by at
    most 4/5 of the bound. Several are averaged by their number of ratings, of which 4 times the prior's count at most.
    """
    if not said:
        return np.zeros(len(x))
    n = np.minimum([each.n for each in said], MOST * PRIOR_RATINGS)[:, None]
    changes = np.array([each.change(x, tasks) for each in said])
    total = np.clip((n + PRIOR_RATINGS) * changes, -SOURCE_SHIFT * n, SOURCE_SHIFT * n).sum(axis=0)
    return np.asarray(total / (PRIOR_RATINGS + n.sum()))

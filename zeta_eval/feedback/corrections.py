"""Corrections of a policy's log-odds: fitted to what each source says, and pooled so that none can do much alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from zeta_eval.arrays import Floats
from zeta_eval.feedback.ledgers import MOST

SHIFT_SD: Final = 1.0
"""Prior standard deviation, in log-odds, of a size's shift and of a task's: few labels move little."""
SCALE_SD: Final = 0.5
"""Prior standard deviation of the factor on the policy's log-odds, around 1."""
PRIOR_LABELS: Final = 4.0 / SHIFT_SD**2
"""Labels that such a prior is worth, 4 / labels being the variance of log-odds at an even chance."""
SOURCE_SHIFT: Final = 1.0
"""The most that one source changes a log-odds, whatever the others say: a probability by at most tanh(1 / 4) < .25."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Correction:
    """What some labels say of one size: logit = shift + factor * x + by_task[task], x being the policy's log-odds."""

    shift: float
    factor: float
    by_task: Floats
    n: int
    """Labels behind it."""

    def change(self, x: Floats, tasks: npt.NDArray[np.intp]) -> Floats:
        """What it adds to log-odds x of queries of these tasks, shape (Q,)."""
        by_task = np.append(self.by_task, np.zeros(max(0, int(tasks.max()) + 1 - len(self.by_task))))
        return np.asarray(self.shift + (self.factor - 1) * x + by_task[tasks])


def fit(x: Floats, tasks: npt.NDArray[np.intp], score: Floats, weights: Floats) -> Correction:
    """Fit the correction by L-BFGS to labels of one size, at least one.

    Args:
        x: The policy's log-odds, shape (n,).
        tasks: Task of each label, shape (n,).
        score: What was said, shape (n,), in [0, 1].
        weights: What each label counts, shape (n,).
    """
    from scipy.optimize import minimize

    k = int(tasks.max()) + 1
    precision = np.r_[1 / SHIFT_SD**2, 1 / SCALE_SD**2, np.full(k, 1 / SHIFT_SD**2)]
    prior = np.r_[0.0, 1.0, np.zeros(k)]

    def loss(v: Floats) -> tuple[float, Floats]:
        z = v[0] + v[1] * x + v[2:][tasks]
        value = float((weights * (np.logaddexp(0.0, z) - score * z)).sum())
        dz = weights * (1 / (1 + np.exp(-z)) - score)
        gap = precision * (v - prior)
        slope = np.r_[dz.sum(), dz @ x, np.bincount(tasks, weights=dz, minlength=k)]
        return value + float(gap @ (v - prior)) / 2, slope + gap

    found = minimize(loss, prior, method="L-BFGS-B", jac=True).x
    return Correction(shift=float(found[0]), factor=float(found[1]), by_task=found[2:], n=len(x))


def pooled(said: Sequence[Correction], x: Floats, tasks: npt.NDArray[np.intp]) -> Floats:
    """What all sources together add to log-odds x, shape (Q,), within +-`SOURCE_SHIFT`.

    The sum of `feedback.shifts`, whose proof bounds what a single source does: one source alone is believed up to 4/5
    of the bound, several are averaged, each by its labels, of which 4 times the prior's count at most.
    """
    if not said:
        return np.zeros(len(x))
    n = np.minimum([each.n for each in said], MOST * PRIOR_LABELS)[:, None]
    changes = np.array([each.change(x, tasks) for each in said])
    total = np.clip((n + PRIOR_LABELS) * changes, -SOURCE_SHIFT * n, SOURCE_SHIFT * n).sum(axis=0)
    return np.asarray(total / (PRIOR_LABELS + n.sum()))

"""Fits what is added where a caller names the task: each task's mean error, held back while its queries are few."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zeta_eval.arrays import Floats
from zeta_eval.router.estimators.tasks import TaskOffsets
from zeta_eval.tuning.ridge import Folds

PRIORS = (np.inf, 1000.0, 300.0, 100.0)
"""Numbers of queries as which "no difference" counts that are compared out of fold; the first adds nothing."""


def fit_tasks(
    estimate: Floats, target: Floats, tasks: npt.NDArray[np.object_], folds: Folds
) -> tuple[TaskOffsets, Floats]:
    """Fit what is added to estimates, out of fold, for each task, by least squares; all are of shape (Q, M).

    Returns the offsets, and the estimates with offsets out of fold, (Q, M).
    """
    names = sorted({task for task in tasks if task is not None})
    place = {name: i for i, name in enumerate(names)} | {None: len(names)}
    code = np.array([place[task] for task in tasks], dtype=np.int64)
    error, best = target - estimate, (np.inf, PRIORS[0], estimate)
    for prior in PRIORS:
        found = estimate.copy()
        for train, held in folds:
            found[held] += _means(error[train], code[train], len(names), prior)[code[held]]
        loss = float(((target - found) ** 2).sum())
        best = min(best, (loss, prior, found), key=lambda one: one[0])
    table = _means(error, code, len(names), best[1])
    rows = zip(names, table.tolist(), strict=False) if np.isfinite(best[1]) else ()
    return TaskOffsets(of_task={name: tuple(row) for name, row in rows}), best[2]


def _means(error: Floats, code: npt.NDArray[np.int64], n: int, prior: float) -> Floats:
    """Shrunken mean error of each task, shape (n + 1, M), the last 0."""
    count = np.bincount(code, minlength=n + 1)[:, None]
    sums = np.column_stack([np.bincount(code, column, n + 1) for column in error.T])
    means = sums / (count + prior)
    means[n] = 0.0
    return means

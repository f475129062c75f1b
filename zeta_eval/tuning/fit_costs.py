"""Fits what a query will cost on every size: a forest on features, for the logarithm of the cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeta_eval.arrays import Floats
from zeta_eval.router.estimators.costs import CostModel
from zeta_eval.tuning.data import Data
from zeta_eval.tuning.fit_tasks import fit_tasks
from zeta_eval.tuning.forests import Shape, Trees, forest_of

SHAPE = Shape(leaf=30, tried=1.0, seed=0)
"""How the trees are grown."""

N_TREES = 40
"""Trees of the forest."""

FLOOR = 1e-3
"""Costs below this share of a size's mean count as so much in the logarithm."""


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Expected costs of Q queries on M sizes."""

    model: CostModel
    """Fitted to all queries."""
    open: Floats
    """Expected costs out of fold where nobody names the task, shape (Q, M)."""
    tasked: Floats
    """The same where the caller names it."""


def fit_costs(data: Data) -> Costs:
    """Fit the logarithm of the cost, shifted so that the mean expected cost of each size is its mean cost.

    The exponential of an expected logarithm is no expected cost: the shift is the smearing of Duan 1983 (JASA 78).
    Where tasks are named the errors are smaller, and the tasks' offsets hold the difference of the shifts.
    """
    x, cost = data.read.columns.T, data.cost
    mean, low, high = cost.mean(axis=0), cost.min(axis=0), cost.max(axis=0)
    y = np.log(np.maximum(cost, np.where(mean > 0, FLOOR * mean, 1.0)))
    logs = np.empty_like(y)
    for train, held in data.folds:
        logs[held] = Trees(x[train], y[train], SHAPE, N_TREES).predict(x[held])
    tasks, tasked = fit_tasks(logs, y, data.tasks, data.folds)
    shift, with_tasks = (smearing(z, mean, low, high) for z in (logs, tasked))
    open_, named = (_costs(z + s, low, high) for z, s in ((logs, shift), (tasked, with_tasks)))
    model = CostModel(
        log_cost=forest_of([(Trees(x, y, SHAPE, N_TREES), np.eye(y.shape[1]))], data.read.names),
        shift=tuple(shift.tolist()),
        tasks=tasks.moved((with_tasks - shift).tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
    )
    return Costs(model=model, open=open_, tasked=named)


def smearing(logs: Floats, mean: Floats, low: Floats, high: Floats) -> Floats:
    """Return what to add to log costs (Q, M) so that the clamped costs have the given means, shape (M,).

    Each step adds the log ratio of the means, and falls short of the goal only by what the clamp swallows.
    """
    shift = np.zeros(len(mean))
    for _ in range(50):
        got = _costs(logs + shift, low, high).mean(axis=0)
        step = np.log(np.divide(mean, got, out=np.ones_like(mean), where=mean > 0))
        shift += step
        if abs(step).max() < 1e-12:
            break
    return shift


def _costs(logs: Floats, low: Floats, high: Floats) -> Floats:
    return np.asarray(np.clip(np.exp(np.minimum(logs, 50.0)), low, high))

"""Fits the estimator "heuristic": a forest on named features, as the search found it."""

from __future__ import annotations

from zeta_eval.router.estimators.heuristic import Heuristic, Level
from zeta_eval.router.estimators.tasks import TaskOffsets
from zeta_eval.tuning.estimators import Fitted, Training, fits


@fits("heuristic")
def fit_heuristic(t: Training) -> Fitted:
    """Take the features alone."""

    def estimator(level: Level, tasks: TaskOffsets) -> Heuristic:
        return Heuristic(forest=t.forest, usual=t.usual, level=level, tasks=tasks)

    return Fitted(p=t.heuristic.p, estimator=estimator)

"""Fits the estimator "learned": the forest on features, mixed with a regression on words."""

from __future__ import annotations

from zeta_eval.router.estimators.heuristic import Learned, Level
from zeta_eval.router.estimators.tasks import TaskOffsets
from zeta_eval.tuning.estimators import Fitted, Training, fits

WEIGHT = 1 / 3
"""How much the words count; the forest counts the rest."""


@fits("learned")
def fit_learned(t: Training) -> Fitted:
    """Fit the words, and mix them with the features."""

    def estimator(level: Level, tasks: TaskOffsets) -> Learned:
        return Learned(forest=t.forest, usual=t.usual, level=level, tasks=tasks, words=t.words.words, weight=WEIGHT)

    return Fitted(p=t.heuristic.p + WEIGHT * (t.words.p - t.heuristic.p), estimator=estimator)

"""The parts of an estimator, features, text and tasks, fitted and weighed against each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeta_eval.arrays import Floats, sigmoid
from zeta_eval.router.estimators.linear import Linear
from zeta_eval.tuning.estimators import Training
from zeta_eval.tuning.stacking import logistic, regress, stack, task_logits, task_offsets

FEATURES_CS = (3e-4, 3e-3, 3e-2, 0.3, 3.0)
"""Inverse penalties of the regression on standardised features that are compared out of fold."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """The weights of an estimator's parts, and what features and tasks add."""

    training: Training
    """What the parts were fitted to."""
    a: Floats
    """How much features, text and tasks count, shape (3,)."""
    p: Floats
    """Out-of-fold probability of success of every size, shape (Q, M)."""
    features_c: float
    """The inverse penalty of the regression on features."""
    at_mean: Floats
    """Log-odds of each size by the features alone, where every feature has its mean; shape (M,)."""
    on_features: Floats
    """Weights of the standardised features, shape (F, M)."""

    @classmethod
    def of(cls, t: Training, told: Floats) -> Parts:
        """Fit features and tasks, and weigh them against what texts told out of fold, log-odds of shape (Q, M)."""
        known, code = t.tasks
        penalties = FEATURES_CS if t.features_c is None else (t.features_c,)
        features_c, on_fold = regress(t.standard.x, t.score, t.folds, penalties)
        added = np.stack([on_fold, told, task_logits(code, len(known), t.score, t.folds)]) - t.base
        a = stack(added, t.base, t.score)
        on_features, at_mean = logistic(t.standard.x, t.score, features_c)
        return cls(
            training=t,
            a=a,
            p=sigmoid(t.base + np.tensordot(a, added, 1)),
            features_c=features_c,
            at_mean=at_mean,
            on_features=on_features,
        )

    def linear(self, bias: Floats) -> Linear:
        """What features and tasks add, with what is added where every feature has its mean, (M,)."""
        t, (known, code) = self.training, self.training.tasks
        offsets = dict(zip(known, self.a[2] * task_offsets(code, len(known), t.score), strict=False))
        return t.standard.linear(bias, self.a[0] * self.on_features, t.read.names, offsets)

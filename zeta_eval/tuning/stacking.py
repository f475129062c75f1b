"""The parts of an estimator, features, text and tasks: each fitted alone, then weighed against each other.

Together, many columns (words, vectors) would drown the few features. So each part is fitted alone, and its log-odds,
out of fold, are stacked (Wolpert 1992): base + sum of a_k * (z_k - base), with weights a_k >= 0 that all sizes share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from zeta_eval.arrays import Floats, Ints, sigmoid
from zeta_eval.router.estimators.linear import Linear
from zeta_eval.tuning.estimators import Training
from zeta_eval.tuning.linear import graded, log_odds

FEATURES_CS = (3e-4, 3e-3, 3e-2, 0.3, 3.0)
"""Inverse penalties of the regression on standardised features that are compared out of fold."""

TASK_PRIOR = 2.0
"""Precision of the prior on a task's offset in log-odds."""


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
    def of(cls, t: Training, on_text: Floats) -> Parts:
        """Fit features and tasks, and weigh them against the texts' log-odds out of fold, shape (Q, M)."""
        known, code = t.tasks
        penalties = FEATURES_CS if t.features_c is None else (t.features_c,)
        features_c, on_fold = regress(t.standard.x, t.score, t.folds, penalties)
        added = np.stack([on_fold, on_text, task_logits(code, len(known), t.score, t.folds)]) - t.base
        a = stack(added, t.base, t.score)
        on_features, at_mean = logistic(t.standard.x, t.score, features_c)
        p = sigmoid(t.base + np.tensordot(a, added, 1))
        return cls(training=t, a=a, p=p, features_c=features_c, at_mean=at_mean, on_features=on_features)

    def linear(self, bias: Floats) -> Linear:
        """What features and tasks add, with what is added where every feature has its mean, (M,)."""
        t, (known, code) = self.training, self.training.tasks
        offsets = dict(zip(known, self.a[2] * task_offsets(code, len(known), t.score), strict=False))
        return t.standard.linear(bias, self.a[0] * self.on_features, t.read.names, offsets)


def regress(
    x: Floats | sparse.csr_matrix, score: Floats, splits: Sequence[tuple[Ints, Ints]], penalties: Sequence[float]
) -> tuple[float, Floats]:
    """Return the inverse penalty whose regression on x (Q, F) errs least out of fold, and its log-odds (Q, M)."""
    best: tuple[float, float, Floats] | None = None
    for c in penalties:
        z = np.empty(score.shape)
        for train, held in splits:
            w, at_zero = logistic(x[train], score[train], c)
            z[held] = x[held] @ w + at_zero
        if best is None or gain_error(z, score) < best[0]:
            best = gain_error(z, score), c, z
    assert best is not None
    return best[1], best[2]


def gain_error(z: Floats, score: Floats) -> float:
    """Squared error of probabilities less their mean over the sizes, from log-odds (Q, M): what a choice depends on."""
    error = sigmoid(z) - score
    return float(((error - error.mean(axis=1, keepdims=True)) ** 2).sum())


def logistic(x: Floats | sparse.csr_matrix, score: Floats, c: float) -> tuple[Floats, Floats]:
    """Logistic regression of each size's score, graded ones too: weights (columns, M) and bias (M,)."""
    from sklearn.linear_model import LogisticRegression

    weights, bias = np.zeros((x.shape[1], score.shape[1])), log_odds(score)
    for m, y in enumerate(score.T):
        index, target, weight = graded(y)
        if 0 < target.sum() < len(target):
            model = LogisticRegression(C=c, max_iter=1000)
            model.fit(x[index], target, sample_weight=weight)
            weights[:, m], bias[m] = model.coef_[0], model.intercept_[0]
    return weights, bias


def task_offsets(code: Ints, n_tasks: int, score: Floats) -> Floats:
    """Offset of each task from the log-odds of all, shrunken, by Newton's method; shape (n_tasks + 1, M), last 0."""
    offsets, base = np.zeros((n_tasks + 1, score.shape[1])), log_odds(score)
    count = np.bincount(code, minlength=n_tasks + 1)[:, None]
    wins = np.stack([np.bincount(code, y, n_tasks + 1) for y in score.T], axis=1)
    for _ in range(8):
        p = sigmoid(base + offsets)
        slope = wins - count * p - TASK_PRIOR * offsets
        # The last row is that of no task.
        offsets[:-1] += (slope / (count * p * (1 - p) + TASK_PRIOR))[:-1]
    return offsets


def task_logits(code: Ints, n_tasks: int, score: Floats, splits: Sequence[tuple[Ints, Ints]]) -> Floats:
    """Log-odds (Q, M) of each query's task, out of fold."""
    z = np.empty(score.shape)
    for train, held in splits:
        z[held] = (log_odds(score[train]) + task_offsets(code[train], n_tasks, score[train]))[code[held]]
    return z


def stack(added: Floats, base: Floats, score: Floats) -> Floats:
    """Return the weights of the parts, shape (3,), in [0, 1.5].

    A choice depends on how sizes differ on a query, not on how hard the query is: the squared error is that of
    probabilities and scores less their mean over the sizes. The ridge of 1 matters with few queries only.
    """
    from scipy.optimize import minimize

    goal = score - score.mean(axis=1, keepdims=True)

    def loss(a: Floats) -> tuple[float, Floats]:
        p = sigmoid(base + np.tensordot(a, added, 1))
        error = p - p.mean(axis=1, keepdims=True) - goal
        slope = np.tensordot(added, 2 * error * p * (1 - p), 2)
        return float((error**2).sum() + a @ a), slope + 2 * a

    start = np.full(len(added), 1 / 3)
    return np.asarray(minimize(loss, start, method="L-BFGS-B", jac=True, bounds=[(0, 1.5)] * len(start)).x)

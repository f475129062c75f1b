"""Fits log-odds of success per size: features, n-grams and tasks, each alone, then stacked for what routing needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from zeta_eval.arrays import Floats, sigmoid
from zeta_eval.evaluation.batch.estimate import ngram_matrix
from zeta_eval.router.embedders import Model
from zeta_eval.router.estimators import Learned, NGrams, encode
from zeta_eval.tuning.linear import Standard, graded, task_codes

FEATURES_CS = (3e-4, 3e-3, 3e-2, 0.3, 3.0)
"""Inverse penalties of the regression on standardised features that are compared out of fold."""

NGRAMS_C = 0.27
"""Inverse penalty of the regression on n-grams."""

TASK_PRIOR = 2.0
"""Precision of the prior on a task's offset in log-odds."""

FOLDS = 5

PARTS = ("features", "n-grams", "tasks")

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitted:
    """A learned model and what it says of queries it was not fitted on."""

    model: Model
    """Fitted on all queries."""
    p: Floats
    """Out-of-fold probability of success of every size, shape (Q, M)."""
    weights: dict[str, float]
    """How much each part counts: features, n-grams or vectors, tasks."""
    features_c: float
    """The inverse penalty of the regression on features."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Data:
    """What the parts are fitted on."""

    matrix: sparse.csr_matrix
    """N-grams, shape (Q, 2**bits)."""
    code: Ints
    """Index of the task, n_tasks where there is none; shape (Q,)."""
    n_tasks: int
    score: Floats
    """Shape (Q, M)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Parts:
    """One fit of the n-grams and tasks: weights by bucket and by task (the last row: no task), and log-odds at zero."""

    ngrams: Floats
    tasks: Floats
    bias: Floats
    """Shape (2, M)."""

    def logits(self, data: _Data, rows: Ints) -> Floats:
        """Log-odds by each part alone, shape (2, rows, M)."""
        told = [data.matrix[rows] @ self.ngrams, self.tasks[data.code[rows]]]
        return np.stack(told) + self.bias[:, None]


def fit_learned(
    texts: Sequence[str] | npt.NDArray[np.object_],
    features: Floats,
    names: Sequence[str],
    tasks: npt.NDArray[np.object_],
    score: Floats,
    *,
    seed: int = 0,
    bits: int = 15,
    features_c: float | None = None,
) -> Fitted:
    """Fit a learned model to at least five queries.

    Each part is fitted alone, since together the many n-grams would drown the few features. Their log-odds, out of
    fold, are then stacked (Wolpert 1992): base + sum of a_k * (z_k - base), with weights a_k >= 0 shared by all sizes.

    Args:
        texts: query texts, shape (Q,).
        features: shape (Q, F).
        names: names of the F features.
        tasks: task names, shape (Q,); None where there is none.
        score: shape (Q, M), in [0, 1].
        seed: of the folds.
        bits: n-grams are hashed to 2**bits buckets.
        features_c: inverse penalty of the regression on features; None compares `FEATURES_CS`.
    """
    standard, splits = Standard.of(features), list(folds(len(score), seed))
    known, code = task_codes(tasks)
    matrix = ngram_matrix(texts, bits)
    data = _Data(matrix=matrix, code=code, n_tasks=len(known), score=score)
    base = log_odds(score)
    added = np.empty((len(PARTS), *score.shape))
    features_c, added[0] = regress(standard.x, score, splits, FEATURES_CS if features_c is None else (features_c,))
    for train, held in splits:
        added[1:, held] = _fit_parts(data, train).logits(data, held)
    added -= base
    a = stack(added, base, score)
    parts, (on_features, at_mean) = _fit_parts(data, np.arange(len(score))), logistic(standard.x, score, features_c)
    offsets = dict(zip(known, a[2] * parts.tasks, strict=False))
    bias = a @ (np.vstack([at_mean, parts.bias]) - base)
    linear = standard.linear(bias, a[0] * on_features, names, offsets)
    ngrams = NGrams(bits=bits, n_sizes=score.shape[1], table=encode((a[1] * parts.ngrams).tolist()))
    return Fitted(
        model=Learned(base=tuple(base.tolist()), linear=linear, ngrams=ngrams),
        p=sigmoid(base + np.tensordot(a, added, 1)),
        weights=dict(zip(PARTS, a.tolist(), strict=True)),
        features_c=features_c,
    )


def folds(n: int, seed: int) -> Iterator[tuple[Ints, Ints]]:
    """Rows to fit on and held-out rows, of each of `FOLDS` folds of n rows."""
    order = np.random.default_rng(seed).permutation(n)
    for held in np.array_split(order, FOLDS):
        yield np.setdiff1d(order, held), np.sort(held)


def log_odds(score: Floats) -> Floats:
    """Log-odds of each size's mean score, (M,), finite by half a success and half a failure more (Jeffreys)."""
    wins = score.sum(axis=0)
    return np.asarray(np.log((wins + 0.5) / (len(score) - wins + 0.5)))


def _fit_parts(data: _Data, rows: Ints) -> _Parts:
    score = data.score[rows]
    ngrams, at_none = logistic(data.matrix[rows], score, NGRAMS_C)
    tasks = task_offsets(data.code[rows], data.n_tasks, score)
    return _Parts(ngrams=ngrams, tasks=tasks, bias=np.stack([at_none, log_odds(score)]))


def regress(
    x: Floats, score: Floats, splits: Sequence[tuple[Ints, Ints]], penalties: Sequence[float]
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

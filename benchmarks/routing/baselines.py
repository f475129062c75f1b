"""Routers as published: each predicts the success probability of every size. `BASELINES` has them by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from routing.factors import DECAYS, matrix_factorisation
from routing.problem import Baseline, Problem
from zeta_eval.arrays import Floats
from zeta_eval.evaluation.baselines import knn, length_only

INVERSE_PENALTIES = (0.1, 1.0, 10.0)
"""Values of C that TF-IDF with logistic regression tries."""


def constant(data: Problem, _: float) -> Floats:
    """Predict each size's mean score: what expected costs alone are worth."""
    return np.tile(data.score.mean(axis=0), (len(data.new_queries), 1))


def by_length(data: Problem, _: float) -> Floats:
    """Logistic regression per size on the length of the query."""
    return length_only(data.queries, data.score, data.new_queries)


def neighbours(data: Problem, k: float) -> Floats:
    """Predict the mean scores of the k nearest queries by TF-IDF."""
    return knn(data.queries, data.score, data.new_queries, k=int(k))


def task_means(data: Problem, _: float) -> Floats:
    """Predict the mean score of the query's task, shrunken; a task that was not seen gets the overall mean.

    The means are empirical Bayes estimates, (n * mean + k * overall) / (n + k), where k is the variance within tasks
    over that between them (one-way random effects by moments: Searle, Casella and McCulloch 1992, ch. 3).
    """
    known, at = np.unique([str(task) for task in data.tasks], return_inverse=True)
    count = np.bincount(at)[:, None]
    mean = np.column_stack([np.bincount(at, y) for y in data.score.T]) / count
    overall = data.score.mean(axis=0)
    between, within = _variances(data.score, mean, at, count)
    trust = np.divide(count * between, count * between + within, out=np.zeros_like(mean), where=between > 0)
    rows = dict(zip(known, overall + trust * (mean - overall), strict=True))
    return np.array([rows.get(str(task), overall) for task in data.new_tasks])


def _variances(score: Floats, mean: Floats, at: Any, count: Any) -> tuple[Floats, Floats]:
    """Return each size's variance of true task means and of scores within a task, each (M,), by moments."""
    n, groups = len(score), len(mean)
    within = ((score - mean[at]) ** 2).sum(axis=0) / max(1, n - groups)
    if groups < 2:
        return np.zeros_like(within), within
    square = (count * (mean - score.mean(axis=0)) ** 2).sum(axis=0) / (groups - 1)
    typical = (n - (count**2).sum() / n) / (groups - 1)
    return np.maximum(0.0, (square - within) / typical), within


def tfidf_logistic(data: Problem, c: float) -> Floats:
    """Logistic regression per size on words and pairs of words."""
    known, new = data.words
    return logistic(known, data.score, new, c=c)


def logistic(x: Any, score: Floats, new: Any, *, c: float = 1.0) -> Floats:
    """Return p (P, M) of one logistic regression per size, fitted on features (N, F), for features (P, F).

    A score in (0, 1) counts as both a success and a failure, weighted by it.
    """
    from sklearn.linear_model import LogisticRegression

    p = np.empty((new.shape[0], score.shape[1]))
    for m, y in enumerate(score.T):
        rows = np.concatenate([np.flatnonzero(y > 0), np.flatnonzero(y < 1)])
        right = np.repeat([1, 0], [(y > 0).sum(), (y < 1).sum()])
        if right.min() == right.max():
            p[:, m] = right[0]
            continue
        weight = np.where(right == 1, y[rows], 1 - y[rows])
        model = LogisticRegression(C=c, max_iter=2000).fit(x[rows], right, sample_weight=weight)
        p[:, m] = model.predict_proba(new)[:, 1]
    return p


BASELINES = {
    "TF-IDF + LR": Baseline(fit=tfidf_logistic, values=INVERSE_PENALTIES),
    "kNN 100": Baseline(fit=neighbours, values=(100,)),
    "matrix factorisation": Baseline(fit=matrix_factorisation, values=DECAYS),
    "length only": Baseline(fit=by_length),
    "constant": Baseline(fit=constant),
    "per-task mean": Baseline(fit=task_means, needs_task=True),
}
"""Every baseline by name."""

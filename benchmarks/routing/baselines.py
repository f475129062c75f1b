"""Routers as published, each fitted on `tune` alone; hyperparameters are chosen on `validate`.

Every one predicts the success probability of each size and expects its mean cost. `BASELINES` has them by name.
"""

from __future__ import annotations

import re
import warnings
from functools import partial
from typing import Any

import numpy as np

from routing.factors import matrix_factorisation
from routing.problem import Fitter, Problem
from zeta_eval.arrays import Floats
from zeta_eval.evaluation.baselines import knn, length_only
from zeta_eval.evaluation.batch.estimate import Texts

CLUSTERS = (16, 40, 64)
"""Numbers of clusters that the cluster router tries."""
NEAREST = 3
"""Clusters whose rates it averages, the default of Avengers-Pro's code."""
INVERSE_PENALTIES = (0.1, 1.0, 10.0)
"""Values of C that TF-IDF with logistic regression tries."""
PENALTIES = (1.0, 3.0, 10.0)
"""Squared-weight penalties that the MLP tries."""
EPOCHS = 30
"""Its passes over the data."""


def task_table(data: Problem, *, shrink: bool) -> Floats:
    """Predict the mean score of the query's task; a task that was not seen gets the overall mean.

    With `shrink` the means are empirical Bayes estimates, (n * mean + k * overall) / (n + k), where k is the variance
    within tasks over that between them (one-way random effects by moments: Searle, Casella and McCulloch 1992, ch. 3).
    """
    known, at = np.unique([str(task) for task in data.tasks], return_inverse=True)
    count = np.bincount(at)[:, None]
    mean = np.column_stack([np.bincount(at, y) for y in data.score.T]) / count
    overall = data.score.mean(axis=0)
    if shrink:
        between, within = _variances(data.score, mean, at, count)
        trust = np.divide(count * between, count * between + within, out=np.zeros_like(mean), where=between > 0)
        mean = overall + trust * (mean - overall)
    rows = dict(zip(known, mean, strict=True))
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


def lexical(data: Problem) -> Floats:
    """Logistic regression per size on a few counts of the text."""
    x = counts(data.queries)
    centre, spread = x.mean(axis=0), x.std(axis=0)
    spread[spread < 1e-9] = 1.0
    return logistic((x - centre) / spread, data.score, (counts(data.new_queries) - centre) / spread)


def counts(texts: Texts) -> Floats:
    """Return log(1 + count) of characters, words, digits, signs, capitals, lines, sentences and question words."""
    patterns = (
        r"\w+",
        r"\d",
        r"[^\w\s]",
        r"[A-Z]",
        r"\n",
        r"[.?!](?:\s|$)",
        r"\?",
        r"(?i:\b(?:who|whose|what|when|where|which|why|how)\b)",
    )
    found = [[len(t), *(len(re.findall(p, t)) for p in patterns)] for t in map(str, texts)]
    return np.log1p(np.array(found, dtype=np.float64))


def tfidf_logistic(data: Problem) -> Floats:
    """Logistic regression per size on words and pairs of words."""
    known, new = data.words
    return data.best(logistic(known, data.score, new, c=c) for c in INVERSE_PENALTIES)


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


def mlp(data: Problem) -> Floats:
    """One hidden layer of 100 on the embedding, all sizes at once, by squared error (the Brier score)."""
    return data.best(_mlp(data, penalty) for penalty in PENALTIES)


def _mlp(data: Problem, penalty: float) -> Floats:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    known, new = data.embedding
    mean = data.score.mean(axis=0)
    scale = np.sqrt(known.shape[1])  # coordinates of about 1, as its starting weights suppose
    model = MLPRegressor(
        hidden_layer_sizes=(100,),
        alpha=penalty,
        batch_size=min(64, len(known)),
        max_iter=EPOCHS,
        random_state=data.seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs are few on purpose
        model.fit(known * scale, data.score - mean)  # few queries leave it near the mean, not near 0
    return np.asarray(np.clip(model.predict(new * scale) + mean, 0.0, 1.0))


def cluster(data: Problem) -> Floats:
    """Predict the mean of the success rates of the nearest k-means clusters.

    Source: Avengers-Pro (arXiv 2508.12631), with its embedding and cost rule replaced by those of this benchmark.
    """
    return data.best(_cluster(data, k) for k in CLUSTERS)


def _cluster(data: Problem, k: int) -> Floats:
    from sklearn.cluster import KMeans

    known, new = data.embedding
    k = min(k, len(np.unique(known, axis=0)))
    model = KMeans(k, n_init=4, random_state=data.seed).fit(known)
    size = np.bincount(model.labels_, minlength=k)[:, None]
    rate = np.column_stack([np.bincount(model.labels_, y, minlength=k) for y in data.score.T]) / size
    near = np.argsort(model.transform(new), axis=1, kind="stable")[:, :NEAREST]
    return np.asarray(rate[near].mean(axis=1))


def _length(data: Problem) -> Floats:
    return length_only(data.queries, data.score, data.new_queries)


def _knn(data: Problem, k: int) -> Floats:
    return knn(data.queries, data.score, data.new_queries, k=k)


BASELINES: dict[str, Fitter] = {
    "length only": _length,
    "per-task table": partial(task_table, shrink=False),
    "per-task mean": partial(task_table, shrink=True),
    "lexical features": lexical,
    "kNN 20": partial(_knn, k=20),
    "kNN 100": partial(_knn, k=100),
    "TF-IDF + LR": tfidf_logistic,
    "MLP": mlp,
    "matrix factorisation": matrix_factorisation,
    "clusters": cluster,
}
"""Every baseline by name."""

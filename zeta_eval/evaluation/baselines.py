"""Simple rivals of a policy: success probabilities for new queries from a fit split's outcomes alone."""

from __future__ import annotations

import numpy as np

from zeta_eval.arrays import Floats, sigmoid
from zeta_eval.evaluation.batch.predict import Texts

NEIGHBOURS = 50
"""Neighbours of the kNN baseline: fewer are noise (k of 50-100 does best on stored outcomes of real models)."""

WORKING_MIB = 64
"""Distances, in MiB, that are held at once; scikit-learn's own default of 1024 takes over 2 GB."""


def length_only(fit_queries: Texts, fit_score: Floats, queries: Texts) -> Floats:
    """Return p (Q, M) of one logistic regression per size on log(1 + characters), fitted on N queries.

    Args:
        fit_queries: Texts, (N,).
        fit_score: Their scores, (N, M), in [0, 1].
        queries: Texts to predict, (Q,).
    """
    x, new = (np.log1p([len(t) for t in texts]) for texts in (fit_queries, queries))
    centre, spread = x.mean(), x.std() or 1.0
    design = np.column_stack([np.ones(len(x)), (x - centre) / spread])
    weights = np.column_stack([_logistic(design, y) for y in fit_score.T])
    return sigmoid(np.column_stack([np.ones(len(new)), (new - centre) / spread]) @ weights)


def knn(fit_queries: Texts, fit_score: Floats, queries: Texts, *, k: int = NEIGHBOURS) -> Floats:
    """Return p (Q, M): the mean score of the k nearest of N texts by cosine of TF-IDF vectors (scikit-learn).

    Arguments as in `length_only`. Words are runs of letters or digits, and single signs.
    """
    from sklearn import config_context
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.neighbors import NearestNeighbors

    vectors = TfidfVectorizer(token_pattern=r"\w+|[^\w\s]", sublinear_tf=True, max_features=50_000)
    try:
        known = vectors.fit_transform(map(str, fit_queries))
    except ValueError:  # every text is blank: nothing is near anything
        return np.tile(fit_score.mean(axis=0), (len(queries), 1))
    index = NearestNeighbors(n_neighbors=min(k, known.shape[0]), metric="cosine", algorithm="brute").fit(known)
    with config_context(working_memory=WORKING_MIB):
        near = index.kneighbors(vectors.transform(map(str, queries)), return_distance=False)
    return np.asarray(fit_score[near].mean(axis=1))


def _logistic(design: Floats, y: Floats, *, ridge: float = 1.0) -> Floats:
    """Return weights of a logistic regression by Newton's method; the slope has a ridge as scikit-learn's default."""
    w = np.zeros(design.shape[1])
    penalty = np.diag([1e-6, *[ridge] * (len(w) - 1)])  # a trace on the intercept, for scores that are all 0 or 1
    for _ in range(50):
        p = sigmoid(design @ w)
        curvature = design.T @ (design * (p * (1 - p))[:, None]) + penalty
        step = np.linalg.solve(curvature, design.T @ (y - p) - penalty @ w)
        w = w + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-8:
            break
    return w

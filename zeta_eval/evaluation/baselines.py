"""Simple rivals of a policy: success probabilities for new queries from a fit split's outcomes alone."""

import numpy as np

from zeta_eval.arrays import Floats, sigmoid
from zeta_eval.evaluation.batch.features import Texts
from zeta_eval.evaluation.measures.logistic import logistic_toward

NEIGHBOURS = 50
"""Neighbours of the kNN baseline: fewer are noise (k of 50-100 does best on stored outcomes of real models)."""

WORKING_MIB = 64
"""Distances, in MiB, that are held at once; scikit-learn's own default of 1024 takes over 2 GB."""


def length_only(fit_queries: Texts, fit_score: Floats, queries: Texts) -> Floats:
    """Return p (Q, M) by a logistic regression per size of N other texts' scores (N, M) on log(1 + characters)."""
    x, new = (np.log1p([len(t) for t in texts]) for texts in (fit_queries, queries))
    centre, spread = x.mean(), x.std() or 1.0
    columns, unseen = (np.column_stack([np.ones(len(a)), (a - centre) / spread]) for a in (x, new))
    # scikit-learn's default ridge on the slope, a trace on the intercept for scores that are all 0 or 1
    penalty = np.array([1e-6, 1.0])
    weights = [logistic_toward(columns, y, np.zeros(2), penalty, tolerance=-1e-12) for y in fit_score.T]
    return sigmoid(unseen @ np.column_stack(weights))


def knn(fit_queries: Texts, fit_score: Floats, queries: Texts, *, k: int = NEIGHBOURS) -> Floats:
    """Return p (Q, M): the mean score of the k nearest of N texts by cosine of TF-IDF vectors (scikit-learn).

    Words are runs of letters or digits, and single signs.
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

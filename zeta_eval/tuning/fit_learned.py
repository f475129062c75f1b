"""Fits the estimator "learned": a weight for each size on the words of a query."""

import numpy as np

from zeta_eval.evaluation.batch.estimate import ngram_matrix
from zeta_eval.router.estimators.learned import Learned, NGrams
from zeta_eval.router.estimators.tables import encode
from zeta_eval.tuning.estimators import Fitted, Training, fits
from zeta_eval.tuning.stacking import Parts, logistic, regress

BITS = 15
"""N-grams are hashed to 2**BITS buckets."""

NGRAMS_C = 0.27
"""Inverse penalty of the regression on n-grams."""


@fits("learned")
def fit_learned(t: Training) -> Fitted:
    """Fit the words, and stack them with features and tasks; at least five queries."""
    matrix = ngram_matrix(t.read.texts, BITS)
    parts = Parts.of(t, regress(matrix, t.score, t.folds, (NGRAMS_C,))[1])
    on_words, at_none = logistic(matrix, t.score, NGRAMS_C)
    bias = parts.a @ (np.vstack([parts.at_mean, at_none, t.base]) - t.base)
    ngrams = NGrams(bits=BITS, n_sizes=t.score.shape[1], table=encode((parts.a[1] * on_words).tolist()))
    model = Learned(base=tuple(t.base.tolist()), linear=parts.linear(bias), ngrams=ngrams)
    return Fitted(model=model, p=parts.p, features_c=parts.features_c)

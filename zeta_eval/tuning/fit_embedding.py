"""Fits the estimator "embedding": a weight for each size on every number of a query's vector."""

from dataclasses import replace

import numpy as np

from zeta_eval.arrays import Floats
from zeta_eval.exceptions import InvalidInputError
from zeta_eval.router.estimators.embedder import Embedder, embed
from zeta_eval.router.estimators.embedding import Embedded
from zeta_eval.router.estimators.tables import encode
from zeta_eval.tuning.estimators import Fitted, Training, fits
from zeta_eval.tuning.stacking import Parts, logistic, regress

VECTOR_CS = (0.03, 0.3, 3.0, 30.0)
"""Inverse penalties of the regression on vectors that are compared."""


@fits("embedding")
def fit_embedding(t: Training) -> Fitted:
    """Fit the vectors, and stack them with features and tasks; at least ten queries."""
    vectors, embedder = embedded(t)
    c, on_text = regress(vectors, t.score, t.folds, VECTOR_CS)
    parts = Parts.of(t, on_text)
    on_vector, at_zero = logistic(vectors, t.score, c)
    linear = parts.linear(parts.a[0] * (parts.at_mean - t.base))
    bias = np.array(linear.bias) + parts.a[1] * (at_zero - t.base)
    linear, table = replace(linear, bias=tuple(bias.tolist())), encode((parts.a[1] * on_vector).tolist())
    model = Embedded(base=tuple(t.base.tolist()), linear=linear, embedder=embedder, table=table)
    return Fitted(model=model, p=parts.p, features_c=parts.features_c)


def embedded(t: Training) -> tuple[Floats, Embedder]:
    """Unit vectors of the queries, shape (Q, D), and the embedder that made them."""
    if t.embedder is None:
        raise InvalidInputError("This estimator needs an embedder; give the name of a sentence-transformers model.")
    vectors = np.array(embed(t.embedder, list(t.read.texts)), dtype=np.float64)
    return vectors, Embedder(model=t.embedder, dimension=vectors.shape[1])

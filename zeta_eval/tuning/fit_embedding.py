"""Fits the estimator "embedding": features and words, mixed with a regression on the query's vector."""

from __future__ import annotations

import numpy as np

from zeta_eval.arrays import Floats
from zeta_eval.exceptions import InvalidInputError
from zeta_eval.router.estimators.embedder import Embedder, embed
from zeta_eval.router.estimators.embedding import Embedded
from zeta_eval.router.estimators.heuristic import Level
from zeta_eval.router.estimators.tables import encode
from zeta_eval.router.estimators.tasks import TaskOffsets
from zeta_eval.tuning.estimators import Fitted, Training, fit_estimator, fits
from zeta_eval.tuning.fit_learned import WEIGHT
from zeta_eval.tuning.quality import gain_errors
from zeta_eval.tuning.ridge import FoldedRidge

PENALTIES = (100.0, 10.0, 1.0)
"""Penalties of the regression on vectors that are compared out of fold."""

SHARE = 1 / 3
"""How much the vector counts; features and words count the rest."""


@fits("embedding")
def fit_embedding(t: Training) -> Fitted:
    """Fit the vectors, and mix them with features and words."""
    vectors, embedder = embedded(t)
    ridge = FoldedRidge(vectors, t.data.score, t.data.folds)
    penalties = [np.full(vectors.shape[1], penalty) for penalty in PENALTIES]
    outs = [ridge.out_of_fold(penalty) for penalty in penalties]
    best = min(range(len(outs)), key=lambda i: gain_errors(outs[i], t.data.score).sum())
    weights, constant = ridge.fit(penalties[best])

    def estimator(level: Level, tasks: TaskOffsets) -> Embedded:
        return Embedded(
            forest=t.forest,
            usual=t.usual,
            level=level,
            tasks=tasks,
            words=t.words.words,
            weight=WEIGHT,
            embedder=embedder,
            share=SHARE,
            constant=tuple(constant.tolist()),
            table=encode(weights.tolist()),
        )

    p = fit_estimator("learned", t).p
    return Fitted(p=p + SHARE * (outs[best] - p), estimator=estimator)


def embedded(t: Training) -> tuple[Floats, Embedder]:
    """Unit vectors of the queries, shape (Q, D), and the embedder that made them."""
    if t.embedder is None:
        raise InvalidInputError("This estimator needs an embedder; give the name of a sentence-transformers model.")
    vectors = np.array(embed(t.embedder, list(t.data.read.texts)), dtype=np.float64)
    return vectors, Embedder(model=t.embedder, dimension=vectors.shape[1])

"""Fits the estimator "knn": which tuning queries may be neighbours, and how much the nearest of them count."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from zeta_eval.arrays import Floats, Ints
from zeta_eval.evaluation.batch.estimate import VECTORS, neighbour_means
from zeta_eval.router.estimators.heuristic import Level
from zeta_eval.router.estimators.knn import Neighbours
from zeta_eval.router.estimators.tables import encode
from zeta_eval.router.estimators.tasks import TaskOffsets
from zeta_eval.tuning.estimators import Fitted, Training, fit_estimator, fits
from zeta_eval.tuning.fit_embedding import SHARE, embedded
from zeta_eval.tuning.fit_learned import WEIGHT
from zeta_eval.tuning.quality import gain_errors
from zeta_eval.tuning.ridge import Folds

REFERENCES = 2000
"""Most tuning queries that may be neighbours: it bounds the policy file and the time to route."""

NEIGHBOURS, TEMPERATURES = (10, 30, 100), (0.03, 0.1, 1.0)
"""Numbers of neighbours, and how fast their weight falls with distance, that are compared."""

PRIOR = 2.0
"""Number of neighbours that the mean scores count as."""

NARROWEST = 0.05
"""Least difference between a similarity at which neighbours count in full and one at which they are ignored."""

Setting = tuple[int, float]
"""A number of neighbours and a temperature."""


@fits("knn")
def fit_knn(t: Training) -> Fitted:
    """Choose the number of neighbours, and mix what they tell with features and words."""
    vectors, embedder = embedded(t)
    score = t.data.score
    space, mean = _Space.of(vectors, t), score.mean(axis=0)
    far, near = space.limits()
    by_setting = _told(space, score, mean, far, near)
    k, temperature = min(by_setting, key=lambda s: gain_errors(by_setting[s], score).sum())

    def estimator(level: Level, tasks: TaskOffsets) -> Neighbours:
        known = np.rint(255 * score[space.chosen]).astype(np.uint8)
        return Neighbours(
            forest=t.forest,
            usual=t.usual,
            level=level,
            tasks=tasks,
            words=t.words.words,
            weight=WEIGHT,
            embedder=embedder,
            share=SHARE,
            table=encode(vectors[space.chosen].tolist()),
            score_table=base64.b64encode(known.tobytes()).decode("ascii"),
            mean=tuple(mean.tolist()),
            k=min(k, len(known)),
            temperature=temperature,
            prior=PRIOR,
            far=far,
            near=near,
        )

    p = fit_estimator("learned", t).p
    return Fitted(p=p + SHARE * (by_setting[k, temperature] - p), estimator=estimator)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Space:
    """Where the tuning queries lie."""

    vectors: Floats
    """Unit vectors, shape (Q, D)."""
    chosen: Ints
    """The references: queries that may be neighbours, shape (N,)."""
    folds: Folds
    """Queries to fit on and held-out queries of each fold."""

    @classmethod
    def of(cls, vectors: Floats, t: Training) -> _Space:
        # Another stream than that of the folds, which would put all references into one of them.
        chosen = np.sort(np.random.default_rng([t.data.seed, 1]).permutation(len(vectors))[:REFERENCES])
        return cls(vectors=vectors, chosen=chosen, folds=t.data.folds)

    def unseen(self) -> Iterator[tuple[Ints, Ints, Floats]]:
        """Some held-out queries of a fold, the references outside the fold, and the similarities between them."""
        for train, held in self.folds:
            known = np.intersect1d(self.chosen, train)
            for part in np.array_split(held, -(-len(held) // VECTORS)):
                yield part, known, self.vectors[part] @ self.vectors[known].T

    def limits(self) -> tuple[float, float]:
        """Similarity to the nearest up to which neighbours are ignored, and from which they count in full.

        The first is the median similarity of two references. 19 of 20 queries exceed the second.
        """
        near = float(np.percentile(np.concatenate([s.max(axis=1) for _, _, s in self.unseen()]), 5))
        references = self.vectors[self.chosen]
        return min(float(np.median(references @ references.T)), near - NARROWEST), near


def _told(space: _Space, score: Floats, base: Floats, far: float, near: float) -> dict[Setting, Floats]:
    """Out-of-fold mean scores (Q, M) of nearest neighbours, by their number and temperature."""
    made: dict[Setting, Floats] = {s: np.empty(score.shape) for s in product(NEIGHBOURS, TEMPERATURES)}
    for held, known, similar in space.unseen():
        share = np.clip((similar.max(axis=1, keepdims=True) - far) / (near - far), 0.0, 1.0)
        for (k, temperature), told in made.items():
            mean = neighbour_means(similar, score[known], base, min(k, len(known)), temperature, PRIOR)
            told[held] = base + share * (mean - base)
    return made

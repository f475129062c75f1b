"""Fits estimators above a sentence-transformers model, with a text's vector in place of `learned`'s n-grams."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import numpy.typing as npt

from zeta_eval.arrays import Floats, sigmoid
from zeta_eval.evaluation.batch.estimate import VECTORS, neighbour_logits
from zeta_eval.router.embedders import Embedded, Embedder, Neighbours, embed
from zeta_eval.router.estimators import Linear, encode
from zeta_eval.tuning.fit_learned import (
    FEATURES_CS,
    Fitted,
    Ints,
    folds,
    gain_error,
    log_odds,
    logistic,
    regress,
    stack,
    task_offsets,
)
from zeta_eval.tuning.linear import Standard, task_codes

REFERENCES = 2000
"""Most tuning queries that may be neighbours: it bounds the policy file and the time to route."""

VECTOR_CS = (0.03, 0.3, 3.0, 30.0)
"""Inverse penalties of the regression on vectors that are compared."""

NEIGHBOURS, TEMPERATURES = (10, 30, 100), (0.03, 0.1, 1.0)
"""Numbers of neighbours, and how fast their weight falls with distance, that are compared."""

PRIOR = 2.0
"""Neighbours' worth of the base log-odds that is mixed in."""

NARROWEST = 0.05
"""Least difference between a similarity that says all and one that says nothing."""

PARTS = ("features", "vectors", "tasks")

Setting = tuple[float, ...]
"""What is compared: an inverse penalty, or a number of neighbours and a temperature."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Space:
    """Where the tuning queries lie."""

    vectors: Floats
    """Unit vectors, shape (Q, D)."""
    chosen: Ints
    """The queries that may be neighbours, shape (N,)."""
    folds: list[tuple[Ints, Ints]]
    """Queries to fit on and held-out queries of each fold."""

    @classmethod
    def of(cls, embedder: str, texts: Sequence[str] | npt.NDArray[np.object_], seed: int) -> _Space:
        vectors = np.array(embed(embedder, list(texts)), dtype=np.float64)
        # Another stream than that of the folds, which would put all references into one of them.
        chosen = np.sort(np.random.default_rng([seed, 1]).permutation(len(vectors))[:REFERENCES])
        return cls(vectors=vectors, chosen=chosen, folds=list(folds(len(vectors), seed)))

    def unseen(self) -> Iterator[tuple[Ints, Ints, Floats]]:
        """Held-out queries, a few of a fold at once, the references outside it, and their similarities."""
        for train, held in self.folds:
            known = np.intersect1d(self.chosen, train)
            for part in np.array_split(held, -(-len(held) // VECTORS)):
                yield part, known, self.vectors[part] @ self.vectors[known].T

    def limits(self) -> tuple[float, float]:
        """Similarity to the nearest that says nothing, and all: what two queries have, and what 19 of 20 exceed."""
        near = float(np.percentile(np.concatenate([s.max(axis=1) for _, _, s in self.unseen()]), 5))
        references = self.vectors[self.chosen]
        return min(float(np.median(references @ references.T)), near - NARROWEST), near


def fit_embedding(
    estimator: str,
    embedder: str,
    texts: Sequence[str] | npt.NDArray[np.object_],
    features: Floats,
    names: Sequence[str],
    tasks: npt.NDArray[np.object_],
    score: Floats,
    *,
    seed: int = 0,
    features_c: float | None = None,
) -> Fitted:
    """Fit an estimator above an embedder to at least ten queries; its parts are stacked as `fit_learned` does.

    Args:
        estimator: "embedding" for a linear model of the vector, "knn" for nearest neighbours.
        embedder: name or local folder of a sentence-transformers model.
        texts: query texts, shape (Q,).
        features: shape (Q, F).
        names: names of the F features.
        tasks: task names, shape (Q,); None where there is none.
        score: shape (Q, M), in [0, 1].
        seed: of the folds and of the choice of references.
        features_c: as in `fit_learned`.

    Raises:
        InvalidInputError: sentence-transformers is not installed.
        HubAccessError: the embedder can't be loaded.
    """
    space, base = _Space.of(embedder, texts, seed), log_odds(score)
    standard, (known, code) = Standard.of(features), task_codes(tasks)
    limits = space.limits()
    if estimator == "embedding":
        c, told = regress(space.vectors, score, space.folds, VECTOR_CS)
        setting: Setting = (c,)
    else:
        by_setting = _knn_logits(space, score, *limits)
        setting = min(by_setting, key=lambda s: gain_error(by_setting[s], score))
        told = by_setting[setting]
    features_c, on_fold = regress(standard.x, score, space.folds, FEATURES_CS if features_c is None else (features_c,))
    added = np.stack([on_fold, told, _task_logits(space, code, score)]) - base
    a = stack(added, base, score)
    on_features, at_mean = logistic(standard.x, score, features_c)
    offsets = dict(zip(known, a[2] * task_offsets(code, len(known), score), strict=False))
    rest = standard.linear(a[0] * (at_mean - base), a[0] * on_features, names, offsets)
    source = Embedder(model=embedder, dimension=space.vectors.shape[1])
    if estimator == "embedding":
        model: Embedded | Neighbours = _embedded(space, source, rest, score, setting, a[1])
    else:
        model = _neighbours(space, source, rest, score, setting, a[1], limits)
    p = sigmoid(base + np.tensordot(a, added, 1))
    return Fitted(model=model, p=p, weights=dict(zip(PARTS, a.tolist(), strict=True)), features_c=features_c)


def _embedded(
    space: _Space, embedder: Embedder, rest: Linear, score: Floats, setting: Setting, weight: float
) -> Embedded:
    base, (on_vector, at_zero) = log_odds(score), logistic(space.vectors, score, setting[0])
    bias = np.array(rest.bias) + weight * (at_zero - base)
    return Embedded(
        base=tuple(base.tolist()),
        linear=replace(rest, bias=tuple(bias.tolist())),
        embedder=embedder,
        table=encode((weight * on_vector).tolist()),
    )


def _neighbours(
    space: _Space,
    embedder: Embedder,
    rest: Linear,
    score: Floats,
    setting: Setting,
    weight: float,
    limits: tuple[float, float],
) -> Neighbours:
    scores = np.rint(255 * score[space.chosen]).astype(np.uint8)
    return Neighbours(
        base=tuple(log_odds(score).tolist()),
        linear=rest,
        embedder=embedder,
        table=encode(space.vectors[space.chosen].tolist()),
        score_table=base64.b64encode(scores.tobytes()).decode("ascii"),
        k=min(int(setting[0]), len(scores)),
        temperature=setting[1],
        prior=PRIOR,
        far=limits[0],
        near=limits[1],
        weight=float(weight),
    )


def _knn_logits(space: _Space, score: Floats, far: float, near: float) -> dict[Setting, Floats]:
    """Out-of-fold log-odds (Q, M) of nearest neighbours, by their number and temperature."""
    made: dict[Setting, Floats] = {s: np.empty(score.shape) for s in product(NEIGHBOURS, TEMPERATURES)}
    base = log_odds(score)
    for held, known, similar in space.unseen():
        familiarity = np.clip((similar.max(axis=1, keepdims=True) - far) / (near - far), 0.0, 1.0)
        for (k, temperature), z in made.items():
            told = neighbour_logits(similar, score[known], base, min(int(k), len(known)), temperature, PRIOR)
            z[held] = base + familiarity * (told - base)
    return made


def _task_logits(space: _Space, code: Ints, score: Floats) -> Floats:
    """Out-of-fold log-odds (Q, M) of tasks."""
    z = np.empty(score.shape)
    for train, held in space.folds:
        z[held] = (log_odds(score[train]) + task_offsets(code[train], int(code.max()) + 1, score[train]))[code[held]]
    return z

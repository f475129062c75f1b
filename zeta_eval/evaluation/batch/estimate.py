"""What estimators say of many queries at once: the vectorised twin of `zeta_eval.router.estimators`.

`chances` has a version for the estimators that are built on the heuristic; any other is asked query by query.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch

import numpy as np

from zeta_eval.arrays import Floats, sigmoid
from zeta_eval.evaluation.batch.features import Features, Texts
from zeta_eval.router.complexity import TextView
from zeta_eval.router.estimators import Estimator
from zeta_eval.router.estimators.costs import CostModel
from zeta_eval.router.estimators.embedder import Embedder
from zeta_eval.router.estimators.embedding import Embedded
from zeta_eval.router.estimators.forest import LEAF, Forest
from zeta_eval.router.estimators.heuristic import LEAST, Heuristic, Learned, Level
from zeta_eval.router.estimators.knn import TIE, Neighbours
from zeta_eval.router.estimators.seed import Seed
from zeta_eval.router.estimators.tasks import TaskOffsets

VECTORS = 1 << 10
"""Texts that are embedded and compared with the references at once."""


@singledispatch
def chances(model: Estimator, read: Features) -> Floats:
    """Return each size's chance of success, shape (Q, M): `Estimator.chances` of many queries."""
    found = [
        model.chances(TextView.of(text), dict(zip(read.names, column, strict=True)), task)
        for text, column, task in zip(read.texts, read.columns.T.tolist(), read.tasks, strict=True)
    ]
    return np.array(found).reshape(len(read.texts), model.n_sizes)


@chances.register(Heuristic)
def _(model: Heuristic, read: Features) -> Floats:
    p = levelled(model.level, mixed(model, forest_means(model.forest, read), read))
    return np.clip(p + offsets(model.tasks, read), LEAST, 1.0 - LEAST)


def levelled(level: Level, p: Floats) -> Floats:
    """Return chances, (Q, M), stretched: `Level` of many queries."""
    return np.asarray(p + (level.stretch - 1.0) * (p.mean(axis=1, keepdims=True) - level.mean))


@chances.register(Seed)
def _(model: Seed, read: Features) -> Floats:
    d = np.full(len(read.rule), model.bias)
    for name, weight in model.weights.items():
        d += weight * read.column(name)
    return sigmoid(np.array(model.slope) * (np.array(model.ability) - d[:, None]))


@singledispatch
def mixed(model: Heuristic, p: Floats, read: Features) -> Floats:
    """Return the forest's chances, (Q, M), mixed with what else is read: `Heuristic.mixed` of many texts."""
    if type(model) is Heuristic:
        return p
    found = [model.mixed(row, TextView.of(text)) for row, text in zip(p.tolist(), read.texts, strict=True)]
    return np.array(found).reshape(p.shape)


@mixed.register(Learned)
def _(model: Learned, p: Floats, read: Features) -> Floats:
    return p + model.weight * (read.tokens.values(model.words) - p)


@mixed.register(Embedded)
def _(model: Embedded, p: Floats, read: Features) -> Floats:
    weights = np.array(model.weights).reshape(-1, model.n_sizes)
    told = np.concatenate([vectors @ weights + model.constant for vectors in _vectors(model.embedder, read.texts)])
    p = mixed.dispatch(Learned)(model, p, read)
    return np.asarray(p + model.share * (told - p))


@mixed.register(Neighbours)
def _(model: Neighbours, p: Floats, read: Features) -> Floats:
    references, scores, mean = np.array(model.references).T, np.array(model.scores), np.array(model.mean)
    told = []
    for vectors in _vectors(model.embedder, read.texts):
        similar = vectors @ references
        means = neighbour_means(similar, scores, mean, model.k, model.temperature, model.prior)
        like = np.clip((similar.max(axis=1) - model.far) / (model.near - model.far), 0.0, 1.0)
        told.append(mean + like[:, None] * (means - mean))
    p = mixed.dispatch(Learned)(model, p, read)
    return np.asarray(p + model.share * (np.concatenate(told) - p))


def _vectors(embedder: Embedder, texts: Texts) -> Iterator[Floats]:
    """Vectors of texts, blocks of at most `VECTORS` rows."""
    for start in range(0, max(len(texts), 1), VECTORS):
        block = [TextView.of(text).text for text in texts[start : start + VECTORS]]
        yield np.array(embedder.vectors(block), dtype=np.float64).reshape(len(block), embedder.dimension)


def neighbour_means(similar: Floats, scores: Floats, base: Floats, k: int, temperature: float, prior: float) -> Floats:
    """Mean scores (Q, M) of the k most similar of N references, from `similar` (Q, N), `scores` (N, M), `base` (M,)."""
    at = similar.shape[1] - k
    last = np.partition(similar, at, axis=1)[:, at, None] - TIE
    near = np.exp((similar - similar.max(axis=1, keepdims=True)) / temperature) * (similar >= last)
    return np.asarray((near @ scores + prior * base) / (near.sum(axis=1, keepdims=True) + prior))


def forest_means(forest: Forest, read: Features) -> Floats:
    """Return a forest's numbers for many texts, shape (Q, K): `Forest.mean`."""
    asked = np.frombuffer(forest.asked_of, dtype=np.uint8).astype(np.intp)
    thresholds, right = np.array(forest.threshold_of), np.array(forest.right_of, dtype=np.intp)
    values, q = np.array(forest.value_of), len(read.rule)
    columns = np.ascontiguousarray([read.column(name) for name in forest.features]).ravel()
    total = np.zeros((q, forest.n_values))
    for start in forest.starts:
        at, rows = np.full(q, start, dtype=np.intp), np.arange(q)
        while (rows := rows[asked[at[rows]] != LEAF]).size:
            here = at[rows]
            x = columns[asked[here] * q + rows]
            at[rows] = np.where(x <= thresholds[here], here + 1, right[here])
        total += values[at]
    return np.asarray(total / len(forest.starts))


def offsets(model: TaskOffsets, read: Features) -> Floats | float:
    """Return what is added for each query's task, shape (Q, M), 0 where that is nothing."""
    if not model.of_task:
        return 0.0
    m = len(next(iter(model.of_task.values())))
    table = np.array([*model.of_task.values(), (0.0,) * m])  # the last row is that of no known task
    row = {task: i for i, task in enumerate(model.of_task)}
    return np.asarray(table[[len(row) if task is None else row.get(task, len(row)) for task in read.tasks]])


def costs(model: CostModel, read: Features) -> Floats:
    """Return the expected cost of every size, shape (Q, M): `CostModel.cost` of many queries."""
    logs = forest_means(model.log_cost, read) + model.shift + offsets(model.tasks, read)
    return np.clip(np.exp(np.minimum(logs, 50.0)), model.low, model.high)

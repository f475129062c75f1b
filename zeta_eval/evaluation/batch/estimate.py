"""What estimators say of many queries at once: the vectorised twin of `zeta_eval.router.estimators`.

`added` has a version for each estimator's class; a class without one of its own is asked query by query.
"""

from array import array
from collections.abc import Iterator, Sequence
from functools import singledispatch

import numpy as np
import numpy.typing as npt
from scipy import sparse

from zeta_eval.arrays import Floats, logit, sigmoid
from zeta_eval.router.estimators import Estimator
from zeta_eval.router.estimators.embedder import Embedder
from zeta_eval.router.estimators.embedding import Embedded
from zeta_eval.router.estimators.knn import TIE, Neighbours
from zeta_eval.router.estimators.learned import Learned, grams
from zeta_eval.router.estimators.linear import CostModel, Linear

Texts = Sequence[str] | npt.NDArray[np.object_]
"""Query texts, shape (Q,)."""
Tasks = Sequence[str | None] | npt.NDArray[np.object_]
"""Task names, shape (Q,)."""

BLOCK = 1 << 15
"""Queries that are worked on at once: it bounds the memory."""

VECTORS = 1 << 10
"""Texts that are embedded and compared with the references at once."""


def predict(model: Estimator, texts: Texts, features: Floats, names: Sequence[str], tasks: Tasks) -> Floats:
    """Log-odds of success of every size, (Q, M), from F named features, (Q, F): `Estimator.logits` of many queries."""
    return np.asarray(np.array(model.base) + _linear(model.linear, features, names, tasks) + added(model, texts))


@singledispatch
def added(model: Estimator, texts: Texts) -> Floats:
    """What texts add to the log-odds of every size, shape (Q, M): `Estimator.added` of many texts."""
    return np.array([model.added(text) for text in texts]).reshape(len(texts), len(model.base))


@added.register
def _(model: Learned, texts: Texts) -> Floats:
    ngrams = model.ngrams
    weights = np.array(ngrams.weights).reshape(-1, ngrams.n_sizes)
    sums, count = np.empty((len(texts), ngrams.n_sizes)), np.empty((len(texts), 1))
    for start in range(0, len(sums), BLOCK):
        part = slice(start, start + BLOCK)
        block = ngram_matrix(texts[part], ngrams.bits)
        # Ones instead of the rounded float32 values: sums as exact as the router's own.
        ones = sparse.csr_matrix((np.ones(block.nnz), block.indices, block.indptr), shape=block.shape)
        sums[part], count[part, 0] = ones @ weights, np.maximum(np.diff(block.indptr), 1)
    return np.asarray(sums / np.sqrt(count))


@added.register
def _(model: Embedded, texts: Texts) -> Floats:
    weights = np.array(model.weights).reshape(-1, len(model.base))
    return np.concatenate([vectors @ weights for vectors in _vectors(model.embedder, texts)])


@added.register
def _(model: Neighbours, texts: Texts) -> Floats:
    references, scores, base = np.array(model.references).T, np.array(model.scores), np.array(model.base)
    found = []
    for vectors in _vectors(model.embedder, texts):
        similar = vectors @ references
        z = neighbour_logits(similar, scores, base, model.k, model.temperature, model.prior)
        share = np.clip((similar.max(axis=1) - model.far) / (model.near - model.far), 0.0, 1.0)
        found.append(model.weight * share[:, None] * (z - base))
    return np.concatenate(found)


def _vectors(embedder: Embedder, texts: Texts) -> Iterator[Floats]:
    """Vectors of texts, blocks of at most `VECTORS` rows."""
    for start in range(0, max(len(texts), 1), VECTORS):
        block = list(texts[start : start + VECTORS])
        yield np.array(embedder.vectors(block), dtype=np.float64).reshape(len(block), embedder.dimension)


def ngram_matrix(texts: Texts, bits: int) -> sparse.csr_matrix:
    """Hashed n-grams of texts: rows of unit length, shape (Q, 2**bits), float32.

    Each of a text's n distinct buckets holds 1 / sqrt(n). Eight bytes per bucket and text, also while it is built.
    """
    indices, ends = array("i"), array("q", [0])
    for text in texts:
        indices.extend(grams(text, bits))
        ends.append(len(indices))
    counts = np.diff(np.asarray(ends))
    data = np.repeat((1.0 / np.sqrt(np.maximum(counts, 1))).astype(np.float32), counts)
    return sparse.csr_matrix((data, np.asarray(indices), np.asarray(ends)), shape=(len(texts), 1 << bits))


def neighbour_logits(similar: Floats, scores: Floats, base: Floats, k: int, temperature: float, prior: float) -> Floats:
    """Log-odds (Q, M) by the k most similar of N references, given `similar` (Q, N), `scores` (N, M), `base` (M,)."""
    at = similar.shape[1] - k
    last = np.partition(similar, at, axis=1)[:, at, None] - TIE
    near = np.exp((similar - similar.max(axis=1, keepdims=True)) / temperature) * (similar >= last)
    return logit((near @ scores + prior * sigmoid(base)) / (near.sum(axis=1, keepdims=True) + prior))


def predict_costs(model: CostModel, features: Floats, names: Sequence[str], tasks: Tasks) -> Floats:
    """Expected cost of every size, shape (Q, M): `CostModel.cost` of many queries, with features of shape (Q, F)."""
    logs = _linear(model.log_cost, features, names, tasks)
    return np.clip(np.exp(np.minimum(logs, 50.0)), model.low, model.high)


def _linear(model: Linear, features: Floats, names: Sequence[str], tasks: Tasks) -> Floats:
    m, place = len(model.bias), {name: i for i, name in enumerate(names)}
    weights = np.array(list(model.weights.values()), dtype=np.float64).reshape(-1, m)
    columns, out = [place[n] for n in model.weights], np.empty((len(features), m))
    offsets = np.array([*model.tasks.values(), (0.0,) * m])  # the last row is that of no known task
    row = {task: i for i, task in enumerate(model.tasks)}
    for start in range(0, len(features), BLOCK):
        part = slice(start, start + BLOCK)
        which = [len(row) if task is None else row.get(task, len(row)) for task in tasks[part]]
        out[part] = features[part, columns] @ weights + model.bias + offsets[which]
    return out

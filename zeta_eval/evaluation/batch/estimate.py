"""What learned models expect of many queries at once: the vectorised twin of `zeta_eval.router.estimators`."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

from zeta_eval.arrays import Floats, logit, sigmoid
from zeta_eval.router.embedders import TIE, Embedded, Neighbours
from zeta_eval.router.estimators import CostModel, Learned, Linear, NGrams, grams

Tasks = Sequence[str | None] | npt.NDArray[np.object_]
"""Task names, (Q,)."""

BLOCK = 1 << 15
"""Queries that are worked on at once: it bounds the memory."""

VECTORS = 1 << 10
"""Texts that are embedded and compared with the references at once."""


def ngram_matrix(texts: Sequence[str] | npt.NDArray[np.object_], bits: int) -> sparse.csr_matrix:
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


def predict_learned(
    model: Learned,
    texts: Sequence[str] | npt.NDArray[np.object_],
    features: Floats,
    names: Sequence[str],
    tasks: Tasks,
) -> Floats:
    """Log-odds of success of every size, shape (Q, M): `Learned.logits` of many queries.

    Args:
        model: the fitted model.
        texts: shape (Q,).
        features: shape (Q, F).
        names: names of the F features.
        tasks: shape (Q,).
    """
    return model.base + _linear(model.linear, features, names, tasks) + _words(model.ngrams, texts)


def predict_embedded(
    model: Embedded | Neighbours,
    texts: Sequence[str] | npt.NDArray[np.object_],
    features: Floats,
    names: Sequence[str],
    tasks: Tasks,
) -> Floats:
    """Log-odds of success of every size, shape (Q, M): `logits` of many texts, features as for the others.

    Raises:
        PolicyError: the embedder is not the one that the model was fitted on.
        InvalidInputError: sentence-transformers is not installed.
        HubAccessError: the embedder can't be loaded.
    """
    base, told = np.array(model.base), np.empty((len(texts), len(model.base)))
    for start in range(0, len(texts), VECTORS):
        part = slice(start, start + VECTORS)
        vectors = np.array(model.embedder.vectors(list(texts[part])), dtype=np.float64)
        if isinstance(model, Neighbours):
            similar = vectors @ np.array(model.references).T
            z = neighbour_logits(similar, np.array(model.scores), base, model.k, model.temperature, model.prior)
            familiarity = np.clip((similar.max(axis=1) - model.far) / (model.near - model.far), 0.0, 1.0)
            told[part] = model.weight * familiarity[:, None] * (z - base)
        else:
            told[part] = vectors @ np.array(model.weights).reshape(-1, len(base))
    return np.asarray(base + _linear(model.linear, features, names, tasks) + told)


def neighbour_logits(similar: Floats, scores: Floats, base: Floats, k: int, temperature: float, prior: float) -> Floats:
    """Log-odds of success of every size by the k nearest references, (Q, M): see `Neighbours`.

    Args:
        similar: similarity to each reference, shape (Q, N).
        scores: of the references, shape (N, M).
        base: log-odds of each size, shape (M,).
        k: neighbours, at most N.
        temperature: how fast their weight falls.
        prior: neighbours' worth of `base`.
    """
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


def _words(model: NGrams, texts: Sequence[str] | npt.NDArray[np.object_]) -> Floats:
    """Return what words add, shape (Q, M)."""
    weights = np.array(model.weights).reshape(-1, model.n_sizes)
    sums, count = np.empty((len(texts), model.n_sizes)), np.empty((len(texts), 1))
    for start in range(0, len(sums), BLOCK):
        part = slice(start, start + BLOCK)
        block = ngram_matrix(texts[part], model.bits)
        # Ones instead of the rounded float32 values: sums as exact as the router's own.
        ones = sparse.csr_matrix((np.ones(block.nnz), block.indices, block.indptr), shape=block.shape)
        sums[part], count[part, 0] = ones @ weights, np.maximum(np.diff(block.indptr), 1)
    return np.asarray(sums / np.sqrt(count))

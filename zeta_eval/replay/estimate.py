"""What learned models expect of many queries at once: the vectorised twin of `zeta_eval.estimators`."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

from zeta_eval.estimators import CostModel, Learned, Linear, NGrams, grams
from zeta_eval.replay.choice import Floats

Tasks = Sequence[str | None] | npt.NDArray[np.object_]
"""Task names, (Q,)."""

BLOCK = 1 << 15
"""Rows whose n-grams are summed at once: it bounds the memory."""


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
    model: Learned, matrix: sparse.csr_matrix, features: Floats, names: Sequence[str], tasks: Tasks
) -> tuple[Floats, Floats]:
    """Log-odds of success of every size, (Q, M), and trust, (Q,): `Learned.logits` of many queries.

    Args:
        model: the fitted model.
        matrix: `ngram_matrix` of the texts, with the model's number of bits.
        features: shape (Q, F).
        names: names of the F features.
        tasks: shape (Q,).
    """
    words, share = _words(model.ngrams, matrix)
    trust = np.minimum(1.0, share / model.familiar)
    return model.base + trust[:, None] * (_linear(model.linear, features, names, tasks) + words), trust


def predict_costs(model: CostModel, features: Floats, names: Sequence[str], tasks: Tasks) -> Floats:
    """Expected cost of every size, shape (Q, M): `CostModel.cost` of many queries, with features of shape (Q, F)."""
    logs = _linear(model.log_cost, features, names, tasks)
    return np.clip(np.exp(np.minimum(logs, 50.0)), model.low, model.high)


def _linear(model: Linear, features: Floats, names: Sequence[str], tasks: Tasks) -> Floats:
    m, place = len(model.bias), {name: i for i, name in enumerate(names)}
    weights = np.array(list(model.weights.values()), dtype=np.float64).reshape(-1, m)
    offsets = np.array([*model.tasks.values(), (0.0,) * m])  # the last row is that of no known task
    row = {task: i for i, task in enumerate(model.tasks)}
    which = [len(row) if task is None else row.get(task, len(row)) for task in tasks]
    return np.asarray(features[:, [place[n] for n in model.weights]] @ weights + model.bias + offsets[which])


def _words(model: NGrams, matrix: sparse.csr_matrix) -> tuple[Floats, Floats]:
    """Return what words add, (Q, M), and the share of known n-grams, (Q,)."""
    weights = np.array(model.weights).reshape(-1, model.n_sizes)
    table = np.column_stack([weights, weights.any(axis=1)])
    sums = np.empty((matrix.shape[0], table.shape[1]))
    for start in range(0, len(sums), BLOCK):
        block = matrix[start : start + BLOCK]
        # Ones instead of the rounded float32 values: sums as exact as the router's own.
        ones = sparse.csr_matrix((np.ones(block.nnz), block.indices, block.indptr), shape=block.shape)
        sums[start : start + BLOCK] = ones @ table
    count = np.maximum(np.diff(matrix.indptr), 1)
    return sums[:, :-1] / np.sqrt(count)[:, None], sums[:, -1] / count

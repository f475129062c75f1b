"""The tokens of many texts as a sparse matrix, and what a table of weights makes of them."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from zeta_eval.arrays import Floats, Sizes
from zeta_eval.router.complexity import TextView
from zeta_eval.router.estimators.words import Words, pieces


class Vocabulary:
    """Every token read so far, with its hashed pieces; it only grows."""

    def __init__(self) -> None:
        """Start empty."""
        self._index: dict[str, int] = {}
        self._ids, self._ends = array("i"), array("q", [0])
        self._pieces: dict[int, tuple[int, sparse.csr_matrix]] = {}

    def __len__(self) -> int:
        return len(self._index)

    def add(self, view: TextView) -> None:
        """Read one more text."""
        index = self._index
        self._ids.extend([index.setdefault(token, len(index)) for token in view.tokens])
        self._ends.append(len(self._ids))

    @property
    def tokens(self) -> list[str]:
        """The tokens, in the order of their numbers."""
        return list(self._index)

    def matrix(self) -> sparse.csr_matrix:
        """Return which of T tokens each of the Q texts read so far has, as ones, shape (Q, T)."""
        ids, ends = np.array(self._ids, dtype=np.int32), np.array(self._ends)
        ones = np.ones(len(ids), dtype=np.float32)
        return sparse.csr_matrix((ones, ids, ends), shape=(len(ends) - 1, len(self._index)))

    def pieces(self, bits: int) -> sparse.csr_matrix:
        """Return how many pieces of each token fall into each bucket, shape (T, 2**bits)."""
        if bits not in self._pieces or self._pieces[bits][0] != len(self._index):
            indices, ends = array("i"), array("q", [0])
            for token in self._index:
                indices.extend(pieces(token, bits))
                ends.append(len(indices))
            ones, shape = np.ones(len(indices), dtype=np.float32), (len(self._index), 1 << bits)
            found = sparse.csr_matrix((ones, np.asarray(indices), np.asarray(ends)), shape=shape)
            found.sum_duplicates()
            self._pieces[bits] = len(self._index), found
        return self._pieces[bits][1]


@dataclass(frozen=True)
class Tokens:
    """The tokens of Q texts out of a vocabulary of T."""

    vocabulary: Vocabulary
    """All tokens."""
    matrix: sparse.csr_matrix
    """Which tokens each text has, as ones, shape (Q, T)."""

    def take(self, rows: Sizes) -> Tokens:
        """Return those of some texts."""
        return Tokens(self.vocabulary, self.matrix[rows])

    def mean(self, of_token: Floats) -> Floats:
        """Return the mean over each text's tokens of a number for each token (T,), shape (Q,); NaN without tokens."""
        count = np.diff(self.matrix.indptr)
        return np.asarray(self.matrix @ of_token / np.where(count > 0, count, np.nan))

    def values(self, words: Words) -> Floats:
        """Return what a table of weights tells of each text, shape (Q, M): `Words.values` of many texts."""
        weights = np.array(words.weights).reshape(-1, words.n_sizes)
        found = self.vocabulary.pieces(words.bits)
        of_token = np.asarray(found @ weights)[: self.matrix.shape[1]]
        counts = np.asarray(found.sum(axis=1), dtype=float).ravel()[: self.matrix.shape[1]]
        return np.asarray(
            self.matrix @ of_token / np.sqrt(np.maximum(self.matrix @ counts, 1.0))[:, None] + words.constant
        )

"""Ridge regression on the hashed pieces of words, by conjugate gradients (Hestenes and Stiefel 1952).

A text's columns are a product of two sparse matrices, its tokens and the tokens' pieces, over the root of the number of
its pieces; so the columns themselves, many times as many numbers, are never written out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from zeta_eval.arrays import Floats, Ints
from zeta_eval.evaluation.batch.tokens import Tokens
from zeta_eval.router.estimators.tables import encode
from zeta_eval.router.estimators.words import Words
from zeta_eval.tuning.data import Data
from zeta_eval.tuning.quality import gain_errors

BITS = 14
"""Pieces of words are hashed to 2**BITS buckets."""

PENALTIES = (100.0, 30.0, 10.0)
"""Penalties that are compared out of fold, the strongest first."""

TOLERANCE = 3e-3
"""Length of the residual, as a share of the first one's, at which the iteration stops."""

MOST_STEPS = 60
"""Most iterations."""


@dataclass(frozen=True, kw_only=True)
class WordsFit:
    """Weights of pieces and a constant, for K targets."""

    weights: Floats
    """Shape (2**BITS, K)."""
    constant: Floats
    """Shape (K,)."""

    def words(self) -> Words:
        """Write the fit as a policy holds it."""
        m, table = len(self.constant), encode(self.weights.tolist())
        return Words(bits=BITS, n_sizes=m, constant=tuple(self.constant.tolist()), table=table)


class WordsRidge:
    """The texts of Q queries, ready to be regressed on."""

    def __init__(self, tokens: Tokens) -> None:
        """Take the tokens of the queries."""
        self._pieces = tokens.vocabulary.pieces(BITS)[: tokens.matrix.shape[1]].tocsr()
        used = np.flatnonzero(np.diff(tokens.matrix.tocsc().indptr))
        self._pieces, self._texts = self._pieces[used], tokens.matrix[:, used].tocsr()
        counts = self._texts @ np.asarray(self._pieces.sum(axis=1), dtype=float).ravel()
        self._texts = sparse.diags(1.0 / np.sqrt(np.maximum(counts, 1.0))) @ self._texts

    def values(self, fit: WordsFit, rows: Ints) -> Floats:
        """Return estimates for some queries, shape (len(rows), K)."""
        return np.asarray(self._texts[rows] @ (self._pieces @ fit.weights) + fit.constant)

    def fits(self, rows: Ints, y: Floats, penalties: Sequence[float]) -> list[WordsFit]:
        """Fit targets (len(rows), K) with each of several penalties, the strongest first."""
        texts, pieces = self._texts[rows].tocsr(), self._pieces
        back, pieces_back = texts.T.tocsr(), pieces.T.tocsr()
        mean = np.asarray(pieces_back @ (back @ np.full(len(rows), 1.0 / len(rows))))
        constant = y.mean(axis=0)

        def forward(v: Floats) -> Floats:
            return np.asarray(texts @ (pieces @ v) - mean @ v)

        def backward(r: Floats) -> Floats:
            return np.asarray(pieces_back @ (back @ r) - np.outer(mean, r.sum(axis=0)))

        goal, found = backward(y - constant), []
        v = np.zeros_like(goal)
        for penalty in penalties:
            v = _conjugate_gradients(lambda v, a=penalty: backward(forward(v)) + a * v, goal, v)
            found.append(WordsFit(weights=v, constant=constant - mean @ v))
        return found


def _conjugate_gradients(times: object, goal: Floats, v: Floats) -> Floats:
    """Solve a symmetric positive system for each column of `goal`, starting at v."""
    assert callable(times)
    residual = goal - times(v)
    direction, square = residual.copy(), (residual**2).sum(axis=0)
    enough = TOLERANCE**2 * np.maximum((goal**2).sum(axis=0), 1e-30)
    for _ in range(MOST_STEPS):
        if (square <= enough).all():
            break
        along = times(direction)
        step = square / np.maximum((direction * along).sum(axis=0), 1e-30)
        v, residual = v + step * direction, residual - step * along
        last, square = square, (residual**2).sum(axis=0)
        direction = residual + square / np.maximum(last, 1e-30) * direction
    return v


@dataclass(frozen=True, kw_only=True)
class OnWords:
    """What the words alone tell of Q queries on M sizes."""

    p: Floats
    """Chances out of fold, shape (Q, M)."""
    words: Words
    """The fit to all queries."""


def fit_words(data: Data) -> OnWords:
    """Fit each size's score on words, with the penalty that errs least out of fold."""
    ridge, score = WordsRidge(data.read.tokens), data.score
    outs = [np.empty(score.shape) for _ in PENALTIES]
    for train, held in data.folds:
        for out, fit in zip(outs, ridge.fits(train, score[train], PENALTIES), strict=True):
            out[held] = ridge.values(fit, held)
    best = min(range(len(PENALTIES)), key=lambda i: gain_errors(outs[i], score).sum())
    whole = ridge.fits(np.arange(len(score)), score, PENALTIES[: best + 1])[-1]
    return OnWords(p=outs[best], words=whole.words())

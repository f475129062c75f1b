"""Ridge regression with out-of-fold estimates, from sums that are made once: each penalty then costs almost nothing.

The normal equations are sums over queries, so those without a fold are the whole less that fold.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zeta_eval.arrays import Floats, Ints

Folds = Sequence[tuple[Ints, Ints]]
"""Rows to fit on and rows held out, of each fold."""


class FoldedRidge:
    """Least squares of K targets on D columns, with a constant that is free, by folds and over all Q queries."""

    def __init__(self, x: Floats, y: Floats, folds: Folds) -> None:
        """Take columns (Q, D) and targets (Q, K), and make all sums."""
        self.x, self.y, self.folds = np.column_stack([x, np.ones(len(x))]), y, folds
        parts = [(self.x[held], y[held]) for _, held in folds]
        self._squares = [a.T @ a for a, _ in parts]
        self._products = [a.T @ b for a, b in parts]
        self._all = np.sum(self._squares, axis=0), np.sum(self._products, axis=0)

    def fit(self, penalty: Floats) -> tuple[Floats, Floats]:
        """Return weights (D, K) and constants (K,) with a penalty for each column, (D,), infinite to leave it out."""
        w = _solve(*self._all, penalty)
        return w[:-1], w[-1]

    def out_of_fold(self, penalty: Floats) -> Floats:
        """Return estimates, (Q, K), each by the fit to the other folds."""
        z = np.empty(self.y.shape)
        for (_, held), squares, products in zip(self.folds, self._squares, self._products, strict=True):
            z[held] = self.x[held] @ _solve(self._all[0] - squares, self._all[1] - products, penalty)
        return z


def _solve(squares: Floats, products: Floats, penalty: Floats) -> Floats:
    from scipy.linalg import solve

    kept = np.append(np.isfinite(penalty), True)
    a = squares[np.ix_(kept, kept)].copy()
    a[np.diag_indices_from(a)] += np.append(penalty, 1e-9)[kept]
    w = np.zeros(products.shape)
    w[kept] = solve(a, products[kept], assume_a="pos")
    return w

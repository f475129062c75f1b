"""Fits forests with scikit-learn and writes them as a policy holds them."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zeta_eval.arrays import Floats
from zeta_eval.router.estimators.forest import LEAF, Forest
from zeta_eval.router.estimators.tables import encode

TREES = 60
"""Trees of a forest: more are hardly better, and each takes its time at every query."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How trees are grown."""

    leaf: int
    """Fewest queries at a leaf."""
    tried: float
    """Share of the features that are tried at each node."""
    seed: int
    """Seed of the thresholds."""


class Trees:
    """Some trees, fitted together."""

    def __init__(self, x: Floats, y: Floats, shape: Shape, n_trees: int = TREES) -> None:
        """Grow extremely randomised trees for K numbers, (Q, K) or (Q,), on F features (Q, F)."""
        from sklearn.ensemble import ExtraTreesRegressor

        leaf = max(1, min(shape.leaf, len(x) // 4))
        self._forest = ExtraTreesRegressor(
            n_trees, min_samples_leaf=leaf, max_features=shape.tried, random_state=shape.seed, n_jobs=1
        ).fit(x, y.squeeze())

    def predict(self, x: Floats) -> Floats:
        """Return the numbers of features (N, F), shape (N, K)."""
        return np.asarray(self._forest.predict(x)).reshape(len(x), -1)

    @property
    def trees(self) -> Sequence[Any]:
        """The trees, as scikit-learn holds them."""
        return [estimator.tree_ for estimator in self._forest.estimators_]


def forest_of(several: Iterable[tuple[Trees, Floats]], names: Sequence[str]) -> Forest:
    """Write several fits as one forest, whose numbers are the means over all trees.

    Beside each fit stands a matrix (K, L) that makes L numbers of the K that were fitted.
    """
    asked: list[int] = []
    right: list[int] = []
    starts: list[int] = []
    thresholds: list[float] = []
    rows: list[list[float]] = []
    for tree, back in ((tree, back) for trees, back in several for tree in trees.trees):
        first = len(asked)
        starts.append(first)
        inner = tree.children_left >= 0
        asked += np.where(inner, tree.feature, LEAF).tolist()
        thresholds += np.where(inner, tree.threshold, 0.0).tolist()
        right += np.where(inner, tree.children_right + first, 0).tolist()
        rows += (tree.value[:, :, 0] @ back).tolist()
    used = sorted({f for f in asked if f != LEAF})  # features that no tree asks for are left out
    place = {f: i for i, f in enumerate(used)} | {LEAF: LEAF}
    n = len(asked)
    return Forest(
        features=tuple(names[f] for f in used),
        n_values=len(rows[0]),
        starts=tuple(starts),
        asked=_text(bytes(place[f] for f in asked)),
        thresholds=_text(struct.pack(f"<{n}f", *thresholds)),
        right=_text(struct.pack(f"<{n}I", *right)),
        values=encode(rows),
    )


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")

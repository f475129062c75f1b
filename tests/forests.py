"""Forests made by hand or at random, and the text of their tables."""

import base64
import struct

import numpy as np

from zeta_eval.router.estimators.forest import LEAF, Forest
from zeta_eval.router.estimators.tables import encode


def text(raw):
    """Bytes as base64."""
    return base64.b64encode(raw).decode()


def floats(*values):
    """Thresholds as a forest holds them."""
    return text(struct.pack(f"<{len(values)}f", *values))


def indices(*values):
    """Right children as a forest holds them."""
    return text(struct.pack(f"<{len(values)}I", *values))


def forest(names, *trees):
    """A forest of trees, each a leaf's numbers or (feature, threshold, numbers at the node, left tree, right tree)."""
    asked, thresholds, right, rows, starts = [], [], [], [], []

    def add(tree):
        at = len(asked)
        inner = isinstance(tree, tuple)
        asked.append(names.index(tree[0]) if inner else LEAF)
        thresholds.append(tree[1] if inner else 0.0)
        right.append(0)
        rows.append(list(tree[2] if inner else tree))
        if inner:
            add(tree[3])
            right[at] = len(asked)
            add(tree[4])

    for tree in trees:
        starts.append(len(asked))
        add(tree)
    return Forest(
        features=tuple(names),
        n_values=len(rows[0]),
        starts=tuple(starts),
        asked=text(bytes(asked)),
        thresholds=floats(*thresholds),
        right=indices(*right),
        values=encode(rows),
    )


def random_forest(rng, k, names, *, n_trees=4, depth=4, values=None):
    """A random forest of K numbers; `values` draws those of a node, by default coarse chances, so that sizes tie."""
    draw = values or (lambda: (rng.integers(0, 9, k) / 8).tolist())

    def tree(depth):
        if depth == 0 or rng.random() < 0.2:
            return draw()
        threshold = float(rng.choice([0.0, np.log1p(1), np.float32(rng.exponential(2))]))
        return (str(rng.choice(names)), threshold, draw(), tree(depth - 1), tree(depth - 1))

    return forest(list(names), *(tree(depth) for _ in range(n_trees)))

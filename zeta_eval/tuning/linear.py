"""Linear models fitted on standardised features and written for raw ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zeta_eval.arrays import Floats, Ints
from zeta_eval.router.estimators.linear import Linear

FOLDS = 5
"""Number of parts for out-of-fold estimates: each part is estimated by a fit to the other parts."""


def spread_of(x: Floats) -> Floats:
    """Standard deviation of each column, 0 for a constant one: what is computed for it is a rounding error."""
    spread = x.std(axis=0)
    return np.where(spread > 1e-9 * np.maximum(1.0, abs(x.mean(axis=0))), spread, 0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Standard:
    """Features brought to mean 0 and standard deviation 1; a constant one is 0."""

    x: Floats
    """Standardised features, shape (Q, F)."""
    mean: Floats
    """Shape (F,)."""
    scale: Floats
    """One over the standard deviation, 0 for a constant feature; shape (F,)."""

    @classmethod
    def of(cls, features: Floats) -> Standard:
        """Standardise features of shape (Q, F)."""
        mean, spread = features.mean(axis=0), spread_of(features)
        scale = np.where(spread > 0, 1.0 / np.where(spread > 0, spread, 1.0), 0.0)
        return cls(x=(features - mean) * scale, mean=mean, scale=scale)

    def linear(self, bias: Floats, weights: Floats, names: Sequence[str], tasks: Mapping[str, Floats]) -> Linear:
        """Write a model of standardised features, bias (M,) and weights (F, M), as one of raw features."""
        raw = weights * self.scale[:, None]
        return Linear(
            bias=tuple((bias - self.mean @ raw).tolist()),
            weights={name: tuple(row.tolist()) for name, row in zip(names, raw, strict=True) if row.any()},
            tasks={task: tuple(row.tolist()) for task, row in tasks.items()},
        )


def graded(y: Floats) -> tuple[npt.NDArray[np.intp], Floats, Floats]:
    """Return rows, targets and sample weights that fit a classifier to scores (Q,) in [0, 1].

    A score of 0.3 is 0.3 of a success and 0.7 of a failure.
    """
    won, lost = np.flatnonzero(y > 0), np.flatnonzero(y < 1)
    return np.r_[won, lost], np.r_[np.ones(won.size), np.zeros(lost.size)], np.r_[y[won], 1 - y[lost]]


def task_codes(tasks: Sequence[str | None] | npt.NDArray[np.object_]) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Return the K names of tasks, sorted, and each query's index among them, shape (Q,); K where it has none."""
    names = sorted({task for task in tasks if task is not None})
    code = {task: i for i, task in enumerate(names)}
    return names, np.array([len(names) if task is None else code[task] for task in tasks], dtype=np.int64)


def folds(n: int, seed: int) -> Iterator[tuple[Ints, Ints]]:
    """Rows to fit on and held-out rows, of each of `FOLDS` folds of n rows."""
    order = np.random.default_rng(seed).permutation(n)
    for held in np.array_split(order, FOLDS):
        yield np.setdiff1d(order, held), np.sort(held)


def log_odds(score: Floats) -> Floats:
    """Log-odds of each size's mean score, (M,), finite by half a success and half a failure more (Jeffreys)."""
    wins = score.sum(axis=0)
    return np.asarray(np.log((wins + 0.5) / (len(score) - wins + 0.5)))

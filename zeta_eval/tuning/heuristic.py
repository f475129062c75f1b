"""The complexity heuristic as Optuna searches it: the parameters of a trial, and the chances that they make.

The heuristic is a forest on named features. The search is over how its trees are grown: which groups of features they
may ask for, how many queries a leaf holds, how many features a node tries, and how much the difference between sizes,
the gain, counts beside the difficulty that all sizes share. A trial is judged out of fold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from zeta_eval.arrays import Floats, Ints
from zeta_eval.router.complexity.features import GROUP_OF, GROUPS
from zeta_eval.tuning.data import Data
from zeta_eval.tuning.forests import TREES, Shape, Trees

if TYPE_CHECKING:
    import optuna

Parameters = Mapping[str, float]
"""Values of a trial by name."""

START: Final = {**{f"use_{group}": 1 for group in GROUPS}, "leaf": 60, "tried": 1.0, "gain": 2.0}
"""Parameters before any search: the untuned start."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What forests tell of Q queries on M sizes."""

    p: Floats
    """Chances out of fold, shape (Q, M)."""
    several: tuple[tuple[Trees, Floats], ...]
    """Trees fitted to all queries, each fit with what makes chances of its numbers, shape (K, M)."""


class HeuristicSearch:
    """The heuristic on one set of queries."""

    def __init__(self, data: Data) -> None:
        """Take the queries."""
        self.data = data
        self._group = np.array([GROUP_OF[name] for name in data.read.names])

    def columns(self, parameters: Parameters) -> Floats:
        """Return the features that trees may ask for, (Q, F); one that they may not is 0 throughout."""
        used = [group for group in GROUPS if parameters[f"use_{group}"]]
        return np.where(np.isin(self._group, used), self.data.read.columns.T, 0.0)

    def fold_by_fold(self, parameters: Parameters, n_trees: int = TREES) -> Iterator[tuple[Ints, Floats]]:
        """Yield the held-out queries of each fold, and the chances of trees that were grown without them."""
        x, (y, back), shape = self.columns(parameters), targets(self.data.score, parameters), shape_of(parameters, 0)
        for train, held in self.data.folds:
            yield held, Trees(x[train], y[train], shape, n_trees).predict(x[held]) @ back

    def fit(self, several: Sequence[Parameters]) -> Fit:
        """Fit a forest whose trees are shared out among several parameters."""
        n_trees, found, p = max(1, TREES // len(several)), [], np.zeros(self.data.score.shape)
        for seed, parameters in enumerate(several):
            x, (y, back), shape = (
                self.columns(parameters),
                targets(self.data.score, parameters),
                shape_of(parameters, seed),
            )
            for train, held in self.data.folds:
                p[held] += Trees(x[train], y[train], shape, n_trees).predict(x[held]) @ back / len(several)
            found.append((Trees(x, y, shape, n_trees), back))
        return Fit(p=p, several=tuple(found))


def shape_of(parameters: Parameters, seed: int) -> Shape:
    """How trees are grown for a trial's parameters."""
    return Shape(leaf=int(parameters["leaf"]), tried=parameters["tried"], seed=seed)


def targets(score: Floats, parameters: Parameters) -> tuple[Floats, Floats]:
    """Return what trees are grown for, (Q, K), and what makes chances of it, (K, M).

    The numbers are the scores, and the scores less their mean over the sizes, times the emphasis on the gain.
    """
    m, gain = score.shape[1], parameters["gain"]
    y = np.column_stack([score, gain * (score - score.mean(axis=1, keepdims=True))])
    return y, np.vstack([np.full((m, m), 1.0 / m), np.eye(m) / gain])


def suggest(trial: optuna.trial.BaseTrial) -> Parameters:
    """Draw a trial's parameters."""
    return {
        **{f"use_{group}": trial.suggest_int(f"use_{group}", 0, 1) for group in GROUPS},
        "leaf": trial.suggest_int("leaf", 15, 240, log=True),
        "tried": trial.suggest_float("tried", 0.2, 1.0),
        "gain": trial.suggest_float("gain", 0.5, 8.0, log=True),
    }

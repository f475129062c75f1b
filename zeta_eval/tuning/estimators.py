"""How estimators are fitted: the registry of fits, what a fit is given, and what it gives back.

The classes that serve are in `zeta_eval.router.estimators`; the module `fit_NAME` beside this one fits the estimator
NAME. It is imported when that estimator is first fitted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module

from zeta_eval.arrays import Floats
from zeta_eval.router.estimators.forest import Forest
from zeta_eval.router.estimators.heuristic import Heuristic, Level
from zeta_eval.router.estimators.tasks import TaskOffsets
from zeta_eval.tuning.data import Data
from zeta_eval.tuning.fit_words import OnWords, fit_words
from zeta_eval.tuning.forests import forest_of
from zeta_eval.tuning.heuristic import Fit


@dataclass(frozen=True, kw_only=True)
class Training:
    """What an estimator is fitted to; what several estimators use is fitted once."""

    data: Data
    """The queries."""
    heuristic: Fit
    """What their features tell, as the search found it."""
    embedder: str | None = None
    """Name or local folder of a sentence-transformers model, for the estimators that need one."""

    @cached_property
    def forest(self) -> Forest:
        """The trees of the heuristic, as a policy holds them."""
        return forest_of(self.heuristic.several, self.data.read.names)

    @cached_property
    def usual(self) -> dict[str, float]:
        """Mean of each feature that the trees ask for."""
        return {name: float(self.data.read.column(name).mean()) for name in self.forest.features}

    @cached_property
    def words(self) -> OnWords:
        """What the words of the queries tell."""
        return fit_words(self.data)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitted:
    """A fitted estimator, before its level and what it adds for tasks."""

    p: Floats
    """Chances of Q queries by fits on the other folds, shape (Q, M)."""
    estimator: Callable[[Level, TaskOffsets], Heuristic]
    """Makes the estimator, fitted to all queries, of its level and what it adds for tasks."""


FitOf = Callable[[Training], Fitted]

FITS: dict[str, FitOf] = {}
"""The function that fits an estimator, by the estimator's name."""


def fits(name: str) -> Callable[[FitOf], FitOf]:
    """Register the function that fits an estimator."""

    def register(fit: FitOf) -> FitOf:
        FITS[name] = fit
        return fit

    return register


def fit_estimator(name: str, training: Training) -> Fitted:
    """Fit an estimator by its name."""
    if name not in FITS:
        import_module(f"zeta_eval.tuning.fit_{name}")
    return FITS[name](training)

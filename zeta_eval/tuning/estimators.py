"""How estimators are fitted: the registry of fits, what a fit is given, and what it gives back.

The classes that serve are in `zeta_eval.router.estimators`; the module `fit_NAME` beside this one fits the estimator
NAME. It is imported when that estimator is first fitted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module

from zeta_eval.arrays import Floats, Ints
from zeta_eval.evaluation.batch.predict import Features
from zeta_eval.router.estimators import Estimator
from zeta_eval.tuning.linear import Standard, folds, log_odds, task_codes


@dataclass(frozen=True, kw_only=True)
class Training:
    """What an estimator is fitted to: Q queries with the scores of M sizes."""

    read: Features
    """The queries: texts, features and tasks."""
    score: Floats
    """Shape (Q, M), in [0, 1]."""
    seed: int = 0
    """Seed of the folds, and of whatever else is drawn."""
    embedder: str | None = None
    """Name or local folder of a sentence-transformers model, for the estimators that need one."""
    features_c: float | None = None
    """Inverse penalty of the regression on features; None compares several out of fold."""

    @cached_property
    def base(self) -> Floats:
        """Log-odds of each size's mean score, shape (M,)."""
        return log_odds(self.score)

    @cached_property
    def folds(self) -> list[tuple[Ints, Ints]]:
        """Queries to fit on and held-out queries of each fold."""
        return list(folds(len(self.score), self.seed))

    @cached_property
    def standard(self) -> Standard:
        """The features, standardised."""
        return Standard.of(self.read.columns.T)

    @cached_property
    def tasks(self) -> tuple[list[str], Ints]:
        """Names of the K tasks, and each query's index among them, K where it has none."""
        return task_codes(self.read.tasks)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitted:
    """A fitted estimator, with its estimates for queries that it was not fitted on."""

    model: Estimator
    """Fitted on all queries."""
    p: Floats
    """Probability of success of every size by fits on the other folds, shape (Q, M)."""
    features_c: float | None = None
    """The inverse penalty of the regression on features, so that another fit can use the same."""


Fit = Callable[[Training], Fitted]

FITS: dict[str, Fit] = {}
"""The function that fits an estimator, by the estimator's name."""


def fits(name: str) -> Callable[[Fit], Fit]:
    """Register the function that fits an estimator."""

    def register(fit: Fit) -> Fit:
        FITS[name] = fit
        return fit

    return register


def fit_estimator(name: str, training: Training) -> Fitted:
    """Fit an estimator by its name."""
    if name not in FITS:
        import_module(f"zeta_eval.tuning.fit_{name}")
    return FITS[name](training)

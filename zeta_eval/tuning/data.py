"""The queries that a policy is fitted to, as arrays, with the folds of all out-of-fold estimates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from zeta_eval.arrays import Floats, Ints, Mask
from zeta_eval.evaluation.batch.context import choosable
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.features import Features
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.split import families
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning.fit_context import Contexts
from zeta_eval.tuning.ridge import Folds

FOLDS = 5
"""Number of parts for out-of-fold estimates: each part is estimated by a fit to the other parts."""

LARGE = 0.05
"""Share of the queries from which on a family is divided among the folds, which it would leave uneven."""


@dataclass(frozen=True)
class Data:
    """Q queries on M sizes."""

    outcomes: Outcomes
    """The table."""
    cost_unit: str
    """Column of the costs."""
    seed: int = 0
    """Seed of the folds."""

    def take(self, rows: Ints) -> Data:
        """Some of the queries, in folds of their own."""
        part = Data(self.outcomes.take(rows), self.cost_unit, self.seed)
        part.__dict__["read"] = self.read.take(rows)  # what was read once need not be read again
        part.__dict__["contexts"] = self.contexts
        return part

    @cached_property
    def evaluator(self) -> Evaluator:
        """Scores and costs, each of shape (Q, M); costs are shares of the largest size's mean cost."""
        return Evaluator(self.outcomes, self.cost_unit)

    @cached_property
    def read(self) -> Features:
        """Texts and features of the queries, whose tasks nobody names."""
        return self.evaluator.features_without_task

    @property
    def tasks(self) -> npt.NDArray[np.object_]:
        """Task of each query, shape (Q,)."""
        return self.outcomes.tasks

    @property
    def score(self) -> Floats:
        """Scores, shape (Q, M), in [0, 1]."""
        return self.evaluator.score

    @property
    def cost(self) -> Floats:
        """Costs as shares of the largest size's mean cost, shape (Q, M)."""
        return self.evaluator.cost

    @cached_property
    def families(self) -> Ints | None:
        """Family of like queries of each query, shape (Q,); None where every query is alone."""
        return families(self.outcomes.queries)

    @cached_property
    def folds(self) -> Folds:
        """Rows to fit on and held-out rows of each fold; a family lies in one fold, unless it is `LARGE`."""
        n = len(self.outcomes)
        family = np.arange(n) if self.families is None else self.families
        large = np.bincount(family)[family] > LARGE * n
        family = np.unique(np.where(large, int(family.max()) + 1 + np.arange(n), family), return_inverse=True)[1]
        fold = np.random.default_rng(self.seed).permutation(int(family.max()) + 1)[family] % FOLDS
        return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(FOLDS)]

    @cached_property
    def contexts(self) -> Contexts:
        """What the sizes can hold."""
        return Contexts.of(self.outcomes)

    @cached_property
    def allowed(self) -> Mask | None:
        """Which sizes may be chosen, shape (Q, M), by contexts and fixed rules; None where every size may."""
        return choosable(self.contexts.put_into(RoutingPolicy.seed(self.outcomes.sizes)), self.read)

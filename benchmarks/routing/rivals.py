"""Fits baselines by the rules of the product: the same queries, folds, expected costs and choice of a trade-off."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from routing.baselines import BASELINES
from routing.problem import Baseline, Problem
from zeta_eval.arrays import Floats, Ints
from zeta_eval.evaluation.batch.choice import curve_weights
from zeta_eval.evaluation.batch.estimate import costs as expected_costs
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.comparison import Strategy
from zeta_eval.outcomes import Outcomes
from zeta_eval.tuning import TuningSettings
from zeta_eval.tuning.cascade import Curve
from zeta_eval.tuning.data import Data
from zeta_eval.tuning.fit_costs import Costs, fit_costs
from zeta_eval.tuning.quality import Quality
from zeta_eval.tuning.trade_off import Grid, choose_cost_weight

Texts = npt.NDArray[np.object_]


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """What a baseline expects of Q queries on M sizes."""

    p: Floats
    """Success probabilities, shape (Q, M)."""
    cost: Floats
    """Costs as shares of the largest size's mean cost on the queries that it was fitted to, shape (Q, M)."""
    cost_weight: float
    """The trade-off that it chose."""


class Rivals:
    """Baselines that learn from a table what the product learns from it: all but the split `test`."""

    def __init__(self, outcomes: Outcomes, cost: str, seed: int) -> None:
        """Take a table with its sizes in the order of their mean cost; the seed is that of the tuning."""
        self.data = Data(outcomes.take(np.flatnonzero(outcomes.splits != "test")), cost, seed)
        self._problems: dict[tuple[bytes, tuple[str, ...]], Problem] = {}

    @cached_property
    def costs(self) -> Costs:
        """What each query costs: the product's own model, where nobody names the task."""
        return fit_costs(self.data)

    @cached_property
    def quality(self) -> Quality:
        """Judges out-of-fold predictions by the gap that they close."""
        return Quality(self.data.evaluator, self.data.allowed, self.data.families)

    def strategy(self, name: str, asked: Outcomes, on: Evaluator) -> Strategy:
        """Return a baseline on other queries, at the trade-off that it chose out of fold."""
        found = self.predicted(name, asked, on)
        return Strategy.of_chances(name, found.p, found.cost, on, found.cost_weight)

    def predicted(self, name: str, asked: Outcomes, on: Evaluator) -> Predicted:
        """Return what a baseline expects of other queries."""
        baseline = BASELINES[name]
        value, p = self._chosen(baseline)
        return Predicted(
            p=baseline.fit(self._problem(np.arange(len(self.data.score)), asked.queries, asked.tasks), value),
            cost=expected_costs(self.costs.model, on.features_without_task),
            cost_weight=self._weight(p),
        )

    def _weight(self, p: Floats) -> float:
        """Return the cost weight that keeps 99 % of the largest size's accuracy for least, by chances (Q, M)."""
        cost = self.costs.open
        weights = curve_weights(p, cost)
        weights = weights[np.isfinite(weights)]
        _, paid, score = self.data.evaluator.curve(p, cost, self.data.allowed, weights=weights)
        grid = Grid.of(Curve(weights=weights, cost=paid, score=score), self.data)
        return choose_cost_weight(grid, TuningSettings())

    def _chosen(self, baseline: Baseline) -> tuple[float, Floats]:
        """Return the value of the hyperparameter that closes the most out of fold, and its predictions there."""
        found = [(value, self._out_of_fold(baseline, value)) for value in baseline.values]
        if len(found) == 1:
            return found[0]
        return max(found, key=lambda one: self.quality.of_chances(one[1], self.costs.open).value)

    def _out_of_fold(self, baseline: Baseline, value: float) -> Floats:
        """Return predictions for every query by fits to the other folds, shape (Q, M)."""
        p, queries, tasks = np.empty(self.data.score.shape), self.data.outcomes.queries, self.data.tasks
        for train, held in self.data.folds:
            p[held] = baseline.fit(self._problem(train, queries[held], tasks[held]), value)
        return p

    def _problem(self, rows: Ints, new: Texts, tasks: Texts) -> Problem:
        """Return the problem of a fold, made once for all baselines, since vectors of texts take their time."""
        key = (rows.tobytes(), tuple(new))
        if key not in self._problems:
            known = self.data.outcomes
            self._problems[key] = Problem(
                queries=known.queries[rows],
                tasks=known.tasks[rows],
                score=self.data.score[rows],
                new_queries=new,
                new_tasks=tasks,
                seed=self.data.seed,
            )
        return self._problems[key]

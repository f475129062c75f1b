"""How well a policy does on tasks that it was not tuned on: each query is judged by a fit without its task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from zeta_eval.arrays import Floats, Sizes
from zeta_eval.evaluation.batch.choice import choose
from zeta_eval.evaluation.batch.context import choosable
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.predict import expect
from zeta_eval.evaluation.comparison import Comparison, Strategy
from zeta_eval.evaluation.measures.metrics import hull_value
from zeta_eval.evaluation.measures.statistics import Bootstrap, Measure, measure
from zeta_eval.evaluation.reports.strategy_row import StrategyRow
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.split import families
from zeta_eval.router.estimators.tasks import TaskOffsets
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning.data import Data
from zeta_eval.tuning.domain import fit_domain
from zeta_eval.tuning.estimators import Training, fit_estimator
from zeta_eval.tuning.fit_costs import fit_costs
from zeta_eval.tuning.heuristic import HeuristicSearch, Parameters
from zeta_eval.tuning.selection import fit_level
from zeta_eval.tuning.settings import TuningSettings

COST_GRID = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Cost weights over which the lift is averaged, because a policy may be used at any."""

GROUPS = 5
"""With more tasks than this, tasks are left out in so many groups of about equal numbers of queries."""

FIT_ON = 3000
"""Most queries that a policy without some tasks is fitted on."""

FEWEST = 30
"""Fewest queries that such a policy is fitted on."""

NAME = "leave one task out"
"""Name of the row that reports on tasks left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unseen:
    """How well a policy does on tasks that were left out of its fit, without escalation."""

    row: StrategyRow
    """Accuracy, cost and latency at the policy's cost weight."""
    mean_lift: Measure
    """Accuracy above a random mix at equal cost: the mean over the cost weights of `COST_GRID`."""


def measure_unseen(
    name: str,
    parameters: Sequence[Parameters],
    fitted: Outcomes,
    test: Outcomes,
    policy: RoutingPolicy,
    settings: TuningSettings,
) -> Unseen | None:
    """Judge each query of `test` by a policy that was fitted without the query's task; None with one task only.

    The estimator and its parameters are those that were chosen.
    """
    group_of = task_groups([*fitted.tasks, *test.tasks])
    if max(group_of.values()) < 1:
        return None
    data = Evaluator(test, policy.cost_unit)
    read, m = data.features_without_task, len(policy.sizes)
    p, cost = np.zeros(data.score.shape), np.zeros(data.score.shape)
    p[:, -1] = 1.0  # without a policy the largest size answers
    group, known = (np.array([group_of[t] for t in tasks]) for tasks in (test.tasks, fitted.tasks))
    for left_out in range(max(group_of.values()) + 1):
        rows, kept = np.flatnonzero(group == left_out), np.flatnonzero(known != left_out)
        if rows.size and len(kept) >= FEWEST:
            kept = np.sort(np.random.default_rng(settings.seed).permutation(kept)[:FIT_ON])
            without = _without(name, parameters, fitted.take(kept), policy, settings)
            # Every policy counts costs in shares of the mean cost of the queries that it knows.
            p[rows], told = expect(without, read.take(rows))
            cost[rows] = told * without.unit_cost / policy.unit_cost
    allowed = choosable(policy, read)
    weights = (policy.cost_weight, *COST_GRID)
    chosen = np.column_stack([choose(p, cost, w, allowed) for w in weights])
    bootstrap = Bootstrap(len(p), seed=settings.seed, families=families(test.queries))
    compare = Comparison(data, test.matrix("latency_s"), bootstrap, policy.cost_weight)
    strategy = Strategy.of_chances(NAME, p, cost, data, policy.cost_weight)
    strategy = replace(strategy, kept=chosen[:, 0], ran=chosen[:, :1] == np.arange(m))
    lift = measure(*mean_lift(chosen[:, 1:], data.cost, data.score, bootstrap))
    return Unseen(row=compare.row(strategy, compare.trace(strategy)), mean_lift=lift)


def _without(
    name: str, parameters: Sequence[Parameters], outcomes: Outcomes, policy: RoutingPolicy, settings: TuningSettings
) -> RoutingPolicy:
    """Fit the policy anew to outcomes without some tasks."""
    data = Data(outcomes, policy.cost_unit, settings.seed)
    fit = HeuristicSearch(data).fit(parameters)
    fitted = fit_estimator(name, Training(data=data, heuristic=fit, embedder=settings.embedder))
    return replace(
        policy,
        estimator=fitted.estimator(fit_level(fitted.p, data.score), TaskOffsets(of_task={})),
        costs=fit_costs(data).model,
        unit_cost=data.evaluator.unit_cost,
        domain=replace(fit_domain(data), tasks=()),
        looks=(),
    )


def mean_lift(chosen: Sizes, cost: Floats, score: Floats, bootstrap: Bootstrap) -> tuple[float, Floats]:
    """Accuracy above a random mix at equal cost, mean over K choices (Q, K), and the same in each resample, (B,).

    Cost and score are of shape (Q, M).
    """
    singles = np.stack(np.hsplit(bootstrap.means(np.hstack([cost, score])), 2), axis=-1)
    at_all = np.column_stack([cost.mean(axis=0), score.mean(axis=0)])
    lifts, samples = [], []
    for column in chosen.T:
        got = np.column_stack([a[np.arange(len(a)), column] for a in (cost, score)])
        means, at = bootstrap.means(got), got.mean(axis=0)
        lifts.append(float(at[1] - hull_value(at_all, at[0])))
        with np.errstate(invalid="ignore"):  # a single family has no resamples
            samples.append(means[:, 1] - hull_value(singles, means[:, 0]))
    return float(np.mean(lifts)), np.asarray(np.mean(samples, axis=0))


def task_groups(tasks: Sequence[object]) -> dict[object, int]:
    """Group of each task: the largest tasks first, each into the group with the fewest queries so far."""
    names, counts = np.unique(np.array(tasks, dtype=object).astype(str), return_counts=True)
    filled = np.zeros(min(GROUPS, len(names)))
    group_of: dict[object, int] = {}
    for i in np.argsort(-counts, kind="stable"):
        group_of[names[i]] = int(filled.argmin())
        filled[group_of[names[i]]] += counts[i]
    return {task: group_of[str(task)] for task in set(tasks)}

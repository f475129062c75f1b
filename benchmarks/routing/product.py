"""The product's own routers, as rows of the comparison. Add a row: a function here and its name in `PRODUCT`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.runs import checked_way, runs_of
from zeta_eval.evaluation.comparison import Strategy
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning import TuningSettings, tune


def _used(name: str, estimator: str, way: str) -> Callable[[Outcomes, str, int], Strategy]:
    """A tuned policy on `test`, used in one way, at the cost weight that tuning chose."""

    def router(outcomes: Outcomes, cost: str, seed: int) -> Strategy:
        policy = _tuned(outcomes, cost, seed, estimator)
        table = outcomes.split("test")
        data = Evaluator(table, cost)
        return Strategy.of_policy(
            name, runs_of(policy, checked_way(policy, way), table, data), data, policy.cost_weight
        )

    return router


@cache
def _tuned(outcomes: Outcomes, cost: str, seed: int, estimator: str) -> RoutingPolicy:
    return tune(outcomes, TuningSettings(cost=cost, seed=seed, estimator=estimator)).policy


PRODUCT: dict[str, Callable[[Outcomes, str, int], Strategy]] = {
    name: _used(name, estimator, way)
    for name, estimator, way in (
        ("zeta heuristic", "heuristic", "route"),
        ("zeta heuristic, task named", "heuristic", "route with task"),
        ("zeta", "auto", "route"),
        ("zeta, task named", "auto", "route with task"),
        ("zeta generate", "auto", "generate"),
        ("zeta generate, task named", "auto", "generate with task"),
    )
}
"""By name: (whole table with its sizes from cheap to dear, cost column, seed) -> the router on `test`."""

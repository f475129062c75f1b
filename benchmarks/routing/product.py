"""The product's own routers, as rows of the comparison. Add a row: a function here and its name in `PRODUCT`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from routing.rows import Traced
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.predict import decide, expect, rule_sizes
from zeta_eval.evaluation.batch.runs import PolicyRuns
from zeta_eval.evaluation.comparison import Strategy
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning import TuningSettings, tune


def _plain(name: str, estimator: str) -> Callable[[Outcomes, str, int], Strategy]:
    """A tuned policy that sees the query alone, on `test`, at the cost weight that tuning chose."""

    def router(outcomes: Outcomes, cost: str, seed: int) -> Strategy:
        policy = _tuned(outcomes, cost, seed, estimator)
        features = Evaluator(outcomes.split("test"), cost).features
        p, expected = expect(policy, features)
        return Strategy(
            name=name,
            p=p,
            expected_cost=expected,
            chosen=decide(policy, features, policy.cost_weight),
            forced=rule_sizes(policy, features.rule),
        )

    return router


def _cascading(outcomes: Outcomes, cost: str, seed: int) -> Strategy | Traced:
    """The policy as it is tuned by default: it cascades where that was shown to pay on `validate`."""
    policy = _tuned(outcomes, cost, seed, "auto")
    if not policy.cascades:
        return _plain("zeta", "auto")(outcomes, cost, seed)
    table = outcomes.split("test")
    data = Evaluator(table, cost)
    runs = PolicyRuns.of(policy, table, data.features)
    traced, at = (runs.curve(data, weights) for weights in (runs.weights(), np.array([policy.cost_weight])))
    return Traced(cost=traced[0], score=traced[1], at_cost=at[0][:, 0], at_score=at[1][:, 0])


@cache
def _tuned(outcomes: Outcomes, cost: str, seed: int, estimator: str) -> RoutingPolicy:
    return tune(outcomes, TuningSettings(cost=cost, seed=seed, estimator=estimator)).policy


PRODUCT: dict[str, Callable[[Outcomes, str, int], Strategy | Traced]] = {
    "zeta heuristic": _plain("heuristic", "heuristic"),
    "zeta learned": _plain("learned", "learned"),
    "zeta query only": _plain("query only", "auto"),
    "zeta cascade": _cascading,
}
"""By name: (whole table with its sizes from cheap to dear, cost column, seed) -> the router on `test`."""

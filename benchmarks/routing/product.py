"""The product's own routers, as rows of the comparison. Add a row: a function here and its name in `PRODUCT`."""

from __future__ import annotations

from collections.abc import Callable

from routing.rows import Traced
from zeta_eval.outcomes import Outcomes
from zeta_eval.replay.comparison import Strategy
from zeta_eval.replay.evaluator import Evaluator
from zeta_eval.replay.predict import decide, expect, rule_sizes
from zeta_eval.tuning import TuningSettings, tune


def heuristic(outcomes: Outcomes, cost: str, seed: int) -> Strategy:
    """The tuned complexity heuristic on `test`, at the cost weight that tuning chose."""
    policy = tune(outcomes, TuningSettings(cost=cost, seed=seed)).policy
    features = Evaluator(outcomes.split("test"), cost).features
    p, expected = expect(policy, features)
    return Strategy(
        name="heuristic",
        p=p,
        expected_cost=expected,
        chosen=decide(policy, features, policy.cost_weight),
        forced=rule_sizes(policy, features.rule),
    )


PRODUCT: dict[str, Callable[[Outcomes, str, int], Strategy | Traced]] = {"zeta heuristic": heuristic}
"""By name: (whole table with its sizes from cheap to dear, cost column, seed) -> the router on `test`."""

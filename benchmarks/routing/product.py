"""The product's own routers, as rows of the comparison. Add a row: a function here and its name in `PRODUCT`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np

from routing.rows import Traced
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.runs import PolicyRuns
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning import TuningSettings, tune


def _router(estimator: str, *, cascades: bool) -> Callable[[Outcomes, str, int], Traced]:
    """A tuned policy on `test`, at the cost weight that tuning chose, which sees the query alone or cascades.

    It cascades only where that was shown to pay on `validate`.
    """

    def router(outcomes: Outcomes, cost: str, seed: int) -> Traced:
        tuned = _tuned(outcomes, cost, seed, estimator)
        policy, table = tuned if cascades else replace(tuned, looks=()), outcomes.split("test")
        data = Evaluator(table, cost)
        runs = PolicyRuns.of(policy, table, data.features)
        traced, at = (runs.curve(data, weights) for weights in (runs.weights(), np.array([policy.cost_weight])))
        return Traced(cost=traced[0], score=traced[1], at_cost=at[0][:, 0], at_score=at[1][:, 0])

    return router


@cache
def _tuned(outcomes: Outcomes, cost: str, seed: int, estimator: str) -> RoutingPolicy:
    return tune(outcomes, TuningSettings(cost=cost, seed=seed, estimator=estimator)).policy


PRODUCT: dict[str, Callable[[Outcomes, str, int], Traced]] = {
    "zeta heuristic": _router("heuristic", cascades=False),
    "zeta learned": _router("learned", cascades=False),
    "zeta query only": _router("auto", cascades=False),
    "zeta cascade": _router("auto", cascades=True),
}
"""By name: (whole table with its sizes from cheap to dear, cost column, seed) -> the router on `test`."""

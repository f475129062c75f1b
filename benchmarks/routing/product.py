"""The product's own routers, as rows of the comparison."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.runs import checked_way, runs_of
from zeta_eval.evaluation.comparison import Strategy
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning import TuningSettings, tune

PRODUCT = {
    "zeta heuristic": ("heuristic", "route"),
    "zeta heuristic, task named": ("heuristic", "route with task"),
    "zeta": ("auto", "route"),
    "zeta, task named": ("auto", "route with task"),
    "zeta generate": ("auto", "generate"),
    "zeta generate, task named": ("auto", "generate with task"),
}
"""Estimator asked for, and way of use, by name."""


def tuned(known: Outcomes, settings: TuningSettings, estimators: set[str]) -> dict[str, RoutingPolicy]:
    """Tune a policy for each estimator; all share one search, which does not depend on the estimator.

    Where "auto" takes the estimator that is asked for anyway, both are the same policy.
    """
    policies: dict[str, RoutingPolicy] = {}
    with TemporaryDirectory() as folder:
        storage = settings.storage or f"sqlite:///{Path(folder) / 'study.db'}"
        for name in sorted(estimators):
            policy = policies.get("auto")
            if policy is None or policy.provenance["estimator"] != name:
                policy = tune(known, replace(settings, estimator=name, storage=storage)).policy
            policies[name] = policy
    return policies


def used(name: str, policy: RoutingPolicy, asked: Outcomes, on: Evaluator) -> Strategy:
    """Return a policy as it is used by a name, at the cost weight that tuning chose."""
    runs = runs_of(policy, checked_way(policy, PRODUCT[name][1]), asked, on)
    return Strategy.of_policy(name, runs, on, policy.cost_weight)

"""The ways to use a policy: by `route` or by `generate`, with the task's name or without."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.runs import PolicyRuns
from zeta_eval.exceptions import UnknownNameError
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.policy import RoutingPolicy

WITH_TASK: Final = " with task"
WAYS: Final = ("route", "route with task", "generate", "generate with task")
"""`route` chooses one size per query; `generate` may go on to a larger one after an answer, if the policy cascades."""


def ways_of(policy: RoutingPolicy) -> tuple[str, ...]:
    """Return the ways that differ, the one that the policy was tuned for last: `generate` only where it cascades."""
    return WAYS if policy.cascades else WAYS[:2]


def checked_way(policy: RoutingPolicy, way: str | None) -> str:
    """Return the way asked for, by default the one that the policy was tuned for.

    Raises:
        UnknownNameError: no such way.
    """
    known = ways_of(policy)
    if way is None:
        return known[-1]
    if way not in WAYS:
        raise UnknownNameError("way to use a policy", way, WAYS)
    return way if way in known else way.replace("generate", "route")


def runs_of(policy: RoutingPolicy, way: str, table: Outcomes, data: Evaluator) -> PolicyRuns:
    """Return a policy as it is used in one way, on a table with exactly its sizes."""
    used = policy if way.startswith("generate") else replace(policy, looks=())
    features = data.features if way.endswith(WITH_TASK) else data.features_without_task
    return PolicyRuns.of(used, table, features)

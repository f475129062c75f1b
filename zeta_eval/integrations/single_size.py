"""Which policies choose alike for every query, so that a format without an estimator can say them."""

from __future__ import annotations

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.router.policy_file import NOT_PROVEN


def only_size(policy: RoutingPolicy) -> str:
    """Return the size that takes every query, whatever its text is.

    So it is for a policy of one size, and where the cost weight makes up for any difference of chances.

    >>> from dataclasses import replace
    >>> only_size(replace(RoutingPolicy.seed(), cost_weight=3.0, default_size="4B"))
    '4B'

    Raises:
        InvalidInputError: what a query says has a part in the choice; the message says which.
    """
    sizes = policy.sizes
    if len(sizes) == 1:
        return sizes[0]
    if read := reads(policy):
        raise InvalidInputError(f"policy '{policy.name}' {', '.join(read)}")
    return _cheapest(policy)


def alone(policy: RoutingPolicy) -> str:
    """Return the size that a policy's verdict says to run alone, because routing was not proven to pay.

    Raises:
        InvalidInputError: the verdict names none.
    """
    verdict = policy.verdict
    if verdict.status != NOT_PROVEN or verdict.best_single_size is None:
        raise InvalidInputError(
            f"the verdict of policy '{policy.name}' is '{verdict.status}' and names no size to run alone"
        )
    return verdict.best_single_size


def reads(policy: RoutingPolicy) -> list[str]:
    """Say what of a query or an answer has a part in the choice of a policy of several sizes."""
    cheapest = _cheapest(policy)
    found = []
    if not _outweighed(policy, cheapest):
        found.append("reads each query's text")
    if policy.costs is not None:
        found.append("expects costs by query")
    if policy.looks:
        found.append("goes on for what answers say")
    rules = {policy.default_size, policy.embedding_size or policy.sizes[0]}
    if rules != {cheapest}:
        found.append("sends texts without words or for embedding elsewhere")
    if _too_short(policy, cheapest):
        found.append(f"sends what is too long for {cheapest} elsewhere")
    return found


def _cheapest(policy: RoutingPolicy) -> str:
    return min(policy.rungs, key=lambda rung: rung.cost).size


def _outweighed(policy: RoutingPolicy, cheapest: str) -> bool:
    """Whether no chances in [0, 1] make another size worth more."""
    least = min(rung.cost for rung in policy.rungs)
    others = [rung.cost for rung in policy.rungs if rung.size != cheapest]
    return all(policy.cost_weight * (cost - least) > 1.0 for cost in others)


def _too_short(policy: RoutingPolicy, size: str) -> bool:
    """Whether another size holds longer texts."""
    rooms = {rung.size: rung.room for rung in policy.rungs}
    own = rooms[size]
    return own is not None and any(room is None or room > own for room in rooms.values())

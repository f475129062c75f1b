"""`Chooser`: a policy, the names that a gateway has for its sizes, and a history of what was chosen."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zeta_eval.exceptions import InvalidInputError, PolicyError, UnknownNameError
from zeta_eval.files import loaded
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.decision import Decision
from zeta_eval.router.policy import RoutingPolicy

if TYPE_CHECKING:
    from zeta_eval.feedback import History
    from zeta_eval.router.router import Query

POLICY, COST_WEIGHT, HISTORY = "ZETA_POLICY", "ZETA_COST_WEIGHT", "ZETA_HISTORY"
"""Environment variables that say how to choose."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What was chosen for one query."""

    name: str
    """The gateway's name of the size."""
    decision: Decision
    """The router's decision."""
    decision_id: str | None
    """Its id in the history, None where there is none."""


class Chooser:
    """Chooses a size by a policy, and says it by the name that a gateway has for it.

    >>> chooser = Chooser(RoutingPolicy.seed(("4B", "7B", "14B")), names={"7B": "middle"})
    >>> chooser.choose("What is the capital of France?").name
    'middle'
    """

    def __init__(
        self,
        policy: RoutingPolicy | str | Path,
        *,
        names: Mapping[str, str] | None = None,
        cost_weight: float | None = None,
        history: History | None = None,
    ) -> None:
        """Take or read a policy.

        Args:
            policy: A policy, or the file that `zeta tune` writes.
            names: The gateway's name of each size; a size that is not there goes by its own name.
            cost_weight: Accuracy given up to save one call of the largest size; None takes the policy's own.
            history: Where decisions are recorded, without delay for the request; None records none.

        Raises:
            PolicyError: the file can't be used.
            UnknownNameError: a name is given for a size that the policy does not have.
            InvalidInputError: the cost weight is negative or not finite.
        """
        self.router = ZetaDynamicRouter(loaded(RoutingPolicy, policy))
        sizes = self.router.policy.sizes
        for size in names or {}:
            if size not in sizes:
                raise UnknownNameError("size", size, sizes)
        self.names = {size: (names or {}).get(size, size) for size in sizes}
        self.cost_weight, self.history = cost_weight, history
        self.router.route("", cost_weight=cost_weight)  # refuses a cost weight that can't be used

    @classmethod
    def of_environment(cls, names: str, default_names: Sequence[str] = ()) -> Chooser:
        """Make one by the environment variables ZETA_POLICY, ZETA_COST_WEIGHT, ZETA_HISTORY and one of names.

        Args:
            names: The variable that holds the gateway's names, as "4B=small,7B=middle".
            default_names: Names of the sizes, cheapest first, where that variable is not set and the policy has at most
                as many sizes.

        Raises:
            PolicyError: ZETA_POLICY names no policy file that can be used.
            InvalidInputError: another one has a value that can't be used.
        """
        path = os.environ.get(POLICY)
        if not path:
            raise PolicyError(f"{POLICY} is not set; set it to the policy file that `zeta tune` wrote.")
        policy = RoutingPolicy.load(path)
        fits = len(policy.sizes) <= len(default_names)
        given = _pairs(names) or (dict(zip(policy.sizes, default_names, strict=False)) if fits else {})
        return cls(policy, names=given, cost_weight=_cost_weight(), history=_history())

    def choose(self, query: Query) -> Choice:
        """Choose for a query, a text or chat messages, and record the decision.

        Raises:
            InvalidInputError: the query is neither text nor messages.
        """
        decision = self.router.route(query, cost_weight=self.cost_weight)
        recorded = None if self.history is None else self.history.record(decision, query)
        return Choice(name=self.names[decision.size], decision=decision, decision_id=recorded)


def _pairs(variable: str) -> dict[str, str]:
    """Names by size, of a variable such as "4B=small,7B=middle"."""
    pairs = [pair.partition("=") for pair in os.environ.get(variable, "").split(",") if pair.strip()]
    for size, sign, name in pairs:
        if not (size.strip() and sign and name.strip()):
            raise InvalidInputError(f"{variable} holds '{size}{sign}{name}'; write SIZE=NAME,SIZE=NAME.")
    return {size.strip(): name.strip() for size, _, name in pairs}


def _cost_weight() -> float | None:
    text = os.environ.get(COST_WEIGHT)
    try:
        return float(text) if text else None
    except ValueError as e:
        raise InvalidInputError(f"{COST_WEIGHT} is '{text}'; give a number of at least 0.") from e


def _history() -> History | None:
    path = os.environ.get(HISTORY)
    if not path:
        return None
    from zeta_eval.feedback import History

    try:
        return History(path)
    except ModuleNotFoundError as e:
        raise InvalidInputError(f"{HISTORY} needs the package {e.name}; install it, or unset {HISTORY}.") from e

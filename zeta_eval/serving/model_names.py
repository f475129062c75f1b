"""What the `model` of a request means: "zeta" routes, by a trade-off that may be named; a rung's name asks it."""

from collections.abc import Collection
from typing import Final, NamedTuple

from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.router.decision import checked_cost_weight
from zeta_eval.serving.errors import ApiError

ROUTED: Final = "zeta"
"""Name of the model that routes."""
CHEAPER: Final = 4.0
"""Times the policy's own cost weight that "zeta:cheap" counts costs with."""
LEAST_CHEAP: Final = 0.2
"""Least cost weight of "zeta:cheap": a policy's own may be 0."""
TRADE_OFFS: Final = ("cheap", "balanced", "best")
"""Words for a trade-off: costs count more, as in the policy, or not at all."""


class Choice(NamedTuple):
    """What a request's model asks for."""

    size: str | None
    """The rung to ask; None routes."""
    cost_weight: float | None = None
    """Cost weight to route with; None takes the policy's own."""


def choice(model: object, rungs: Collection[str], own_weight: float) -> Choice:
    """Return what a model's name asks for.

    >>> choice("zeta@0.2", ["4B"], 0.05), choice("4B", ["4B"], 0.05)
    (Choice(size=None, cost_weight=0.2), Choice(size='4B', cost_weight=None))

    Raises:
        ApiError: 400 or 404, there is no such model.
    """
    if not isinstance(model, str) or not model:
        raise ApiError(400, f"`model` is missing; give '{ROUTED}', or one that /v1/models lists.", param="model")
    if model == ROUTED:
        return Choice(None)
    if model in rungs:
        return Choice(model)
    if model.startswith(f"{ROUTED}@"):
        return Choice(None, _weight(model))
    word = model.removeprefix(f"{ROUTED}:") if model.startswith(f"{ROUTED}:") else ""
    if word not in TRADE_OFFS:
        unknown = UnknownNameError("model", model, [*listed(), *rungs])
        raise ApiError(404, str(unknown), code="model_not_found", param="model")
    weights = {"cheap": max(CHEAPER * own_weight, LEAST_CHEAP), "balanced": None, "best": 0.0}
    return Choice(None, weights[word])


def listed() -> tuple[str, ...]:
    """The models that route, by name."""
    return (ROUTED, *(f"{ROUTED}:{word}" for word in TRADE_OFFS))


def _weight(model: str) -> float:
    """The cost weight in a model's name."""
    try:
        return checked_cost_weight(float(model.partition("@")[2]))
    except (InvalidInputError, ValueError) as e:
        raise ApiError(
            400, f"The model '{model}' names no cost weight; write a number of at least 0, as zeta@0.2.", param="model"
        ) from e

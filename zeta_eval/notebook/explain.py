"""Why a size was chosen, and what would have changed that."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from zeta_eval.router import Decision, best
from zeta_eval.router.domain import counted_cost
from zeta_eval.router.estimators.linear import sigmoid
from zeta_eval.router.policy import RoutingPolicy


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """Why a size was chosen: the share of each text feature, and what would have changed the choice."""

    shares: Mapping[str, float]
    """What each feature adds to the difficulty, largest first; features that add nothing are left out."""
    bias: float
    """Difficulty before any feature."""
    weights: Mapping[str, tuple[float, float] | None]
    """By size: the range of cost weights at which the size would be chosen; None where there are none."""
    turning: Mapping[str, str]
    """By feature: the other size that would be chosen without it; empty where more than the heuristic decided."""
    forced: bool
    """Whether a rule decided (embedding request, no signal), whatever the cost weight."""


def explain(policy: RoutingPolicy, decision: Decision) -> Explanation:
    """Explain a decision of a policy."""
    found = decision.complexity
    shares = {n: w * found.features[n] for n, w in policy.weights.items() if abs(w * found.features[n]) > 1e-9}
    forced = found.label in ("embedding", "unknown")
    counted = counted_cost(tuple(decision.cost.values()), decision.familiarity)
    return Explanation(
        shares=dict(sorted(shares.items(), key=lambda pair: -abs(pair[1]))),
        bias=policy.bias,
        weights=chosen_at(decision.p, dict(zip(decision.p, counted, strict=True))),
        turning={} if forced else _turning(policy, decision, shares),
        forced=forced,
    )


def chosen_at(p: Mapping[str, float], cost: Mapping[str, float]) -> dict[str, tuple[float, float] | None]:
    """Cost weights at which each size (cheapest first) has the greatest p - weight * cost: their upper envelope."""
    found: dict[str, tuple[float, float] | None] = {}
    for size in p:
        low, high = 0.0, math.inf
        for other in p:
            gain, extra = p[other] - p[size], cost[other] - cost[size]
            if extra > 0:
                low = max(low, gain / extra)
            elif extra < 0:
                high = min(high, gain / extra)
            elif gain > 0 or (gain == 0 and list(p).index(other) < list(p).index(size)):
                high = -math.inf
        found[size] = (low, high) if low < high else None
    return found


def _turning(policy: RoutingPolicy, decision: Decision, shares: Mapping[str, float]) -> dict[str, str]:
    """By feature: the size that the heuristic would choose without its share, where that is another one."""
    if any(abs(a - b) > 1e-9 for a, b in zip(_heuristic(policy, decision), decision.p.values(), strict=True)):
        return {}
    cost = counted_cost(tuple(decision.cost.values()), decision.familiarity)
    sizes = {
        n: policy.sizes[best(_heuristic(policy, decision, s), cost, decision.cost_weight)] for n, s in shares.items()
    }
    return {name: size for name, size in sizes.items() if size != decision.size}


def _heuristic(policy: RoutingPolicy, decision: Decision, without: float = 0.0) -> list[float]:
    """Success probability per size by the difficulty alone, less some of it."""
    d = decision.complexity.score - without
    return [sigmoid(r.slope * (r.ability - d)) for r in policy.rungs]

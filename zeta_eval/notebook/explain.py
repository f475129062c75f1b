"""Why a size was chosen, and what would have changed that."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from zeta_eval.router import Decision
from zeta_eval.router.policy import RoutingPolicy


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """Why a size was chosen: the share of each text feature, and what would have changed the choice."""

    shares: Mapping[str, float]
    """By how much each feature raises the chance that the smallest size fails, against an average query, largest first;
    features that do nothing are left out."""
    weights: Mapping[str, tuple[float, float] | None]
    """By size: the range of cost weights at which the size would be chosen; None where there are none, as for a size
    that can't hold the query."""
    forced: bool
    """Whether a rule decided (embedding request, no signal), whatever the cost weight."""


def explain(policy: RoutingPolicy, decision: Decision) -> Explanation:
    """Explain a decision of a policy."""
    found = decision.complexity
    source = policy.estimator if decision.familiarity > 0 or policy.fallback is None else policy.fallback
    p = {s: decision.p[s] for s in decision.allowed}
    shares = {n: s.raises for n, s in source.shares(found.features).items() if abs(s.raises) > 1e-9}
    return Explanation(
        shares=dict(sorted(shares.items(), key=lambda pair: -abs(pair[1]))),
        weights=dict.fromkeys(decision.p) | chosen_at(p, {s: decision.cost[s] for s in p}),
        forced=found.label in ("embedding", "unknown"),
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

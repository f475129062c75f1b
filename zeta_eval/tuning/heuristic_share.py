"""How much of a policy's choices its heuristic decides, where another estimator may stand beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from zeta_eval.arrays import Floats, sigmoid
from zeta_eval.evaluation.batch.choice import choose
from zeta_eval.evaluation.batch.predict import FREE, Features, difficulty, expect
from zeta_eval.router.policy import RoutingPolicy


@dataclass(frozen=True, kw_only=True, slots=True)
class HeuristicShare:
    """What the heuristic decides on some queries; both figures are 0 for queries with a fixed rule."""

    weight: float
    """Mean weight of the heuristic in the log-odds of success, in [0, 1]."""
    changes: float
    """Share of queries that would go to another size first, at the policy's cost weight, without the heuristic."""


def heuristic_share(policy: RoutingPolicy, features: Features) -> HeuristicShare:
    """Measure the heuristic's part in the choices for some queries."""
    free = features.rule == FREE
    p, cost = expect(policy, features)
    others = choose(_without(policy, features), cost, policy.cost_weight)
    changed = choose(p, cost, policy.cost_weight) != others
    weight = heuristic_weight(policy, features)
    return HeuristicShare(weight=float((weight * free).mean()), changes=float((changed & free).mean()))


def heuristic_weight(policy: RoutingPolicy, features: Features) -> Floats:
    """Return the weight of the heuristic in each query's log-odds, shape (Q,), in [0, 1].

    The other estimator has the query's familiarity for weight, the heuristic the rest; then the two return to each
    size's mean as far as the query is unfamiliar.
    """
    if policy.domain is None:
        return np.full(len(features.rule), float(policy.learned is None))
    familiarity = features.familiarity(policy.domain)
    return familiarity if policy.learned is None else familiarity * (1 - familiarity)


def _without(policy: RoutingPolicy, features: Features) -> Floats:
    """Success probabilities, (Q, M), by the other estimator alone; without one, of a query of mean difficulty."""
    if policy.learned is None:
        return expect(replace(policy, weights={}, bias=float(difficulty(policy, features).mean())), features)[0]
    logits = features.learned(policy.learned)
    if policy.domain is not None:
        base = np.array(policy.domain.base)
        logits = base + features.familiarity(policy.domain)[:, None] * (logits - base)
    return sigmoid(logits)


def share_text(shares: Mapping[str, HeuristicShare], estimator: str) -> str:
    """Say what the heuristic decides, by how the policy is called."""
    others = " and ".join(f"{100 * s.changes:.1f} % {way}" for way, s in shares.items())
    without = f"without it another size would come first for {others} of the test queries."
    if estimator == "heuristic":
        return f"The heuristic is the only estimator; {without}"
    weights = " and ".join(f"{100 * s.weight:.1f} % of the weight {way}" for way, s in shares.items())
    return f"Beside '{estimator}' the heuristic has {weights}, the more the less familiar a query is; {without}"

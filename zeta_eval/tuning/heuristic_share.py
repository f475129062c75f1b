"""How much of a policy's choices its heuristic decides, where another estimator may stand beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from zeta_eval.arrays import Floats
from zeta_eval.evaluation.batch.choice import choose
from zeta_eval.evaluation.batch.context import able
from zeta_eval.evaluation.batch.estimate import forest_means, levelled, mixed, offsets
from zeta_eval.evaluation.batch.features import FREE, Features
from zeta_eval.evaluation.batch.predict import expect, familiarities
from zeta_eval.router.estimators.embedder import VectorEstimator
from zeta_eval.router.estimators.heuristic import LEAST, Heuristic, Learned
from zeta_eval.router.policy import RoutingPolicy


@dataclass(frozen=True, kw_only=True, slots=True)
class HeuristicShare:
    """What the heuristic decides on some queries; both figures are 0 for queries with a fixed rule."""

    weight: float
    """Mean weight of the heuristic in the chances of success, in [0, 1]."""
    changes: float
    """Share of queries that would go to another size first, at the policy's cost weight, without the heuristic."""


def heuristic_share(policy: RoutingPolicy, features: Features) -> HeuristicShare:
    """Measure the heuristic's part in the choices for some queries."""
    free, may = features.rule == FREE, able(policy, features)
    p, cost = expect(policy, features)
    others = choose(_without(policy, features), cost, policy.cost_weight, may)
    changed = choose(p, cost, policy.cost_weight, may) != others
    weight = heuristic_weight(policy, features)
    return HeuristicShare(weight=float((weight * free).mean()), changes=float((changed & free).mean()))


def heuristic_weight(policy: RoutingPolicy, features: Features) -> Floats:
    """Return the weight of the forest on features in each query's chances, shape (Q,), in [0, 1].

    Words and vectors have the rest; the rules of thumb have theirs where a query is unlike the tuning queries.
    """
    made = policy.estimator
    weight = 1.0 if isinstance(made, Heuristic) else 0.0
    if isinstance(made, Learned):
        weight *= 1 - made.weight
    if isinstance(made, VectorEstimator):
        weight *= 1 - made.share
    return weight * familiarities(policy, features)


def _without(policy: RoutingPolicy, features: Features) -> Floats:
    """Success probabilities, (Q, M), where the forest tells every query the same: its mean."""
    made = policy.estimator
    if not isinstance(made, Heuristic):
        return expect(policy, features)[0]
    forest = forest_means(made.forest, features)
    same = np.tile(forest.mean(axis=0), (len(forest), 1))
    p = levelled(made.level, mixed(made, same, features)) + offsets(made.tasks, features)
    return np.clip(p, LEAST, 1.0 - LEAST)


def share_text(shares: Mapping[str, HeuristicShare], estimator: str) -> str:
    """Say what the heuristic decides, by how the policy is called."""
    changes = _by_way({way: s.changes for way, s in shares.items()})
    without = f"without it another size would come first for {changes} of the test queries."
    if estimator == "heuristic":
        return f"The heuristic is the only estimator; {without}"
    weights = _by_way({way: s.weight for way, s in shares.items()})
    return f"Of what the '{estimator}' estimator says, the heuristic has {weights} of the weight; {without}"


def _by_way(values: Mapping[str, float]) -> str:
    """Shares in per cent by way of use; one figure where all are alike."""
    told = {way: f"{100 * value:.1f} %" for way, value in values.items()}
    if len(set(told.values())) == 1:
        return next(iter(told.values()))
    return " and ".join(f"{share} ({way})" for way, share in told.items())

"""Chances, costs and choices of a policy for many queries at once: the vectorised twin of `RoutingPolicy.estimate`."""

from __future__ import annotations

import numpy as np

from zeta_eval.arrays import Floats, Sizes
from zeta_eval.evaluation.batch.choice import choose
from zeta_eval.evaluation.batch.context import choosable, held
from zeta_eval.evaluation.batch.estimate import chances, costs, forest_means
from zeta_eval.evaluation.batch.features import EMBEDDING, FREE, FeatureCache, Features
from zeta_eval.router.domain import STEPS, Domain, Ramp, bucket
from zeta_eval.router.estimators import Estimator
from zeta_eval.router.policy import RoutingPolicy

__all__ = ["EMBEDDING", "FREE", "FeatureCache", "Features", "decide", "expect", "expected_costs"]


def expect(policy: RoutingPolicy, features: Features) -> tuple[Floats, Floats]:
    """Return success probability and expected cost of every size, each (Q, M), from features."""
    familiarity = familiarities(policy, features)
    p = _chances(policy.estimator, features)
    if (unlike := np.flatnonzero(familiarity < 1)).size:
        p, f = p.copy(order="F"), familiarity[unlike, None]
        if policy.fallback is None:
            other = np.zeros((unlike.size, p.shape[1]))
            other[:, -1] = 1.0
        else:
            other = _fallback(policy.fallback, features)[unlike]
        p[unlike] = other + f * (p[unlike] - other)
    if (fits := held(policy, features)) is not None:
        p = np.asfortranarray(np.where(fits, p, 0.0))
    return p, expected_costs(policy, features)


def expected_costs(policy: RoutingPolicy, features: Features) -> Floats:
    """Return the expected cost of every size, (Q, M), as `expect` does, without any success probability."""
    mean = np.array([r.cost for r in policy.rungs])
    if (model := policy.costs) is None:
        return np.asfortranarray(np.tile(mean, (len(features.rule), 1)))
    cost = features.once("costs", model, lambda: np.asfortranarray(costs(model, features)))
    familiarity = familiarities(policy, features)
    if (unlike := np.flatnonzero(familiarity < 1)).size:
        cost = cost.copy(order="F")
        cost[unlike] = mean + familiarity[unlike, None] * (cost[unlike] - mean)
    return cost


def familiarities(policy: RoutingPolicy, features: Features) -> Floats:
    """Return the familiarity of each query, shape (Q,)."""
    if (domain := policy.domain) is None:
        return np.ones(len(features.rule))
    return features.once("familiarity", domain, lambda: _familiarity(domain, features))


def _chances(model: Estimator, features: Features) -> Floats:
    """Chances of success, (Q, M), by the estimator last asked for; a size's queries lie side by side."""
    return features.once("chances", model, lambda: np.asfortranarray(chances(model, features)))


def _fallback(model: Estimator, features: Features) -> Floats:
    """Chances of success, (Q, M), by the fallback last asked for, which no task is named to."""
    return features.once("fallback", model, lambda: chances(model, features.without_tasks()))


def _familiarity(domain: Domain, read: Features) -> Floats:
    """`Domain.familiarity` of many queries."""
    rarities = domain.rarities
    of_token = np.array([rarities[bucket(token, domain.bits)] for token in read.tokens.vocabulary.tokens], dtype=float)
    found = _share(domain.rarity, read.tokens.mean(of_token[: read.tokens.matrix.shape[1]]) / STEPS)
    if (e := domain.everyday) is not None:
        found = np.minimum(found, _share(e.ramp, forest_means(e.forest, read)[:, 0]))
    found[np.isnan(found)] = 0.0
    known = set(domain.tasks)
    found[[task is not None and task in known for task in read.tasks]] = 1.0
    return found


def _share(ramp: Ramp, x: Floats) -> Floats:
    return np.clip((ramp.far - x) / (ramp.far - ramp.near), 0.0, 1.0)


def decide(policy: RoutingPolicy, features: Features, cost_weight: float) -> Sizes:
    """Return the index of the size that `ZetaDynamicRouter.route` chooses for each query, shape (Q,).

    numpy rounds differently from the standard library, which matters only where sizes are almost equally good: those
    few queries are decided by the router's own arithmetic.
    """
    (p, cost), may = expect(policy, features), choosable(policy, features)
    chosen = choose(p, cost, cost_weight, may)
    if p.shape[1] > 1 and np.isfinite(cost_weight):
        utility = (p - cost_weight * cost).T
        if may is not None:
            utility[~may.T] = -np.inf
        best = utility.max(axis=0)
        close = np.flatnonzero((utility > best - 1e-9 * (1 + abs(best))).sum(axis=0) > 1)
        if close.size:
            exact = [policy.estimate(features.texts[i], features.tasks[i]) for i in close.tolist()]
            exact_p, exact_cost = (np.array(x) for x in ([e.p for e in exact], [e.cost for e in exact]))
            chosen[close] = choose(exact_p, exact_cost, cost_weight, None if may is None else may[close])
    return chosen

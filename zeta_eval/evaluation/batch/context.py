"""Which sizes may take each of many queries: the vectorised twin of `zeta_eval.router.context` and of fixed rules."""

import numpy as np

from zeta_eval.arrays import Floats, Mask, Sizes
from zeta_eval.evaluation.batch.features import EMBEDDING, Features
from zeta_eval.router.context import TokenRates, characters, largest
from zeta_eval.router.policy import RoutingPolicy


def held(policy: RoutingPolicy, features: Features) -> Mask | None:
    """Return which sizes can hold each query with its answer; None where all can."""
    rooms = [rung.room for rung in policy.rungs]
    if all(room is None for room in rooms):
        return None
    counts = features.once("characters", None, lambda: _characters(features))
    tokens = (policy.tokens or TokenRates()).count(*counts)
    found = tokens[:, None] <= np.array([np.inf if room is None else room for room in rooms])
    return None if found.all() else np.asarray(found)


def able(policy: RoutingPolicy, features: Features) -> Mask | None:
    """Return which sizes may take each query by their contexts: where none can hold it, the one with the largest."""
    if (found := held(policy, features)) is None:
        return None
    none = ~found.any(axis=1)
    if none.any():
        found[none, largest(policy.rungs)] = True
    return found


def forced(policy: RoutingPolicy, features: Features) -> Sizes:
    """Return the index of the size that each query's rule demands, shape (Q,), -1 where free.

    An embedding rung outside the policy's sizes answers no text and has no outcomes: the default size stands in.
    """
    sizes, default = policy.sizes, policy.sizes.index(policy.default_size)
    embedding = policy.embedding_size or sizes[0]
    of_rule = np.array([-1, default, sizes.index(embedding) if embedding in sizes else default])
    found = np.asarray(of_rule[features.rule], dtype=np.intp)
    if (may := able(policy, features)) is None:
        return found
    m, moved = len(sizes), np.flatnonzero((found >= 0) & ~may[np.arange(len(found)), found])
    first, last = may[moved].argmax(axis=1), m - 1 - may[moved, ::-1].argmax(axis=1)
    found[moved] = np.where((features.rule[moved] == EMBEDDING) & (embedding in sizes), first, last)
    return found


def choosable(policy: RoutingPolicy, features: Features) -> Mask | None:
    """Return which sizes may be chosen for each query, by contexts and rules; None where every size may."""
    rule, may = forced(policy, features), able(policy, features)
    free = rule < 0
    if free.all():
        return may
    only = rule[:, None] == np.arange(len(policy.rungs))
    return np.asarray(only | (free[:, None] if may is None else free[:, None] & may))


def _characters(features: Features) -> Floats:
    """Return what `router.context.characters` counts in each text, shape (3, Q)."""
    return np.array([characters(text) for text in features.texts], dtype=float).reshape(-1, 3).T

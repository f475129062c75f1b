"""Whether going on after an answer pays, told out of fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from zeta_eval.arrays import Floats, Ints
from zeta_eval.evaluation.batch.answers import Answers
from zeta_eval.evaluation.batch.features import Features
from zeta_eval.evaluation.batch.runs import PolicyRuns, cascade_weights
from zeta_eval.router.cascade import Look
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning.data import Data
from zeta_eval.tuning.fit_cascade import LookFits, scaled
from zeta_eval.tuning.quality import Closed, Quality
from zeta_eval.tuning.ridge import Folds

SCALES = (0.25, 0.5, 1.0, 1.5)
"""Factors on the value of seeing an answer that are compared out of fold."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """What each of Q queries costs and scores along a strategy's curve, out of fold."""

    weights: Floats
    """Ascending finite cost weights, shape (K,)."""
    cost: Floats
    """Cost of all sizes that ran, shape (Q, K)."""
    score: Floats
    """Score of the kept answer, shape (Q, K)."""

    def at(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return cost and score at some of the cost weights (k,), each (Q, k)."""
        places = np.searchsorted(self.weights, weights)
        return self.cost[:, places], self.score[:, places]


@dataclass(frozen=True, kw_only=True)
class Cascade:
    """A cascade that may be exported."""

    looks: tuple[Look, ...]
    """How answers change the chances, fitted to all queries."""
    curve: Curve
    """What it costs and scores."""
    closed: Closed
    """The gap that it closes."""


def fit_cascade(
    policy: RoutingPolicy, data: Data, p: Floats, cost: Floats, answers: Answers, quality: Quality
) -> Cascade | None:
    """Fit a cascade on top of a policy's out-of-fold chances and expected costs, each (Q, M), with the best scale.

    Each query's run uses looks that were fitted without the query. None where there is nothing to look at.
    """
    fits = LookFits()
    looks = fits.fit(p, data.score, answers, data.folds)
    if not looks:
        return None
    parts = []
    for train, held in data.folds:
        inner = _inner(data, train)
        without = fits.fit(p[train], data.score[train], answers.take(train), inner)
        parts.append(_Part(held, data.read.take(held), answers.take(held), without))
    found = []
    for by in SCALES:
        curve = _curve(policy, data, p, cost, parts, by)
        closed = quality.of_walk(curve.weights, curve.at)
        found.append(Cascade(looks=scaled(looks, by), curve=curve, closed=closed))
    return max(found, key=lambda c: c.closed.value)


class _Part(NamedTuple):
    """The queries of a fold, with looks that were fitted without them."""

    held: Ints
    read: Features
    answers: Answers
    looks: tuple[Look, ...]


def _inner(data: Data, train: Ints) -> Folds:
    """The other folds, by the places of their queries among those of `train`."""
    place = np.full(len(data.score), -1)
    place[train] = np.arange(len(train))
    held = [place[h][place[h] >= 0] for _, h in data.folds]
    return [(np.setdiff1d(np.arange(len(train)), h), h) for h in held if len(h)]


def _curve(policy: RoutingPolicy, data: Data, p: Floats, cost: Floats, parts: Sequence[_Part], by: float) -> Curve:
    weights = cascade_weights(p, cost)
    paid, score = (np.empty((len(p), len(weights)), order="F") for _ in range(2))
    each, right = data.cost, data.score
    for held, read, answers, looks in parts:
        runs = PolicyRuns(replace(policy, looks=scaled(looks, by)), read, answers, expected=(p[held], cost[held]))
        for k, weight in enumerate(weights.tolist()):
            at = runs.at(weight)
            paid[held, k] = at.paid(each[held])
            score[held, k] = right[held, at.kept]
    return Curve(weights=weights, cost=paid, score=score)

"""Cascades for many queries at once: the vectorised twin of `ZetaDynamicRouter.generate`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import erf

from zeta_eval.arrays import Floats, Sizes, logit, sigmoid
from zeta_eval.evaluation.batch.answers import Answers
from zeta_eval.evaluation.batch.choice import curve_weights
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.predict import EMBEDDING, FREE, Features, decide, expect
from zeta_eval.router.cascade import (
    LOGPROBS,
    Look,
    Maths,
    after,
    answer_signals,
    indexed,
    next_size,
    values,
)
from zeta_eval.router.domain import counted_cost
from zeta_eval.router.policy import RoutingPolicy

ARRAYS = Maths(np.exp, erf, np.sqrt, np.maximum)
"""The functions of the rule, for arrays."""

CLOSE = 1e-9
"""Values nearer than this are compared by the router's own arithmetic."""

_LONGEST = 5
"""With more sizes than this, plans see one answer only: their number doubles with every size."""


def run_sets(n_sizes: int) -> Iterator[tuple[int, ...]]:
    """Yield the ascending sets of sizes after which an answer can be looked at, the shorter first."""
    level: list[tuple[int, ...]] = [()]
    while level := [(*s, k) for s in level for k in range(s[-1] + 1 if s else 0, n_sizes - 1)]:
        yield from level
        if n_sizes > _LONGEST:
            return


def cascade_weights(p: Floats, cost: Floats) -> Floats:
    """Return ascending finite cost weights that trace a cascade's curve; arguments as in `curve_weights`.

    Answers move p beyond what is expected before them, so the range is wider than that of `curve_weights`.
    """
    inner = curve_weights(p, cost, n=24)[1:-1]
    if not inner.size:
        return np.array([0.0])
    return np.unique(np.concatenate([[0.0, inner[0] / 9, inner[0] / 3], inner, [inner[-1] * 3, inner[-1] * 9]]))


class Walks(NamedTuple):
    """What a policy did with Q queries."""

    kept: Sizes
    """Index of the size whose answer is kept, shape (Q,)."""
    ran: npt.NDArray[np.bool_]
    """Which sizes ran, shape (Q, M)."""

    def paid(self, each: Floats) -> Floats:
        """Return what all that ran came to, shape (Q,), by cost or time of each size (Q, M)."""
        return np.asarray(np.where(self.ran, each, 0.0).sum(axis=1))


class Cascade:
    """A policy's cascade on Q queries with stored answers."""

    def __init__(
        self, policy: RoutingPolicy, features: Features, answers: Answers, *, prior: Floats | None = None
    ) -> None:
        """Predict what the policy expects before any answer, unless `prior` (Q, M) says it."""
        self.policy, self.features, self.answers = policy, features, answers
        self.looks = indexed(policy.looks, policy.sizes)
        expected, self.cost = expect(policy, features)
        self.prior = expected if prior is None else prior

    def run(self, cost_weight: float) -> Walks:
        """Say what the policy does with every query at a finite cost weight."""
        q, m = self.prior.shape
        kept, ran = np.full(q, -1), np.zeros((q, m), dtype=bool)
        doubtful = np.zeros(q, dtype=bool)
        forced = decide(self.policy, self.features, cost_weight)
        todo: list[tuple[tuple[int, ...], npt.NDArray[np.intp], Floats]] = []
        for k in range(m):  # a rule names the first size
            rows = np.flatnonzero((self.features.rule != FREE) & (forced == k))
            self._take((), rows, self.prior[rows], k, kept, ran, todo)
        rows = np.flatnonzero(self.features.rule == FREE)
        todo.append(((), rows, self.prior[rows]))
        while todo:
            seen, rows, p = todo.pop()
            if not rows.size:
                continue
            best, close = self._next(seen, p, self.cost[rows], cost_weight)
            if seen:
                best[self.features.rule[rows] == EMBEDDING] = -1
            doubtful[rows[close]] = True
            for k in range(m):
                here = best == k
                self._take(seen, rows[here], p[here], k, kept, ran, todo)
        for i in np.flatnonzero(doubtful):
            ran[i] = False
            kept[i] = self._one(int(i), cost_weight, int(forced[i]), ran[i])
        return Walks(kept, ran)

    def _take(
        self,
        seen: tuple[int, ...],
        rows: npt.NDArray[np.intp],
        p: Floats,
        k: int,
        kept: Sizes,
        ran: npt.NDArray[np.bool_],
        todo: list[tuple[tuple[int, ...], npt.NDArray[np.intp], Floats]],
    ) -> None:
        """Run size k for some queries, whose answer is then the last seen."""
        kept[rows], ran[rows, k] = k, True
        if k < ran.shape[1] - 1 and rows.size:
            now = (*seen, k)
            todo.append((now, rows, update(self.looks.get(now), self.policy.sizes, p, self.answers, rows)))

    def _next(
        self, seen: tuple[int, ...], p: Floats, cost: Floats, weight: float
    ) -> tuple[Sizes, npt.NDArray[np.bool_]]:
        """Return the size to run next, -1 to keep the last answer, and where two choices lie close, each (N,)."""
        worth = values(list(p.T), list(cost.T), weight, seen, self.looks, ARRAYS)
        options = [np.full(len(p), -np.inf) if not seen else p[:, seen[-1]], *worth.values()]
        names, table = np.array([-1, *worth]), np.column_stack(options)
        ordered = np.sort(table, axis=1)
        return names[table.argmax(axis=1)], ordered[:, -1] - ordered[:, -2] < CLOSE

    def _one(self, i: int, weight: float, forced: int, ran: npt.NDArray[np.bool_]) -> int:
        """Walk one query as the router does; marks the sizes that ran, returns the one kept."""
        policy, features, answers = self.policy, self.features, self.answers
        estimate = policy.estimate(features.texts[i], features.tasks[i])
        p, cost = estimate.p, counted_cost(estimate.cost, estimate.familiarity)
        free = features.rule[i] == FREE
        seen: tuple[int, ...] = ()
        k = next_size(p, cost, weight, (), self.looks) if free else forced
        while k is not None:
            earlier = {answers.sizes[n]: answers.views[i, n] for n in seen}
            seen = (*seen, k)
            ran[k] = True
            logprobs = {n: x for n in LOGPROBS if math.isfinite(x := float(answers.logprobs[n][i, k]))}
            signals = answer_signals(answers.views[i, k], logprobs, earlier)
            p = after(self.looks.get(seen), policy.sizes, p, signals)
            done = features.rule[i] == EMBEDDING or k == len(p) - 1
            k = None if done else next_size(p, cost, weight, seen, self.looks)
        return seen[-1]


def cascade_curve(cascade: Cascade, data: Evaluator, weights: Floats) -> tuple[Floats, Floats]:
    """Return each query's cost, of all steps that ran, and score at K finite cost weights, each (Q, K)."""
    cost, score = (np.empty((len(data.score), len(weights)), order="F") for _ in range(2))
    for k, weight in enumerate(weights):
        walks = cascade.run(float(weight))
        cost[:, k], score[:, k] = walks.paid(data.cost), data.of(walks.kept)[0]
    return cost, score


def update(
    look: Look | None, sizes: tuple[str, ...], p: Floats, answers: Answers, rows: npt.NDArray[np.intp]
) -> Floats:
    """Return every size's success probability after some answers: see `router.cascade.after`.

    Args:
        look: What an answer tells; None leaves p as it is.
        sizes: The policy's sizes.
        p: Success probability before, shape (N, M).
        answers: The stored answers.
        rows: Which of the Q queries p is about, shape (N,).
    """
    if look is None:
        return p
    last = sizes.index(look.size)
    columns = {n: answers.column(n, last, rows) for n in dict.fromkeys(n for q in look.posteriors for n in q.weights)}
    log_odds, new = logit(p), p.copy()
    for post in look.posteriors:
        k = sizes.index(post.size)
        z = post.bias + post.prior * log_odds[:, k] + post.own * log_odds[:, last]
        for name, weight in post.weights.items():
            z = z + weight * columns[name]
        new[:, k] = sigmoid(z)
    missing = np.zeros(len(p), dtype=bool)
    for column in columns.values():
        missing |= np.isnan(column)
    return np.where(missing[:, None], p, new)

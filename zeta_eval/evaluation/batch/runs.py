"""A policy run on many queries with stored answers at once: the vectorised twin of `ZetaDynamicRouter.generate`."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from scipy.special import erf

from zeta_eval.arrays import Floats, Mask, Sizes, logit, sigmoid
from zeta_eval.evaluation.batch.answers import Answers
from zeta_eval.evaluation.batch.choice import curve_weights
from zeta_eval.evaluation.batch.context import able, choosable, forced
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.features import EMBEDDING, FREE, Features
from zeta_eval.evaluation.batch.predict import expect
from zeta_eval.exceptions import UnknownNameError
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.cascade import ENGINE_SIGNALS, Look, Maths, indexed, values
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.router.walk import Walk

ARRAYS = Maths(np.exp, erf, np.sqrt, np.maximum)
"""The functions of the rule, for arrays."""

CLOSE = 1e-9
"""Values nearer than this are compared by the router's own arithmetic."""

WITH_TASK: Final = " with task"
WAYS: Final = ("route", "route with task", "generate", "generate with task")
"""`route` chooses one size per query; `generate` may go on to a larger one after an answer, if the policy cascades."""

_LONGEST = 5
"""With more sizes than this, plans see one answer only: their number doubles with every size."""

_Rows = npt.NDArray[np.intp]


def run_sets(n_sizes: int) -> Iterator[tuple[int, ...]]:
    """Yield the ascending sets of sizes after which an answer can be looked at, the shorter first."""
    level: list[tuple[int, ...]] = [()]
    while level := [(*s, k) for s in level for k in range(s[-1] + 1 if s else 0, n_sizes - 1)]:
        yield from level
        if n_sizes > _LONGEST:
            return


class Runs(NamedTuple):
    """What a policy did with Q queries at one cost weight."""

    kept: Sizes
    """Index of the size whose answer is kept, shape (Q,)."""
    ran: Mask
    """Which sizes ran, shape (Q, M)."""

    def paid(self, each: Floats) -> Floats:
        """Return what all sizes that ran came to, shape (Q,), by cost or time of each size (Q, M)."""
        return np.asarray(np.where(self.ran, each, 0.0).sum(axis=1))


class _Stage(NamedTuple):
    """Queries that have come equally far."""

    seen: tuple[int, ...]
    """The sizes whose answers they have, in order."""
    last: int
    """The size that ran last, which may have given no answer; -1 where none ran."""
    able: tuple[int, ...]
    """The sizes that may run for them by their contexts, ascending."""
    rows: _Rows
    """The queries, shape (N,)."""
    p: Floats
    """Every size's chance of success now, shape (N, M)."""

    @property
    def larger(self) -> tuple[int, ...]:
        """The sizes that may still run."""
        return tuple(k for k in self.able if k > self.last)


class PolicyRuns:
    """A policy on Q queries with stored answers: run at any cost weight, or along its whole curve.

    A policy that cascades goes on after an answer where that is worth it; any other keeps its first answer.
    """

    def __init__(
        self,
        policy: RoutingPolicy,
        features: Features,
        answers: Answers | None,
        *,
        expected: tuple[Floats, Floats] | None = None,
    ) -> None:
        """Take the answers, which only a policy that cascades needs; nothing runs yet.

        `expected` are the chances of success before any answer and the expected costs, each (Q, M); None takes what the
        policy expects, and lets the router's own arithmetic decide where two choices lie close.
        """
        self.policy, self.features, self.answers = policy, features, answers
        self.looks = indexed(policy.looks, policy.sizes)
        self.prior, self.cost = expect(policy, features) if expected is None else expected
        self._own = expected is None
        self.forced, self.able = forced(policy, features), able(policy, features)

    @classmethod
    def of(cls, policy: RoutingPolicy, table: Outcomes, features: Features) -> Self:
        """Run a policy on a table with exactly its sizes."""
        return cls(policy, features, Answers.of(table) if policy.cascades else None)

    def weights(self) -> Floats:
        """Return ascending cost weights that trace the curve, from 0 on; the last one may be infinite."""
        return (cascade_weights if self.policy.cascades else curve_weights)(self.prior, self.cost)

    def finite_weights(self) -> Floats:
        """Return those of `weights` that `at` takes; the largest of them is as good as an infinite one."""
        weights = self.weights()
        return weights[np.isfinite(weights)]

    def curve(self, data: Evaluator, weights: Floats) -> tuple[Floats, Floats]:
        """Return each query's cost, of all sizes that ran, and its score at K cost weights, each (Q, K)."""
        if not self.policy.cascades:  # by arrays alone: a tie within rounding does not move a mean
            return data.curve(self.prior, self.cost, choosable(self.policy, self.features), weights=weights)[1:]
        cost, score = (np.empty((len(data.score), len(weights)), order="F") for _ in range(2))
        for k, weight in enumerate(weights):
            runs = self.at(float(weight))
            cost[:, k], score[:, k] = runs.paid(data.cost), data.of(runs.kept)[0]
        return cost, score

    def at(self, cost_weight: float) -> Runs:
        """Run every query at a finite cost weight."""
        rule, (q, m) = self.features.rule, self.prior.shape
        kept, ran, doubtful = np.full(q, -1), np.zeros((q, m), dtype=bool), np.zeros(q, dtype=bool)
        todo, answers = list[_Stage](), self.answers if self.looks else None

        def run(k: int, stage: _Stage, here: npt.NDArray[np.bool_]) -> None:
            """Run size k for some queries of a stage: its answer is then the last seen, where it gives one."""
            rows, p, now = stage.rows[here], stage.p[here], (*stage.seen, k)
            ran[rows, k] = True
            failed = np.zeros(len(rows), dtype=bool) if answers is None else answers.failed[rows, k]
            kept[rows[~failed]] = k
            if not stage.seen:
                kept[rows] = k  # without any answer the last size stands for the failure
            if answers is not None and k < m - 1:
                after = update(self.looks.get(now), self.policy.sizes, p[~failed], answers, rows[~failed])
                todo.append(_Stage(now, k, stage.able, rows[~failed], after))
                todo.append(_Stage(stage.seen, k, stage.able, rows[failed], p[failed]))

        for start in self._starts():
            named = self.forced[start.rows]
            for k in range(m):  # a rule names the first size
                run(k, start, named == k)
            todo.append(start._replace(rows=start.rows[named < 0], p=start.p[named < 0]))
        while todo:
            stage = todo.pop()
            if not stage.rows.size or not stage.larger:
                continue
            best, close = self._next(stage, cost_weight)
            if stage.last >= 0:
                best[rule[stage.rows] == EMBEDDING] = -1
            doubtful[stage.rows[close]] = self._own
            for k in stage.larger:
                run(k, stage, best == k)
        for i in np.flatnonzero(doubtful).tolist():
            kept[i], steps = self._walk(i, cost_weight)
            ran[i] = np.isin(np.arange(m), steps)
        return Runs(kept, ran)

    def _starts(self) -> list[_Stage]:
        """The queries before any size ran, by the sizes that may take them."""
        q, m = self.prior.shape
        if self.able is None:
            return [_Stage((), -1, tuple(range(m)), np.arange(q), self.prior)]
        patterns, which = np.unique(self.able, axis=0, return_inverse=True)
        found = [np.flatnonzero(which.ravel() == i) for i in range(len(patterns))]
        sets = [tuple(np.flatnonzero(pattern).tolist()) for pattern in patterns]
        return [_Stage((), -1, able, rows, self.prior[rows]) for able, rows in zip(sets, found, strict=True)]

    def _next(self, stage: _Stage, weight: float) -> tuple[Sizes, npt.NDArray[np.bool_]]:
        """Return the size to run next, -1 to keep the last answer, and where two choices lie close, each (N,)."""
        p, cost, seen = stage.p, self.cost[stage.rows], stage.seen
        after = seen or ((stage.last,) if stage.last >= 0 else ())
        worth = values(list(p.T), list(cost.T), weight, after, self.looks, ARRAYS, allowed=stage.larger)
        options = [np.full(len(p), -np.inf) if not seen else p[:, seen[-1]], *worth.values()]
        names, table = np.array([-1, *worth]), np.column_stack(options)
        ordered = np.sort(table, axis=1)
        return names[table.argmax(axis=1)], ordered[:, -1] - ordered[:, -2] < CLOSE

    def _walk(self, i: int, weight: float) -> tuple[int, list[int]]:
        """Run one query by the router's own arithmetic; return the size kept and those that ran, in order."""
        features, rule = self.features, self.features.rule[i]
        estimate, steps = self.policy.estimate(features.texts[i], features.tasks[i]), list[int]()
        walk = Walk(
            self.policy.sizes,
            self.looks,
            estimate.p,
            estimate.cost,
            weight,
            first=None if rule == FREE else int(self.forced[i]),
            ends=rule == EMBEDDING,
            allowed=estimate.allowed,
        )
        while (k := walk.next) is not None:
            steps.append(k)
            if self.answers is None:
                walk.see(None, {})
            elif self.answers.failed[i, k]:
                walk.fail()
            else:
                engine = {n: float(self.answers.engine[n][i, k]) for n in ENGINE_SIGNALS}
                walk.see(self.answers.view(i, k), {n: x for n, x in engine.items() if math.isfinite(x)})
        return (walk.ran or steps)[-1], steps


def cascade_weights(p: Floats, cost: Floats) -> Floats:
    """Return ascending cost weights that trace a cascade's curve, from 0 on; p and cost are (Q, M).

    Answers move the chances beyond what is expected before them, so the range is wider than a plain policy's. All are
    finite: an infinite one is the cheapest size for every query.
    """
    inner = curve_weights(p, cost, n=24)[1:-1]
    if not inner.size:
        return np.array([0.0])
    return np.unique(np.concatenate([[0.0, inner[0] / 9, inner[0] / 3], inner, [inner[-1] * 3, inner[-1] * 9]]))


def update(look: Look | None, sizes: tuple[str, ...], p: Floats, answers: Answers | None, rows: _Rows) -> Floats:
    """Return every size's chance of success after some answers, from `p` (N, M) before: see `router.cascade.after`.

    `rows` (N,) are the queries that `p` is about. Without a look or answers nothing changes.
    """
    if look is None or answers is None:
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


def ways_of(policy: RoutingPolicy) -> tuple[str, ...]:
    """Return the ways that differ, the one that the policy was tuned for last: `generate` only where it cascades."""
    return WAYS if policy.cascades else WAYS[:2]


def checked_way(policy: RoutingPolicy, way: str | None) -> str:
    """Return the way asked for, by default the one that the policy was tuned for; an unknown way is refused."""
    known = ways_of(policy)
    if way is None:
        return known[-1]
    if way not in WAYS:
        raise UnknownNameError("way to use a policy", way, WAYS)
    return way if way in known else way.replace("generate", "route")


def runs_of(policy: RoutingPolicy, way: str, table: Outcomes, data: Evaluator) -> PolicyRuns:
    """Return a policy as it is used in one way, on a table with exactly its sizes."""
    used = policy if way.startswith("generate") else replace(policy, looks=())
    features = data.features if way.endswith(WITH_TASK) else data.features_without_task
    return PolicyRuns.of(used, table, features)

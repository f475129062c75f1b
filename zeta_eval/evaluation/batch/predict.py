"""Chances, costs and choices of a policy for many queries at once: the vectorised twin of `RoutingPolicy.estimate`."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zeta_eval.arrays import Floats, Sizes, sigmoid
from zeta_eval.evaluation.batch.choice import choose
from zeta_eval.evaluation.batch.estimate import Texts, predict, predict_costs
from zeta_eval.router.complexity import FEATURES, TextView, extract, has_signal, is_embedding_request
from zeta_eval.router.domain import Domain, counted_cost
from zeta_eval.router.estimators import Estimator
from zeta_eval.router.estimators.linear import CostModel
from zeta_eval.router.policy import RoutingPolicy

FREE, NO_SIGNAL, EMBEDDING = range(3)
"""Which rule a text falls under, if any."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """Features of Q queries, with their texts and tasks: all that a policy reads of them."""

    names: tuple[str, ...]
    """Names of the F features."""
    columns: Floats
    """Values, shape (F, Q): a feature's values lie side by side."""
    rule: npt.NDArray[np.int8]
    """0 free, 1 no signal, 2 embedding request; shape (Q,)."""
    texts: Texts
    """The texts, (Q,)."""
    tasks: npt.NDArray[np.object_]
    """Task name of each query, None where it has none; shape (Q,)."""

    def learned(self, model: Estimator) -> Floats:
        """Log-odds, (Q, M), of the estimator last asked for, worked out once."""
        return self._once("learned", model, lambda: predict(model, self.texts, self.columns.T, self.names, self.tasks))

    def familiarity(self, domain: Domain) -> Floats:
        """Familiarity of each query, (Q,), in the domain last asked for, worked out once."""
        return self._once("familiarity", domain, lambda: self._familiarity(domain))

    def _familiarity(self, domain: Domain) -> Floats:
        of_task = {task: domain.familiarity((), task) for task in set(self.tasks) - {None}}
        return np.array(
            [
                domain.familiarity(TextView.of(text).vocabulary, None) if task is None else of_task[task]
                for text, task in zip(self.texts, self.tasks, strict=True)
            ]
        )

    def costs(self, model: CostModel) -> Floats:
        """Expected costs, (Q, M), by the model last asked for, worked out once; a size's queries lie side by side."""
        return self._once(
            "costs", model, lambda: np.asfortranarray(predict_costs(model, self.columns.T, self.names, self.tasks))
        )

    def _once(self, name: str, key: object, make: Callable[[], Floats]) -> Floats:
        last: tuple[object, Floats] | None = self.__dict__.get(f"_made_{name}")
        if last is None or (last[0] is not key and last[0] != key):
            last = self.__dict__[f"_made_{name}"] = (key, make())
        return last[1]


class FeatureCache:
    """Features by text, so that a query is read once however often it is replayed."""

    def __init__(self) -> None:
        """Start empty."""
        self._at: dict[str, int] = {}
        self._columns = np.empty((0, 0))
        self._rule = np.empty(0, dtype=np.int8)
        self._names: tuple[str, ...] = ()
        self._last: Features | None = None

    def features(self, queries: Texts, tasks: npt.NDArray[np.object_] | None = None) -> Features:
        """Return the features of texts; the same read-only arrays as last time cost nothing."""
        names = tuple(FEATURES)
        if names != self._names:  # a feature was registered since
            self._at, self._names, self._last = {}, names, None
            self._columns, self._rule = np.empty((len(names), 0)), np.empty(0, dtype=np.int8)
        if (last := self._last) is not None and last.texts is queries and (tasks is None or last.tasks is tasks):
            return last
        features = self._read(queries, tasks)
        if isinstance(queries, np.ndarray) and not queries.flags.writeable:
            self._last = features
        return features

    def _read(self, queries: Texts, tasks: npt.NDArray[np.object_] | None) -> Features:
        self._add([text for text in dict.fromkeys(queries) if text not in self._at])
        at = np.fromiter((self._at[text] for text in queries), dtype=np.intp, count=len(queries))
        if len(at) == len(self._rule) and (at[1:] > at[:-1]).all():  # they are all that is known: nothing to copy
            columns, rule = self._columns, self._rule
        else:
            columns, rule = self._columns[:, at], self._rule[at]
        return Features(
            names=self._names,
            columns=columns,
            rule=rule,
            texts=queries,
            tasks=np.full(len(at), None, dtype=object) if tasks is None else tasks,
        )

    def _add(self, texts: list[str]) -> None:
        """Read texts that are new."""
        columns, rule = np.empty((len(self._names), len(texts))), np.empty(len(texts), dtype=np.int8)
        for i, text in enumerate(texts):
            found = extract(text)
            columns[:, i] = [found[n] for n in self._names]
            rule[i] = _rule(text)
        first = len(self._at)
        self._at.update(zip(texts, range(first, first + len(texts)), strict=True))
        self._columns = np.hstack([self._columns, columns]) if first else columns
        self._rule = np.r_[self._rule, rule]


def _rule(text: str) -> int:
    return NO_SIGNAL if not has_signal(text) else EMBEDDING if is_embedding_request(text) else FREE


def rule_sizes(policy: RoutingPolicy, rule: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
    """Return the index of the size that each query's rule demands, shape (Q,), -1 where free.

    An embedding rung outside the policy's sizes answers no text and has no outcomes: the default size stands in.
    """
    default = policy.sizes.index(policy.default_size)
    embedding = policy.embedding_size or policy.sizes[0]
    of_rule = np.array([-1, default, policy.sizes.index(embedding) if embedding in policy.sizes else default])
    return np.asarray(of_rule[rule], dtype=np.int64)


def difficulty(policy: RoutingPolicy, features: Features) -> Floats:
    """Return the difficulty of each query, shape (Q,)."""
    d = np.full(len(features.rule), policy.bias)
    for name, weight in policy.weights.items():
        d += weight * features.columns[features.names.index(name)]
    return d


def expect(policy: RoutingPolicy, features: Features) -> tuple[Floats, Floats]:
    """Return success probability and counted cost of every size, each (Q, M), from features.

    The counted cost (`router.domain.counted_cost`) is the expected cost itself where the query is familiar.
    """
    d = difficulty(policy, features)
    p = np.stack([r.slope * (r.ability - d) for r in policy.rungs])  # a size's queries lie side by side
    familiarity = features.familiarity(policy.domain) if policy.domain is not None else np.ones(len(d))
    if policy.learned is not None:
        p += familiarity * (features.learned(policy.learned).T - p)
    if policy.domain is not None and (familiarity < 1).any():
        base = np.array(policy.domain.base)[:, None]
        p = base + familiarity * (p - base)
    return sigmoid(p).T, expected_costs(policy, features)


def expected_costs(policy: RoutingPolicy, features: Features) -> Floats:
    """Return the counted cost of every size, (Q, M), as `expect` does, without any success probability."""
    mean = np.array([r.cost for r in policy.rungs])[:, None]
    cost = np.tile(mean, len(features.rule)) if policy.costs is None else features.costs(policy.costs).T
    if policy.domain is not None and ((familiarity := features.familiarity(policy.domain)) < 1).any():
        cost = cost[-1] + familiarity * (cost - cost[-1])
    return cost.T


def decide(policy: RoutingPolicy, features: Features, cost_weight: float) -> Sizes:
    """Return the index of the size that `ZetaDynamicRouter.route` chooses for each query, shape (Q,).

    numpy rounds differently from the standard library, which matters only where sizes are almost equally good: those
    few queries are decided by the router's own arithmetic.
    """
    p, cost = expect(policy, features)
    chosen = choose(p, cost, cost_weight)
    if p.shape[1] > 1 and np.isfinite(cost_weight):
        utility = (p - cost_weight * cost).T
        best = utility.max(axis=0)
        close = np.flatnonzero((utility > best - 1e-9 * (1 + abs(best))).sum(axis=0) > 1)
        if close.size:
            exact = [policy.estimate(features.texts[i], features.tasks[i]) for i in close.tolist()]
            counted = np.array([counted_cost(e.cost, e.familiarity) for e in exact])
            chosen[close] = choose(np.array([e.p for e in exact]), counted, cost_weight)
    rule = rule_sizes(policy, features.rule)
    return np.where(rule < 0, chosen, rule)

"""What a policy expects and chooses for many queries at once: the vectorised twin of `RoutingPolicy.estimate`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from zeta_eval.complexity import FEATURES, extract, has_signal, is_embedding_request
from zeta_eval.estimators import CostModel, Learned
from zeta_eval.policy import RoutingPolicy
from zeta_eval.replay.choice import Floats, Sizes, choose, sigmoid
from zeta_eval.replay.estimate import ngram_matrix, predict_costs, predict_learned

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Texts = Sequence[str] | npt.NDArray[np.object_]
"""Query texts, (Q,)."""

FREE, NO_SIGNAL, EMBEDDING = range(3)
"""Which rule a text falls under, if any."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """All that a policy reads of Q queries."""

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

    def grams(self, bits: int) -> csr_matrix:
        """Hashed n-grams, shape (Q, 2**bits), made once."""
        made: csr_matrix = self._once("grams", bits, lambda: ngram_matrix(self.texts, bits))
        return made

    def learned(self, model: Learned) -> tuple[Floats, Floats]:
        """Log-odds, (Q, M), and trust, (Q,), of the model last asked for, worked out once."""
        made: tuple[Floats, Floats] = self._once("learned", model, lambda: self._learned(model))
        return made

    def _learned(self, model: Learned) -> tuple[Floats, Floats]:
        grams = self.grams(model.ngrams.bits)
        return predict_learned(model, grams, self.columns.T, self.names, self.tasks)

    def costs(self, model: CostModel) -> Floats:
        """Expected costs, (Q, M), by the model last asked for, worked out once; a size's queries lie side by side."""
        made: Floats = self._once(
            "costs", model, lambda: np.asfortranarray(predict_costs(model, self.columns.T, self.names, self.tasks))
        )
        return made

    def _once(self, name: str, key: object, make: Callable[[], Any]) -> Any:
        last = self.__dict__.get(f"_made_{name}")
        if last is None or (last[0] is not key and last[0] != key):
            last = self.__dict__[f"_made_{name}"] = (key, make())
        return last[1]


class FeatureCache:
    """Features by text, so that a query is read once however often it is replayed."""

    def __init__(self) -> None:
        """Start empty."""
        self._rows: dict[str, tuple[npt.NDArray[np.float64], int]] = {}
        self._names: tuple[str, ...] = ()
        self._last: Features | None = None

    def features(self, queries: Texts, tasks: npt.NDArray[np.object_] | None = None) -> Features:
        """Return the features of texts; the same read-only arrays as last time cost nothing."""
        names = tuple(FEATURES)
        if names != self._names:  # a feature was registered since
            self._rows, self._names, self._last = {}, names, None
        if (last := self._last) is not None and last.texts is queries and (tasks is None or last.tasks is tasks):
            return last
        features = self._read(queries, tasks)
        if isinstance(queries, np.ndarray) and not queries.flags.writeable:
            self._last = features
        return features

    def _read(self, queries: Texts, tasks: npt.NDArray[np.object_] | None) -> Features:
        for text in queries:
            if text not in self._rows:
                found = extract(text)
                self._rows[text] = (np.array([found[n] for n in self._names], dtype=np.float64), _rule(text))
        rows = [self._rows[text] for text in queries]
        columns = np.empty((len(self._names), len(rows)))
        for i, (values, _) in enumerate(rows):
            columns[:, i] = values
        return Features(
            names=self._names,
            columns=columns,
            rule=np.array([r[1] for r in rows], dtype=np.int8),
            texts=queries,
            tasks=np.full(len(rows), None, dtype=object) if tasks is None else tasks,
        )


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
    """Return success probability and expected cost of every size, each (Q, M), from features."""
    d = difficulty(policy, features)
    p, cost = (np.empty((len(policy.rungs), len(d))) for _ in range(2))  # a size's queries lie side by side
    for m, r in enumerate(policy.rungs):
        p[m], cost[m] = r.slope * (r.ability - d), r.cost
    if (model := policy.learned) is not None:
        learned, trust = features.learned(model)
        p = learned.T + (1.0 - trust) * (p - np.array(model.base)[:, None])
    if policy.costs is not None:
        cost = features.costs(policy.costs).T
    return sigmoid(p).T, cost.T


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
            p_close, cost_close = (np.array([getattr(e, name) for e in exact]) for name in ("p", "cost"))
            chosen[close] = choose(p_close, cost_close, cost_weight)
    rule = rule_sizes(policy, features.rule)
    return np.where(rule < 0, chosen, rule)

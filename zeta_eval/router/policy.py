"""The policy: how to choose a size for a query. Frozen and validated; standard library only.

For a query q and each size m the policy gives a chance of success p_m(q) and an expected cost c_m(q). The size is
argmax_m p_m(q) - cost_weight * c_m(q); ties go to the cheaper size. Costs are shares of the largest size's mean cost,
so that a cost weight means the same on every machine: the accuracy given up to save one call of the largest size.

The chances come from an estimator (`zeta_eval.router.estimators`). The less a query is like those that the estimator
was fitted to (`zeta_eval.router.domain`), the more rules of thumb decide instead, the fallback.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from zeta_eval.exceptions import PolicyError, value_shown
from zeta_eval.router.cascade import ENGINE_SIGNALS, Look
from zeta_eval.router.checked_file import checksum
from zeta_eval.router.complexity import (
    FEATURES,
    Complexity,
    TextView,
    extract,
    has_signal,
    is_embedding_request,
    request_of,
)
from zeta_eval.router.context import Fit, TokenRates, fit
from zeta_eval.router.decision import best, checked_cost_weight
from zeta_eval.router.domain import Domain
from zeta_eval.router.estimators import Estimator
from zeta_eval.router.estimators.costs import CostModel
from zeta_eval.router.estimators.tables import finite
from zeta_eval.router.policy_file import FILE, Rung, Verdict, content_of, read
from zeta_eval.router.rules_of_thumb import COST_WEIGHT, costs_of_thumb, rules_of_thumb
from zeta_eval.router.signals import SIGNALS

__all__ = ["Estimate", "RoutingPolicy", "Rung", "Verdict", "size_label"]

_RATES = TokenRates()
"""What is taken of a policy that says nothing of tokens."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """Chance of success and expected cost of every size for one query."""

    complexity: Complexity
    """Chance that the smallest size fails, label and features of the query."""
    p: tuple[float, ...]
    """Chance of success per size, cheapest size first, in [0, 1]."""
    cost: tuple[float, ...]
    """Expected cost per size, as shares of the largest size's mean cost."""
    familiarity: float
    """How like the tuning queries this query is, in [0, 1]; 1 where the policy does not say what it was tuned on."""
    forced: str | None
    """The size that a rule demands (embedding request, no signal), or None where the utility decides."""
    fit: Fit | None = None
    """Which sizes may take the query where it is too long for some; None where all may."""

    @property
    def allowed(self) -> tuple[int, ...] | None:
        """Indices of the sizes that may take the query, ascending; None where all may."""
        return None if self.fit is None else self.fit.allowed


@dataclass(frozen=True, kw_only=True, slots=True)
class RoutingPolicy:
    """How to choose a size for a query: the content of a policy file.

    `zeta_eval.tune` makes a policy from outcomes; `seed` gives one that was not tuned on anything.

    >>> policy = RoutingPolicy.seed()
    >>> policy.sizes, policy.verdict.status
    (('4B', '7B', '14B'), 'not measured')
    >>> policy.complexity("What is the capital of France?").label
    'simple'
    """

    name: str
    """Name of the policy."""
    rungs: tuple[Rung, ...]
    """The sizes, cheapest first."""
    estimator: Estimator
    """What gives the chances of success."""
    cost_weight: float
    """Accuracy given up to save one call of the largest size; >= 0."""
    default_size: str
    """The size for a query that gives no signal."""
    cost_unit: str = "gpu_s"
    """Column of the outcomes table from which the costs come."""
    unit_cost: float = 1.0
    """The largest size's mean cost per query, in `cost_unit`."""
    embedding_size: str | None = None
    """The size for embedding requests; None sends them to the cheapest."""
    costs: CostModel | None = None
    """Estimator of the cost of a query; None takes each size's mean."""
    looks: tuple[Look, ...] = ()
    """How the signals of answers change the chances; empty where going on after an answer did not pay."""
    domain: Domain | None = None
    """What the policy was tuned on; None takes every query to be familiar."""
    fallback: Estimator | None = None
    """What gives the chances of a query unlike all that the policy was tuned on; None sends it to the largest size."""
    tokens: TokenRates | None = None
    """How many tokens a text takes, which tells what the sizes with a context can hold; None takes the defaults."""
    verdict: Verdict = field(default_factory=Verdict)
    """Whether routing was shown to pay on held-out queries."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Seeds, counts, hashes and versions from which the policy was made."""

    def __post_init__(self) -> None:
        sizes = [r.size for r in self.rungs]
        named = all(isinstance(s, str) and s.strip() for s in sizes)
        if not sizes or not named or len(set(sizes)) < len(sizes):
            raise PolicyError(
                f"A policy needs at least one size, each with a name of its own, got {sizes}; tune again."
            )
        if self.default_size not in sizes:
            raise PolicyError(
                f"The default size '{self.default_size}' is none of {', '.join(sizes)}; name one of them."
            )
        if not isinstance(self.embedding_size, str | None):
            raise PolicyError(f"The embedding size is {self.embedding_size!r}; give a size's name or null.")
        checked_cost_weight(self.cost_weight, PolicyError)
        if not (finite(self.unit_cost) and self.unit_cost > 0):
            raise PolicyError(f"The unit cost is {value_shown(self.unit_cost)}; give a finite cost above zero.")
        self._check_models(len(sizes))
        self._check_looks(sizes)

    def _check_models(self, n: int) -> None:
        estimators = [self.estimator] if self.fallback is None else [self.estimator, self.fallback]
        lengths = [e.n_sizes for e in estimators] + ([] if self.costs is None else [len(self.costs.low)])
        if any(length != n for length in lengths):
            raise PolicyError(f"A model of the policy does not fit its {n} sizes; tune the policy again.")
        names = {name for e in estimators for name in e.features}
        names |= set() if self.costs is None else set(self.costs.log_cost.features)
        if self.domain is not None and self.domain.everyday is not None:
            names |= set(self.domain.everyday.forest.features)
        if unknown := names - set(FEATURES):
            raise PolicyError(
                f"Feature '{min(unknown)}' is not registered here; import the module that defines it, or tune again."
            )

    def _check_looks(self, sizes: list[str]) -> None:
        if unknown := {s for look in self.looks for s in (*look.ran, *(p.size for p in look.posteriors))} - set(sizes):
            raise PolicyError(f"A look names size '{min(unknown)}', which the policy lacks; tune it again.")
        for look in self.looks:
            known = {*SIGNALS, *ENGINE_SIGNALS, *(f"agree {s}" for s in look.ran[:-1])}
            if not look.ran or list(look.ran) != sorted(set(look.ran), key=sizes.index):
                raise PolicyError(f"A look names {look.ran}, not each size once in order; tune the policy again.")
            if unknown := {n for p in look.posteriors for n in p.weights} - known:
                raise PolicyError(f"A look reads signal '{min(unknown)}', which is not known here; tune again.")
        if len({look.ran for look in self.looks}) < len(self.looks):
            raise PolicyError("Two looks are about the same sizes; tune the policy again.")

    @property
    def sizes(self) -> tuple[str, ...]:
        """Names of the sizes, cheapest first."""
        return tuple(r.size for r in self.rungs)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks that it was tuned on; none where it does not say."""
        return () if self.domain is None else self.domain.tasks

    def complexity(self, text: str, task: str | None = None) -> Complexity:
        """Return how hard a text is: the chance that the smallest size fails, and a label (see `Complexity`)."""
        return self.estimate(text, task).complexity

    def estimate(self, text: str, task: str | None = None) -> Estimate:
        """Return the chance of success and the expected cost of every size for a text, of a task where it is known.

        Of a `Conversation` its request is judged, and the sizes must hold the whole of it.
        """
        view = TextView.of(text)
        features = extract(view)
        familiarity = 1.0 if self.domain is None else self.domain.familiarity(view, features, task)
        p, cost = self._chances(view, features, task, familiarity), self._costs(features, task, familiarity)
        found = fit(text, self.rungs, self.tokens or _RATES)
        if found is not None:
            p = tuple([x if i in found.held else 0.0 for i, x in enumerate(p)])
        allowed = None if found is None else found.allowed
        forced = self._forced(request_of(text), allowed)
        label = forced[0] if forced else size_label(best(p, cost, self.cost_weight, allowed), len(p))
        complexity = Complexity(score=1.0 - p[0], label=label, features=features)
        size = forced[1] if forced else None
        return Estimate(complexity=complexity, p=p, cost=cost, familiarity=familiarity, forced=size, fit=found)

    def _forced(self, text: str, allowed: tuple[int, ...] | None) -> tuple[str, str] | None:
        """The label of a text about which a rule decides, and the size that the rule demands.

        Where that size can't hold the text, the largest of those that can takes it, of embedding requests the smallest.
        """
        if not has_signal(text):
            return "unknown", self._held(self.default_size, allowed, -1)
        if is_embedding_request(text):
            return "embedding", self._held(self.embedding_size or self.sizes[0], allowed, 0)
        return None

    def _held(self, size: str, allowed: tuple[int, ...] | None, other: int) -> str:
        sizes = self.sizes
        if allowed is None or size not in sizes or sizes.index(size) in allowed:
            return size
        return sizes[allowed[other]]

    def _chances(
        self, view: TextView, features: Mapping[str, float], task: str | None, familiarity: float
    ) -> tuple[float, ...]:
        """The estimator's chances as far as the text is familiar, for the rest the fallback's; shape (M,)."""
        if familiarity >= 1.0:
            return tuple(self.estimator.chances(view, features, task))
        if self.fallback is None:
            other = [0.0] * (len(self.rungs) - 1) + [1.0]
        else:
            other = self.fallback.chances(view, features, None)
        if familiarity <= 0.0:
            return tuple(other)
        p = self.estimator.chances(view, features, task)
        return tuple([b + familiarity * (a - b) for a, b in zip(p, other, strict=True)])

    def _costs(self, features: Mapping[str, float], task: str | None, familiarity: float) -> tuple[float, ...]:
        """The expected costs as far as the text is familiar, for the rest each size's mean cost; shape (M,)."""
        cost = None if self.costs is None or familiarity <= 0.0 else self.costs.cost(features, task)
        if cost is not None and familiarity >= 1.0:
            return cost
        mean = tuple([r.cost for r in self.rungs])
        return mean if cost is None else tuple([b + familiarity * (a - b) for a, b in zip(cost, mean, strict=True)])

    @classmethod
    def seed(cls, sizes: tuple[str, ...] = ("4B", "7B", "14B")) -> RoutingPolicy:
        """Return a policy for a start, before any outcome is known: it takes long and mathematical texts to be harder.

        Its weights are guesses, and its verdict says "not measured". Embedding requests go to the smallest size, simple
        queries to the next one and complex ones to the largest.
        """
        return cls(
            name="seed",
            rungs=tuple(Rung(size=s, cost=c) for s, c in zip(sizes, costs_of_thumb(len(sizes)), strict=True)),
            estimator=rules_of_thumb(len(sizes)),
            cost_weight=COST_WEIGHT,
            default_size=sizes[-1],
            embedding_size=sizes[0],
        )

    @property
    def cascades(self) -> bool:
        """Whether the policy may go on to a larger size after an answer."""
        return bool(self.looks)

    def save(self, path: str | Path) -> Path:
        """Write the policy as JSON, whole or not at all; returns the path."""
        return FILE.write(path, self._content())

    @classmethod
    def load(cls, path: str | Path) -> RoutingPolicy:
        """Read a policy file.

        Raises:
            PolicyError: no such file, no JSON, another schema version, a damaged checksum, or inconsistent content.
        """
        return read(path, cls)

    @property
    def checksum(self) -> str:
        """SHA-256 over the content, which names this version of the policy."""
        return checksum({"schema_version": FILE.schema_version, **self._content()})

    def _content(self) -> dict[str, Any]:
        return content_of({f.name: getattr(self, f.name) for f in fields(self)})


def size_label(index: int, n_sizes: int) -> str:
    """Return the label of a query that the size at an index takes.

    The largest size's queries are "complex", the smallest's of three or more sizes "trivial", all others "simple".
    """
    if index == n_sizes - 1 and n_sizes > 1:
        return "complex"
    return "trivial" if index == 0 and n_sizes > 2 else "simple"

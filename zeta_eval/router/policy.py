"""The policy: how to choose a size for a query. Frozen and validated; standard library only.

For a query q and each size m the policy gives a chance of success p_m(q) and an expected cost c_m(q). The size is
argmax_m p_m(q) - cost_weight * c_m(q); ties go to the cheaper size. Costs are shares of the largest size's mean cost,
so that a cost weight means the same on every machine: the accuracy given up to save one call of the largest size.

p_m = sigmoid(slope_m * (ability_m - d(q))), the two-parameter logistic model of item response theory (Birnbaum 1968):
a size has an ability, a query a difficulty d(q), which is a weighted sum of named text features. This estimator is the
heuristic. A policy may hold a fitted estimator beside it, which decides for familiar queries. The less familiar a query
is, the more the heuristic decides, then each size's mean, and in the end the largest size (`zeta_eval.router.domain`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

from zeta_eval.exceptions import PolicyError
from zeta_eval.router.cascade import LOGPROBS, Look
from zeta_eval.router.checked_file import checksum
from zeta_eval.router.complexity import FEATURES, Complexity, TextView, extract, has_signal, is_embedding_request
from zeta_eval.router.decision import checked_cost_weight
from zeta_eval.router.domain import Domain
from zeta_eval.router.estimators import Estimator
from zeta_eval.router.estimators.linear import CostModel, logit, sigmoid
from zeta_eval.router.policy_file import FILE, Rung, Verdict, content_of, parts_of
from zeta_eval.router.signals import SIGNALS

__all__ = ["Estimate", "RoutingPolicy", "Rung", "Verdict", "band_label"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """Chance of success and expected cost of every size for one query."""

    complexity: Complexity
    """Difficulty, label and features of the query."""
    p: tuple[float, ...]
    """Chance of success per size, cheapest size first, in [0, 1]."""
    cost: tuple[float, ...]
    """Expected cost per size, as shares of the largest size's mean cost."""
    familiarity: float
    """How like the tuning queries this query is, in [0, 1]; 1 where the policy does not say what it was tuned on."""
    forced: str | None
    """The size that a rule demands (embedding request, no signal), or None where the utility decides."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RoutingPolicy:
    """How to choose a size for a query: the content of a policy file.

    `zeta_eval.tune` makes a policy from outcomes; `seed` gives one that was not tuned on anything.

    >>> policy = RoutingPolicy.seed()
    >>> policy.sizes, policy.verdict.status
    (('4B', '7B', '14B'), 'not measured')
    >>> [round(p, 2) for p in policy.estimate("What is the capital of France?").p]
    [0.0, 0.87, 0.88]
    """

    name: str
    """Name of the policy."""
    rungs: tuple[Rung, ...]
    """The sizes, cheapest first."""
    weights: Mapping[str, float]
    """Weight of each feature in the difficulty, by feature name, in order of summation."""
    bias: float
    """Difficulty of a query whose features are all zero."""
    cost_weight: float
    """Accuracy given up to save one call of the largest size; >= 0."""
    cut_points: tuple[float, ...]
    """Difficulties that best divide the sizes at the tuned cost weight, one fewer than sizes, ascending; -inf or inf
    where a size would get no query. They name the band in `Complexity.label`; the utility decides the size."""
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
    learned: Estimator | None = None
    """The estimator beside the heuristic; None leaves the choice to the heuristic alone."""
    looks: tuple[Look, ...] = ()
    """How the signals of answers change the chances; empty where going on after an answer did not pay."""
    domain: Domain | None = None
    """What the policy was tuned on; None takes every query to be familiar."""
    verdict: Verdict = field(default_factory=Verdict)
    """Whether routing was shown to pay on held-out queries."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Seeds, counts, hashes and versions from which the policy was made."""

    def __post_init__(self) -> None:
        sizes = [r.size for r in self.rungs]
        if not sizes or len(set(sizes)) < len(sizes):
            raise PolicyError(f"A policy needs at least one size and each once, got {sizes}; tune the policy again.")
        if self.default_size not in sizes:
            raise PolicyError(
                f"The default size '{self.default_size}' is none of {', '.join(sizes)}; name one of them."
            )
        if not isinstance(self.embedding_size, str | None):
            raise PolicyError(f"The embedding size is {self.embedding_size!r}; give a size's name or null.")
        if len(self.cut_points) != len(sizes) - 1:
            raise PolicyError(f"{len(sizes)} sizes need {len(sizes) - 1} cut points, got {len(self.cut_points)}.")
        self._check_numbers()
        self._check_models(len(sizes))
        self._check_looks(sizes)

    def _check_numbers(self) -> None:
        if not all(math.isfinite(w) for w in (*self.weights.values(), self.bias)):
            raise PolicyError("A feature weight is not finite; tune the policy again.")
        checked_cost_weight(self.cost_weight, PolicyError)
        if not (math.isfinite(self.unit_cost) and self.unit_cost > 0):
            raise PolicyError(f"The unit cost is {self.unit_cost}; give a finite cost above zero.")
        if any(not a <= b for a, b in pairwise((*self.cut_points, math.inf))):
            raise PolicyError(f"The cut points {self.cut_points} do not ascend; tune the policy again.")

    def _check_models(self, n: int) -> None:
        lengths, names = [] if self.domain is None else [len(self.domain.base)], set(self.weights)
        if self.costs is not None:
            lengths += [len(self.costs.log_cost.bias), len(self.costs.low), len(self.costs.high)]
            names |= set(self.costs.log_cost.weights)
        if self.learned is not None:
            lengths.append(len(self.learned.base))
            names |= set(self.learned.linear.weights)
        if any(length != n for length in lengths):
            raise PolicyError(f"A model of the policy does not fit its {n} sizes; tune the policy again.")
        if unknown := names - set(FEATURES):
            raise PolicyError(
                f"Feature '{min(unknown)}' is not registered here; import the module that defines it, or tune again."
            )

    def _check_looks(self, sizes: list[str]) -> None:
        if unknown := {s for look in self.looks for s in (*look.ran, *(p.size for p in look.posteriors))} - set(sizes):
            raise PolicyError(f"A look names size '{min(unknown)}', which the policy lacks; tune it again.")
        for look in self.looks:
            known = {*SIGNALS, *LOGPROBS, *(f"agree {s}" for s in look.ran[:-1])}
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

    def difficulty(self, features: Mapping[str, float]) -> float:
        """Return the weighted sum of features, in the order of `weights`."""
        d = self.bias
        for name, weight in self.weights.items():
            d += weight * features[name]
        return d

    def complexity(self, text: str) -> Complexity:
        """Return the difficulty of a text, with the label of the band of cut points that it falls into."""
        return self._complexity(text, extract(text))

    def _complexity(self, text: str, features: Mapping[str, float]) -> Complexity:
        d = self.difficulty(features)
        return Complexity(score=d, label=self._label(text, d), features={n: features[n] for n in self.weights})

    def _label(self, text: str, d: float) -> str:
        if not has_signal(text):
            return "unknown"
        if is_embedding_request(text):
            return "embedding"
        return band_label(sum(d > cut for cut in self.cut_points), len(self.rungs))

    def estimate(self, text: str, task: str | None = None) -> Estimate:
        """Return the chance of success and the expected cost of every size for a text, of a task where it is known."""
        view = TextView.of(text)
        features = extract(view)
        complexity = self._complexity(text, features)
        familiarity = 1.0 if self.domain is None else self.domain.familiarity(view.vocabulary, task)
        logits = [r.slope * (r.ability - complexity.score) for r in self.rungs]
        if self.learned is not None:
            learned = self.learned.logits(text, features, task)
            logits = [h + familiarity * (z - h) for z, h in zip(learned, logits, strict=True)]
        if self.domain is not None:
            logits = [b + familiarity * (z - b) for z, b in zip(logits, self.domain.base, strict=True)]
        return Estimate(
            complexity=complexity,
            p=tuple(map(sigmoid, logits)),
            cost=self.costs.cost(features, task) if self.costs is not None else tuple(r.cost for r in self.rungs),
            familiarity=familiarity,
            forced={"unknown": self.default_size, "embedding": self.embedding_size or self.sizes[0]}.get(
                complexity.label
            ),
        )

    @classmethod
    def seed(cls, sizes: tuple[str, ...] = ("4B", "7B", "14B")) -> RoutingPolicy:
        """Return a policy for a start, before any outcome is known: it takes long and mathematical texts to be harder.

        Its weights are guesses, and its verdict says "not measured". Embedding requests go to the smallest size, simple
        queries to the next one and complex ones to the largest.
        """
        weights = {"cue_code": 0.5, "cue_mathematics": 0.6, "cue_reasoning": 1.0, "latex": 0.4, "words": 0.35}
        n, cost_weight = len(sizes), 0.5
        cost = [1.0 if n == 1 else 0.3 + 0.7 * i / (n - 1) for i in range(n)]
        # The largest size is taken to be right nearly always, the one before it up to a difficulty of about zero.
        abilities, slopes = [-10.0] * (n - 2) + [0.0] * (n > 1) + [100.0], [1.0] * (n - 2) + [2.0] * (n > 1) + [0.02]
        if n > 1:
            abilities[-2] = logit(sigmoid(2.0) - cost_weight * (cost[-1] - cost[-2])) / 2.0
        return cls(
            name="seed",
            rungs=tuple(
                Rung(size=s, ability=a, slope=b, cost=c)
                for s, a, b, c in zip(sizes, abilities, slopes, cost, strict=True)
            ),
            weights=weights,
            bias=-1.2,
            cost_weight=cost_weight,
            cut_points=(-math.inf,) * max(0, n - 2) + (0.0,) * min(1, n - 1),
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
        return cls(**parts_of(path))

    @property
    def checksum(self) -> str:
        """SHA-256 over the content, which names this version of the policy."""
        return checksum({"schema_version": FILE.schema_version, **self._content()})

    def _content(self) -> dict[str, Any]:
        return content_of({f.name: getattr(self, f.name) for f in fields(self)})


def band_label(band: int, n_sizes: int) -> str:
    """Return the label of a band: the last is "complex", the first of three or more "trivial", others "simple"."""
    if band == n_sizes - 1 and n_sizes > 1:
        return "complex"
    return "trivial" if band == 0 and n_sizes > 2 else "simple"

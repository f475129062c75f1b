"""The estimator "knn": log-odds of success by the most similar queries of the tuning table. Standard library only."""

import math
from dataclasses import dataclass
from functools import cached_property
from heapq import nlargest
from operator import mul

from zeta_eval.exceptions import PolicyError
from zeta_eval.router.estimators.base import estimator
from zeta_eval.router.estimators.embedder import VectorEstimator
from zeta_eval.router.estimators.linear import logit, sigmoid
from zeta_eval.router.estimators.tables import in_rows, numbers, octets

TIE = 1e-9
"""Similarities that differ by less are equal: sums in another order must find the same neighbours."""


@estimator("knn")
@dataclass(frozen=True, kw_only=True)
class Neighbours(VectorEstimator):
    """Log-odds of success per size from the scores of the nearest tuning queries, features and task.

    `table` holds the unit vectors of the references, the N tuning queries that may be neighbours.
    """

    score_table: str
    """Base64 of the references' scores, N rows of M bytes: 255 is a success."""
    k: int
    """Number of nearest references that count, in [1, N]; those as near as the last one count too."""
    temperature: float
    """Drop of similarity at which a neighbour counts 1/e of the nearest one; at least 0.001."""
    prior: float
    """Number of neighbours that `base` counts as; > 0."""
    far: float
    """Similarity to the nearest reference up to which neighbours are ignored."""
    near: float
    """Similarity to the nearest reference from which neighbours count in full; > far."""
    weight: float
    """Factor on the difference between the neighbours' log-odds and `base`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not all(map(math.isfinite, (self.temperature, self.prior, self.far, self.near, self.weight))):
            raise PolicyError("The nearest neighbours have a number that is not finite; tune the policy again.")
        if self.temperature < 1e-3 or self.prior <= 0 or not self.far < self.near:
            raise PolicyError("The nearest neighbours have a number that is out of its range; tune the policy again.")
        if len(self.references) != len(self.scores) or {len(r) for r in self.references} != {self.embedder.dimension}:
            raise PolicyError("The tables of the nearest neighbours have a wrong length; export the policy again.")
        if not 1 <= self.k <= len(self.scores):
            raise PolicyError(f"{self.k} neighbours of {len(self.scores)} references are none; tune the policy again.")

    @cached_property
    def references(self) -> list[tuple[float, ...]]:
        """Unit vectors of the references, N rows of D."""
        return in_rows(numbers(self.table), self.embedder.dimension)

    @cached_property
    def scores(self) -> list[tuple[float, ...]]:
        """Scores of the references in [0, 1], N rows of M."""
        return in_rows(tuple(x / 255 for x in octets(self.score_table)), len(self.base))

    def share(self, nearest: float) -> float:
        """Share of the neighbours' word that counts where the nearest has this similarity, in [0, 1]."""
        return min(1.0, max(0.0, (nearest - self.far) / (self.near - self.far)))

    def added(self, text: str) -> list[float]:
        """What the nearest references add to each size's log-odds, shape (M,)."""
        (vector,) = self.embedder.vectors([text])
        similar = [sum(map(mul, row, vector)) for row in self.references]
        top = nlargest(self.k, similar)
        near = [
            (math.exp((s - top[0]) / self.temperature), y)
            for s, y in zip(similar, self.scores, strict=True)
            if s >= top[-1] - TIE
        ]
        total, factor = sum(w for w, _ in near) + self.prior, self.weight * self.share(top[0])
        found = []
        for m, b in enumerate(self.base):
            rate = (sum(w * y[m] for w, y in near) + self.prior * sigmoid(b)) / total
            found.append(factor * (logit(rate) - b))
        return found

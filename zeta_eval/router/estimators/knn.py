"""The estimator "knn": chances by the most similar queries of the tuning table. Standard library only."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import nlargest
from operator import mul
from typing import Any, Self

from zeta_eval.exceptions import PolicyError
from zeta_eval.router.estimators.base import estimator
from zeta_eval.router.estimators.embedder import VectorEstimator
from zeta_eval.router.estimators.tables import finite, in_rows, numbers, octets

TIE = 1e-9
"""Similarities that differ by less are equal: sums in another order must find the same neighbours."""


@estimator("knn")
@dataclass(frozen=True, kw_only=True)
class Neighbours(VectorEstimator):
    """The estimator "learned", with the mean scores of the nearest tuning queries.

    `table` holds the unit vectors of the references, the N tuning queries that may be neighbours.
    """

    score_table: str
    """Base64 of the references' scores, N rows of M bytes: 255 is a success."""
    mean: tuple[float, ...]
    """Mean score of each size over all tuning queries, shape (M,)."""
    k: int
    """Number of nearest references that count, in [1, N]; those as near as the last one count too."""
    temperature: float
    """Drop of similarity at which a neighbour counts 1/e of the nearest one; at least 0.001."""
    prior: float
    """Number of neighbours that `mean` counts as; > 0."""
    far: float
    """Similarity to the nearest reference up to which neighbours are ignored."""
    near: float
    """Similarity to the nearest reference from which neighbours count in full; > far."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not finite(*self.mean, self.temperature, self.prior, self.far, self.near):
            raise PolicyError("The nearest neighbours have a number that is not finite; tune the policy again.")
        if self.temperature < 1e-3 or self.prior <= 0 or not self.far < self.near:
            raise PolicyError("The nearest neighbours have a number that is out of its range; tune the policy again.")
        widths = {len(r) for r in self.references}, {len(r) for r in self.scores}
        if len(self.references) != len(self.scores) or widths != ({self.embedder.dimension}, {self.n_sizes}):
            raise PolicyError("The tables of the nearest neighbours have a wrong length; export the policy again.")
        if len(self.mean) != self.n_sizes:
            raise PolicyError("The mean scores are for another number of sizes; export the policy again.")
        if not 1 <= self.k <= len(self.scores):
            raise PolicyError(f"{self.k} neighbours of {len(self.scores)} references are none; tune the policy again.")

    @cached_property
    def references(self) -> list[tuple[float, ...]]:
        """Unit vectors of the references, N rows of D."""
        return in_rows(numbers(self.table), self.embedder.dimension)

    @cached_property
    def scores(self) -> list[tuple[float, ...]]:
        """Scores of the references in [0, 1], N rows of M."""
        return in_rows(tuple(x / 255 for x in octets(self.score_table)), self.n_sizes)

    def like(self, nearest: float) -> float:
        """Share of the neighbours' word that counts where the nearest has this similarity, in [0, 1]."""
        return min(1.0, max(0.0, (nearest - self.far) / (self.near - self.far)))

    def told(self, vector: Sequence[float]) -> list[float]:
        """Return each size's chance of success, shape (M,), by a text's vector alone."""
        similar = [sum(map(mul, row, vector)) for row in self.references]
        top = nlargest(self.k, similar)
        near = [
            (math.exp((s - top[0]) / self.temperature), y)
            for s, y in zip(similar, self.scores, strict=True)
            if s >= top[-1] - TIE
        ]
        total, like = sum(w for w, _ in near) + self.prior, self.like(top[0])
        means = ((sum(w * y[m] for w, y in near) + self.prior * b) / total for m, b in enumerate(self.mean))
        return [b + like * (x - b) for b, x in zip(self.mean, means, strict=True)]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Read from JSON values."""
        return super().of({**data, "mean": tuple(data["mean"])})

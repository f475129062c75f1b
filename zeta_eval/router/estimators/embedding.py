"""The estimator "embedding": chances that are linear in a query's vector. Standard library only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import mul
from typing import Any, Self

from zeta_eval.exceptions import PolicyError
from zeta_eval.router.estimators.base import estimator
from zeta_eval.router.estimators.embedder import VectorEstimator
from zeta_eval.router.estimators.tables import finite, numbers


@estimator("embedding")
@dataclass(frozen=True, kw_only=True)
class Embedded(VectorEstimator):
    """The estimator "learned", with chances that are linear in the text's vector.

    `table` holds the weights of the vector: D rows of M.
    """

    constant: tuple[float, ...]
    """Chance of each size at a vector of zeros, shape (M,)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.weights) != self.embedder.dimension * self.n_sizes:
            raise PolicyError("The table of embedding weights has a wrong length; export the policy again.")
        if len(self.constant) != self.n_sizes or not finite(*self.constant):
            raise PolicyError("The vector needs a finite constant for each size; export the policy again.")

    @cached_property
    def weights(self) -> tuple[float, ...]:
        """The weights of the vector, D rows of M."""
        return numbers(self.table)

    def told(self, vector: Sequence[float]) -> list[float]:
        """Return each size's chance of success, shape (M,), by a text's vector alone."""
        m = self.n_sizes
        return [c + sum(map(mul, self.weights[i::m], vector)) for i, c in enumerate(self.constant)]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Read from JSON values."""
        return super().of({**data, "constant": tuple(data["constant"])})

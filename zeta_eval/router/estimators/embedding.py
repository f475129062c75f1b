"""The estimator "embedding": log-odds of success, linear in a query's vector. Standard library only."""

from dataclasses import dataclass
from functools import cached_property
from operator import mul

from zeta_eval.exceptions import PolicyError
from zeta_eval.router.estimators.base import estimator
from zeta_eval.router.estimators.embedder import VectorEstimator
from zeta_eval.router.estimators.tables import numbers


@estimator("embedding")
@dataclass(frozen=True, kw_only=True)
class Embedded(VectorEstimator):
    """Log-odds of success per size, linear in features, the text's vector and, where it is given, the task's name.

    `table` holds the weights of the vector: D rows of M.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.weights) != self.embedder.dimension * len(self.base):
            raise PolicyError("The table of embedding weights has a wrong length; export the policy again.")

    @cached_property
    def weights(self) -> tuple[float, ...]:
        """The weights of the vector, D rows of M."""
        return numbers(self.table)

    def added(self, text: str) -> list[float]:
        """What a text's vector adds to each size's log-odds, shape (M,)."""
        (vector,), m = self.embedder.vectors([text]), len(self.base)
        return [sum(map(mul, self.weights[i::m], vector)) for i in range(m)]

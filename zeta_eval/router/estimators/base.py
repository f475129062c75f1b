"""What every estimator has in common, and the registry of estimators. Standard library only.

An estimator gives every size's chance of success for a query. Its class stands in a file of this folder and carries
`@estimator("name")`. `zeta_eval.tuning.estimators` says how one is fitted.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self, TypeVar

from zeta_eval.exceptions import PolicyError
from zeta_eval.router.estimators.linear import Linear


@dataclass(frozen=True, kw_only=True)
class Estimator(ABC):
    """Gives every size's log-odds of success: a base, plus what the features add, plus what the text itself adds."""

    base: tuple[float, ...]
    """Log-odds of each size over all tuning queries, shape (M,)."""
    linear: Linear
    """What features and the task's name add."""
    needs_embedder: ClassVar[bool] = False
    """Whether texts must first be turned into vectors by a sentence-transformers model."""

    def __post_init__(self) -> None:
        if not all(isinstance(x, int | float) and math.isfinite(x) for x in self.base):
            raise PolicyError("The estimator has a number that is not finite; tune the policy again.")
        if len(self.base) != len(self.linear.bias):
            raise PolicyError("The parts of the estimator differ in their number of sizes; export the policy again.")

    @abstractmethod
    def added(self, text: str) -> list[float]:
        """What the text itself adds to each size's log-odds, shape (M,)."""

    def logits(self, text: str, features: Mapping[str, float], task: str | None) -> list[float]:
        """Log-odds of success of each size, shape (M,)."""
        parts = zip(self.base, self.linear.values(features, task), self.added(text), strict=True)
        return [b + x + a for b, x, a in parts]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Read from JSON values; a class with parts that are no plain values reads these first."""
        return cls(**{**data, "base": tuple(data["base"]), "linear": Linear.of(data["linear"])})


ESTIMATORS: dict[str, type[Estimator]] = {}
"""Every estimator's class by its name, which is also its `kind` in a policy file."""

_E = TypeVar("_E", bound=type[Estimator])


def estimator(name: str) -> Callable[[_E], _E]:
    """Register an estimator's class under a name."""

    def register(made: _E) -> _E:
        ESTIMATORS[name] = made
        return made

    return register


def estimator_choices() -> tuple[str, ...]:
    """What `--estimator` may be: an estimator's name, "heuristic" for none beside it, "auto" for the best."""
    return tuple(sorted(("auto", "heuristic", *ESTIMATORS)))


def needs_embedder(name: str) -> bool:
    """Whether an estimator reads vectors; the heuristic does not."""
    return name in ESTIMATORS and ESTIMATORS[name].needs_embedder


def estimator_to_dict(made: Estimator) -> dict[str, Any]:
    """An estimator as JSON values, with its kind."""
    return {"kind": next(kind for kind, known in ESTIMATORS.items() if type(made) is known)} | asdict(made)


def estimator_of(data: Mapping[str, Any]) -> Estimator:
    """Read an estimator from JSON values; one without a kind is "learned"."""
    if (kind := data.get("kind", "learned")) not in ESTIMATORS:
        known = ", ".join(sorted(ESTIMATORS))
        raise PolicyError(f"The policy's estimator is of kind {kind!r}, not one of {known}; tune the policy again.")
    return ESTIMATORS[kind].of({k: v for k, v in data.items() if k != "kind"})

"""What every estimator has in common, and the registry of estimators. Standard library only.

An estimator gives every size's chance of success for a query. Its class stands in a file of this folder and carries
`@estimator("name")`. `zeta_eval.tuning.estimators` says how one is fitted.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

from zeta_eval.exceptions import PolicyError
from zeta_eval.router.complexity.view import TextView


class Share(NamedTuple):
    """What one feature of a text does to an estimate."""

    raises: float
    """By how much it raises the chance that the smallest size fails, against an average query."""
    above: bool
    """Whether the text has more of the feature than an average query."""


@dataclass(frozen=True, kw_only=True)
class Estimator(ABC):
    """Gives the chance that each of M sizes answers a query right."""

    needs_embedder: ClassVar[bool] = False
    """Whether texts must first be turned into vectors by a sentence-transformers model."""
    tuned: ClassVar[bool] = True
    """Whether outcomes make it, so that `--estimator` may name it."""

    @property
    @abstractmethod
    def n_sizes(self) -> int:
        """Number of sizes M."""

    @property
    @abstractmethod
    def features(self) -> tuple[str, ...]:
        """Names of the text features that it reads."""

    @abstractmethod
    def chances(self, view: TextView, features: Mapping[str, float], task: str | None) -> list[float]:
        """Return each size's chance of success, shape (M,), in [0, 1], of a text whose features are given by name.

        `task` is the name of the query's task, where it is known.
        """

    @abstractmethod
    def shares(self, features: Mapping[str, float]) -> dict[str, Share]:
        """Return what each feature of a text does to the estimate of the smallest size, by name."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Read from JSON values; a class with parts that are no plain values reads these first."""
        return cls(**data)


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
    """What `--estimator` may be: an estimator's name, or "auto" for the best."""
    return tuple(sorted(("auto", *(name for name, known in ESTIMATORS.items() if known.tuned))))


def needs_embedder(name: str) -> bool:
    """Whether an estimator reads vectors."""
    return name in ESTIMATORS and ESTIMATORS[name].needs_embedder


def estimator_to_dict(made: Estimator) -> dict[str, Any]:
    """An estimator as JSON values, with its kind."""
    return {"kind": next(kind for kind, known in ESTIMATORS.items() if type(made) is known)} | asdict(made)


def estimator_of(data: Mapping[str, Any]) -> Estimator:
    """Read an estimator from JSON values."""
    if (kind := data["kind"]) not in ESTIMATORS:
        known = ", ".join(sorted(ESTIMATORS))
        raise PolicyError(f"The policy's estimator is of kind {kind!r}, not one of {known}; tune the policy again.")
    return ESTIMATORS[kind].of({k: v for k, v in data.items() if k != "kind"})

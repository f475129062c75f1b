"""The estimators "heuristic" and "learned": chances by named features of the text, and by its words too.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from zeta_eval.exceptions import PolicyError
from zeta_eval.router.complexity.view import TextView
from zeta_eval.router.estimators.base import Estimator, Share, estimator
from zeta_eval.router.estimators.forest import Forest
from zeta_eval.router.estimators.tables import finite
from zeta_eval.router.estimators.tasks import TaskOffsets
from zeta_eval.router.estimators.words import Words

LEAST = 0.001
"""Least chance of success and of failure that is ever told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """Stretches the mean of a query's chances over the sizes, and leaves their differences as they are.

    Fits that hold themselves back tell queries apart too little; what a choice depends on, the differences, stays.
    """

    mean: float
    """Mean chance over all queries and sizes."""
    stretch: float
    """Factor on the distance to it; > 0."""

    def __post_init__(self) -> None:
        if not finite(self.mean, self.stretch) or not self.stretch > 0:
            raise PolicyError("The level of the estimator is no stretch; tune the policy again.")


@estimator("heuristic")
@dataclass(frozen=True, kw_only=True)
class Heuristic(Estimator):
    """Chances of M sizes by a forest on the features of a text."""

    forest: Forest
    """Gives a chance for each size."""
    usual: Mapping[str, float]
    """Mean of each feature that the forest reads, over the queries that it was fitted to."""
    level: Level
    """Stretches the chances of easy and hard queries apart."""
    tasks: TaskOffsets
    """What is added to the chances where the caller names a task."""

    def __post_init__(self) -> None:
        self.tasks.check(self.n_sizes)
        if set(self.usual) != set(self.forest.features) or not finite(*self.usual.values()):
            raise PolicyError("The means of the features do not fit the forest; export the policy again.")

    @property
    def n_sizes(self) -> int:
        """Number of sizes M."""
        return self.forest.n_values

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the text features that it reads."""
        return self.forest.features

    def mixed(self, p: list[float], view: TextView) -> list[float]:
        """Return the forest's chances, shape (M,), mixed with what else is read of the text: here nothing."""
        return p

    def chances(self, view: TextView, features: Mapping[str, float], task: str | None) -> list[float]:
        """Return each size's chance of success, shape (M,)."""
        p = self.mixed(self.forest.mean(features), view)
        more = (self.level.stretch - 1.0) * (sum(p) / len(p) - self.level.mean)
        return [min(max(x, LEAST), 1.0 - LEAST) for x in self.tasks.added([x + more for x in p], task)]

    def shares(self, features: Mapping[str, float]) -> dict[str, Share]:
        """Return what each feature of a text does to the forest's chance of the smallest size, by name."""
        usual = self.usual
        return {n: Share(-share, features[n] > usual[n]) for n, share in self.forest.shares(features, 0).items()}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Read from JSON values."""
        parts = {"forest": Forest.of(data["forest"]), "level": Level(**data["level"])}
        return cls(**{**data, **parts, "tasks": TaskOffsets.of(data["tasks"])})


@estimator("learned")
@dataclass(frozen=True, kw_only=True)
class Learned(Heuristic):
    """Chances of M sizes by the forest and by the words of the text."""

    words: Words
    """Gives a chance for each size, too."""
    weight: float
    """How much the words count, in [0, 1]; the forest counts the rest."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (finite(self.weight) and 0 <= self.weight <= 1) or self.words.n_sizes != self.n_sizes:
            raise PolicyError("The words do not fit the forest; export the policy again.")

    def mixed(self, p: list[float], view: TextView) -> list[float]:
        """Return the forest's chances, shape (M,), mixed with those of the words."""
        w = self.weight
        return [a + w * (b - a) for a, b in zip(p, self.words.values(view.tokens), strict=True)]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Read from JSON values."""
        words = data["words"]
        return super().of({**data, "words": Words(**{**words, "constant": tuple(words["constant"])})})

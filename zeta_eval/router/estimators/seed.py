"""The estimator "seed": rules of thumb for a start, before any outcome is known. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from zeta_eval.exceptions import PolicyError
from zeta_eval.router.complexity.view import TextView
from zeta_eval.router.estimators.base import Estimator, Share, estimator
from zeta_eval.router.estimators.tables import finite, sigmoid

USUAL = {"words": math.log1p(11)}
"""Usual values of features that every text has."""


@estimator("seed")
@dataclass(frozen=True, kw_only=True)
class Seed(Estimator):
    """p_m = sigmoid(slope_m * (ability_m - d)): the two-parameter logistic model of item response theory.

    A size has an ability, a query a difficulty d, which is a weighted sum of text features (Birnbaum 1968).
    """

    weights: Mapping[str, float]
    """Weight of each feature in the difficulty, by feature name, in order of summation."""
    bias: float
    """Difficulty of a query whose features are all zero."""
    ability: tuple[float, ...]
    """Difficulty that each size masters with probability one half, shape (M,)."""
    slope: tuple[float, ...]
    """How sharply success falls around the ability, shape (M,); > 0."""
    tuned: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not finite(*self.weights.values(), self.bias, *self.ability, *self.slope):
            raise PolicyError("The rules of thumb have a number that is not finite; tune the policy again.")
        if len(self.ability) != len(self.slope) or not all(s > 0 for s in self.slope):
            raise PolicyError("Every size needs an ability and a slope above zero; tune the policy again.")

    @property
    def n_sizes(self) -> int:
        """Number of sizes M."""
        return len(self.ability)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the text features that it reads."""
        return tuple(self.weights)

    def difficulty(self, features: Mapping[str, float]) -> float:
        """Return the weighted sum of features, in the order of `weights`."""
        d = self.bias
        for name, weight in self.weights.items():
            d += weight * features[name]
        return d

    def chances(self, view: TextView, features: Mapping[str, float], task: str | None) -> list[float]:
        """Return each size's chance of success, shape (M,)."""
        d = self.difficulty(features)
        return [sigmoid(s * (a - d)) for a, s in zip(self.ability, self.slope, strict=True)]

    def shares(self, features: Mapping[str, float]) -> dict[str, Share]:
        """Return what each feature adds to the usual text's difficulty, by name; that has no feature but words."""
        more = {name: features[name] - USUAL.get(name, 0.0) for name in self.weights}
        return {name: Share(self.weights[name] * x, x > 0.0) for name, x in more.items()}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Read from JSON values."""
        return cls(**{**data, "ability": tuple(data["ability"]), "slope": tuple(data["slope"])})

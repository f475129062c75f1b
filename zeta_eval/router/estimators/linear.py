"""Linear models of text features, with one output for each size: log-odds of success, or the logarithm of the cost.

M is the number of sizes, cheapest first. Weights are plain numbers from a policy file. Standard library only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from operator import mul
from typing import Any

from zeta_eval.exceptions import PolicyError


def sigmoid(x: float) -> float:
    """Logistic function, safe for any finite x."""
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)


def logit(p: float) -> float:
    """Inverse of `sigmoid`, with p held within [1e-6, 1 - 1e-6]."""
    p = min(max(p, 1e-6), 1.0 - 1e-6)
    return math.log(p / (1.0 - p))


@dataclass(frozen=True, kw_only=True)
class Linear:
    """A linear model per size on named features, with an offset per known task."""

    bias: tuple[float, ...]
    """Value where every feature is zero, shape (M,)."""
    weights: Mapping[str, tuple[float, ...]]
    """By feature, one weight per size."""
    tasks: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """By task name, what to add per size; a task that is not named or not known adds nothing."""

    def __post_init__(self) -> None:
        rows = [self.bias, *self.weights.values(), *self.tasks.values()]
        if any(len(row) != len(self.bias) for row in rows) or not all(math.isfinite(x) for row in rows for x in row):
            raise PolicyError("A linear model has a wrong number of weights or one that is not finite; tune again.")

    def values(self, features: Mapping[str, float], task: str | None) -> list[float]:
        """One value per size, shape (M,)."""
        x = [features[name] for name in self.weights]
        total = [b + sum(map(mul, x, column)) for b, column in zip(self.bias, self._columns, strict=True)]
        if task is not None and (offset := self.tasks.get(task)) is not None:
            total = [t + o for t, o in zip(total, offset, strict=True)]
        return total

    @cached_property
    def _columns(self) -> list[tuple[float, ...]]:
        """Weights per size, each in the order of `weights`."""
        return [tuple(row[m] for row in self.weights.values()) for m in range(len(self.bias))]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Linear:
        """Read from JSON values."""
        return cls(
            bias=tuple(data["bias"]),
            weights={k: tuple(v) for k, v in data["weights"].items()},
            tasks={k: tuple(v) for k, v in data["tasks"].items()},
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class CostModel:
    """Expected cost of every size: exp of a linear model, held within the range of costs it was fitted on."""

    log_cost: Linear
    """Natural logarithm of the cost, as a share of the largest size's mean cost."""
    low: tuple[float, ...]
    """Smallest cost per size, shape (M,), >= 0."""
    high: tuple[float, ...]
    """Largest cost per size, shape (M,)."""

    def __post_init__(self) -> None:
        if not all(0 <= a <= b < math.inf for a, b in zip(self.low, self.high, strict=True)):
            raise PolicyError(f"The range of costs {self.low} to {self.high} is none; tune the policy again.")

    def cost(self, features: Mapping[str, float], task: str | None) -> tuple[float, ...]:
        """Expected cost per size, shape (M,)."""
        logs = self.log_cost.values(features, task)
        return tuple(min(max(math.exp(min(x, 50.0)), a), b) for x, a, b in zip(logs, self.low, self.high, strict=True))

"""What a query is expected to cost on every size. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from zeta_eval.exceptions import PolicyError
from zeta_eval.router.estimators.forest import Forest
from zeta_eval.router.estimators.tables import finite
from zeta_eval.router.estimators.tasks import TaskOffsets


@dataclass(frozen=True, kw_only=True, slots=True)
class CostModel:
    """Expected cost of every size: exp of a forest's numbers, held within the range of costs that it was fitted to."""

    log_cost: Forest
    """Natural logarithm of the cost, as a share of the largest size's mean cost: M numbers."""
    shift: tuple[float, ...]
    """What is added to the logarithms, shape (M,), so that the mean expected cost of each size is its mean cost."""
    tasks: TaskOffsets
    """What is added to the logarithms where the caller names a task."""
    low: tuple[float, ...]
    """Smallest cost per size, shape (M,), >= 0."""
    high: tuple[float, ...]
    """Largest cost per size, shape (M,)."""

    def __post_init__(self) -> None:
        if not finite(*self.high) or not all(0 <= a <= b for a, b in zip(self.low, self.high, strict=True)):
            raise PolicyError(f"The range of costs {self.low} to {self.high} is none; tune the policy again.")
        self.tasks.check(len(self.low))
        if not finite(*self.shift) or {len(self.low), self.log_cost.n_values} != {len(self.shift)}:
            raise PolicyError("The parts of the cost model do not fit each other; export the policy again.")

    def cost(self, features: Mapping[str, float], task: str | None) -> tuple[float, ...]:
        """Return the expected cost of a text on each size, shape (M,), whose features are given by name."""
        logs = self.tasks.added([x + s for x, s in zip(self.log_cost.mean(features), self.shift, strict=True)], task)
        return tuple(
            [min(max(math.exp(min(x, 50.0)), a), b) for x, a, b in zip(logs, self.low, self.high, strict=True)]
        )

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Read from JSON values."""
        parts = {"log_cost": Forest.of(data["log_cost"]), "tasks": TaskOffsets.of(data["tasks"])}
        return cls(**{**data, **parts} | {name: tuple(data[name]) for name in ("shift", "low", "high")})

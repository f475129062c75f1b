"""What is added to an estimate where the caller names the query's task. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import add
from typing import Any, Self

from zeta_eval.exceptions import PolicyError
from zeta_eval.router.estimators.tables import finite


@dataclass(frozen=True, kw_only=True)
class TaskOffsets:
    """What is added for each of M sizes where the caller names a task; a task that is not known adds nothing."""

    of_task: Mapping[str, tuple[float, ...]]
    """What is added, shape (M,), by the task's name."""

    def check(self, n_sizes: int) -> None:
        """Refuse numbers that are not finite or fit another number of sizes."""
        rows = self.of_task.values()
        if not finite(*(x for row in rows for x in row)) or any(len(row) != n_sizes for row in rows):
            raise PolicyError("A task has a wrong number of offsets or one that is not finite; tune the policy again.")

    def added(self, values: list[float], task: str | None) -> list[float]:
        """Return values, shape (M,), with what is added for a task."""
        if task is None or (offset := self.of_task.get(task)) is None:
            return values
        return [v + o for v, o in zip(values, offset, strict=True)]

    def moved(self, by: Sequence[float]) -> TaskOffsets:
        """The same with numbers, shape (M,), added for every task."""
        moved = {name: tuple(map(float, map(add, row, by))) for name, row in self.of_task.items()}
        return TaskOffsets(of_task=moved)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Read from JSON values."""
        return cls(of_task={name: tuple(row) for name, row in data["of_task"].items()})

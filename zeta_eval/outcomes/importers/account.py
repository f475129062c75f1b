"""What an import is told to take, and its account of what it took, left out and could not read."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from zeta_eval.exceptions import InvalidInputError, UnknownNameError

Epochs = Literal["mean", "first"]
"""What the epochs of a sample become: attempts, which count with their mean, or the first one alone."""
EPOCHS: Final[tuple[Epochs, ...]] = ("mean", "first")
"""The values of `Epochs`; the first is the default."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a user chose, by task; under "" for all tasks that have it."""

    scorer: Mapping[str, str] = field(default_factory=dict)
    """Scorer of logs that have several."""
    metric: Mapping[str, str] = field(default_factory=dict)
    """Metric of tasks that have several."""
    filter: Mapping[str, str] = field(default_factory=dict)
    """Filter of answers that were read in several ways."""
    epochs: Epochs = "mean"
    """What several epochs become."""
    scale: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Lowest and highest score, where that isn't 0 and 1."""

    def __post_init__(self) -> None:
        if self.epochs not in EPOCHS:
            raise UnknownNameError("way to take epochs", self.epochs, EPOCHS)

    def bounds(self, task: str) -> tuple[float, float]:
        """Lowest and highest score of a task."""
        return self.scale.get(task, self.scale.get("", (0.0, 1.0)))


@dataclass(kw_only=True, slots=True)
class Account:
    """Counts and notes that a reader makes while it reads."""

    wanted: Wanted = field(default_factory=Wanted)
    """What the user chose."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Rows left out, by reason."""
    odd: Counter[str] = field(default_factory=Counter)
    """Numbers left empty since they can't be those of their column, by column."""
    faults: dict[str, str] = field(default_factory=dict)
    """Files that can't be read, or not as a whole, and why."""
    notes: dict[str, list[str]] = field(default_factory=dict)
    """What was chosen, and for which tasks."""
    taken: set[tuple[str, str]] = field(default_factory=set)
    """(kind, name) of the user's choices that some task has."""
    offered: dict[str, set[str]] = field(default_factory=dict)
    """Names that the tasks have, by kind."""

    def fault(self, file: Path, why: str) -> None:
        """Note that a file can't be read, or not as a whole; the others of its folder still are."""
        self.faults[str(file)] = why

    def first_fault(self) -> str:
        """The first file that can't be read, and why."""
        return " ".join(next(iter(self.faults.items())))

    def note(self, task: str, what: str) -> None:
        """Note a choice for a task; tasks with the same one share a line."""
        tasks = self.notes.setdefault(what, [])
        if task not in tasks:
            tasks.append(task)

    def lines(self) -> list[str]:
        """The notes, one line per choice, then one line per file that can't be read."""
        lines = []
        for what, tasks in self.notes.items():
            named = ", ".join(tasks[:4]) + (f" and {len(tasks) - 4} more" if len(tasks) > 4 else "")
            lines.append(f"Task{'s' * (len(tasks) > 1)} {named}: {what}{'' if what.endswith('?') else '.'}")
        lines += [
            f"{n} values of {name} are no number or out of range, and left empty." for name, n in self.odd.items()
        ]
        return lines + [f"Not read: {file}: {why}." for file, why in self.faults.items()]

    def check_names(self) -> None:
        """Refuse a choice that no task has."""
        for kind in ("scorer", "metric", "filter"):
            for name in getattr(self.wanted, kind).values():
                if (kind, name) not in self.taken:
                    if not (known := self.offered.get(kind)):
                        raise InvalidInputError(f"This source has no {kind}s to choose from; leave out --{kind}.")
                    raise UnknownNameError(kind, name, known)


def by_task(value: str | Mapping[str, str] | None) -> Mapping[str, str]:
    """A choice as a mapping from tasks, with a single name for all of them under ""."""
    if value is None:
        return {}
    return {"": value} if isinstance(value, str) else dict(value)


def scales(value: str | Mapping[str, str] | None) -> Mapping[str, tuple[float, float]]:
    """Read scales as LOW:HIGH, by task.

    >>> scales("1:10")
    {'': (1.0, 10.0)}
    """
    return {task: _scale(text) for task, text in by_task(value).items()}


def _scale(text: str) -> tuple[float, float]:
    low, colon, high = text.partition(":")
    try:
        bounds = float(low), float(high)
    except ValueError:
        bounds = (0.0, 0.0)
    if not colon or not -float("inf") < bounds[0] < bounds[1] < float("inf"):
        raise InvalidInputError(f"The scale is '{text}'; give the lowest and the highest score, as in 0:100 or 1:10.")
    return bounds

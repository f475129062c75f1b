"""A table of a user's: its rows, and the names of its classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]
"""One row of a table, by column."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows as they were read, nothing recognised yet."""

    rows: Sequence[Row]
    """The rows, in their order."""
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By column whose numbers stand for classes, the classes' names."""

    @property
    def columns(self) -> list[str]:
        """Names of all columns, in the order in which rows bring them."""
        return list(dict.fromkeys(str(name) for row in self.rows for name in row))


def joined(tables: Sequence[Table]) -> Table:
    """The rows of several tables, one after the other."""
    classes = {name: names for table in tables for name, names in table.classes.items()}
    return Table(rows=[row for table in tables for row in table.rows], classes=classes)

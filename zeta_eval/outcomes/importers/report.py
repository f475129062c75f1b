"""The result of an import: the table, and the rows that were left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zeta_eval.outcomes.table import Outcomes


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportReport:
    """The imported table, with the number of source rows kept and left out."""

    outcomes: Outcomes
    """The table; unscored rows are in it, and counted by it."""
    n_rows: int
    """Rows of the source, one per query and model: those of the table and those skipped."""
    skipped: Mapping[str, int]
    """Rows left out, by reason, most frequent first."""

    def text(self) -> str:
        """The numbers of rows, the reasons for leaving some out, and the table's shape and costs, as plain text."""
        kept = len(self.outcomes.frame)
        lines = [f"Read {self.n_rows:,} rows, kept {kept:,}, skipped {self.n_rows - kept:,}."]
        lines += [f"{n:10,}  {reason}" for reason, n in self.skipped.items()]
        lines.append(repr(self.outcomes))
        costs = self.outcomes.cost_columns
        lines.append(f"Costs: {', '.join(costs)}" if costs else "Costs: none; give --cost NAME=VALUE for every model.")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.text()

    def to_dict(self) -> dict[str, Any]:
        """The same numbers as JSON data."""
        return {
            "n_rows": self.n_rows,
            "n_outcomes": len(self.outcomes.frame),
            "n_skipped": sum(self.skipped.values()),
            "skipped": dict(self.skipped),
            "n_queries": len(self.outcomes),
            "n_incomplete": self.outcomes.n_incomplete,
            "n_unscored": self.outcomes.n_unscored,
            "sizes": list(self.outcomes.sizes),
            "costs": list(self.outcomes.cost_columns),
        }


def reasons(skipped: Mapping[str, int]) -> str:
    """Say the reasons in one line."""
    return "; ".join(f"{n} {reason}" for reason, n in skipped.items())

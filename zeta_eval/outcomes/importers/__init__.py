"""Importers: make an outcomes table from another tool's tables or logs, one file per format (but for tidy tables).

A format's reader takes a path and an account. It returns the rows with columns of the outcomes table. In the account it
finds what the user chose; it counts each row that it leaves out by the reason there, notes what it chose itself, and
names files that it can't read. Checks, scales, costs and repeated runs are the same for all formats and handled here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pandas as pd

from zeta_eval.exceptions import OutcomesError, UnknownNameError, one_line
from zeta_eval.files import from_foreign_json
from zeta_eval.outcomes.conversations import with_messages
from zeta_eval.outcomes.files import read_table
from zeta_eval.outcomes.importers import (
    alpaca_eval,
    evalscope,
    inspect_ai,
    lighteval,
    lm_eval,
    routellm,
    routerarena,
    routerbench,
    wide,
)
from zeta_eval.outcomes.importers.account import Account, Wanted
from zeta_eval.outcomes.importers.rows import priced, usable
from zeta_eval.outcomes.schema import REQUIRED
from zeta_eval.outcomes.table import Outcomes

__all__ = ["FORMATS", "ImportReport", "import_outcomes"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportReport:
    """The imported table, with the number of source rows kept and left out."""

    outcomes: Outcomes
    """The table; unscored rows are in it, and counted by it."""
    n_rows: int
    """Rows of the source, one per query and model: those of the table and those skipped."""
    skipped: Mapping[str, int]
    """Rows left out, by reason, most frequent first."""
    notes: Sequence[str] = ()
    """What was chosen where the source leaves a choice, a line each, then files that can't be read."""

    def text(self) -> str:
        """The numbers of rows, the reasons for leaving some out, and the table's shape and costs, as plain text."""
        kept = len(self.outcomes.attempts)
        lines = [f"Read {self.n_rows:,} rows, kept {kept:,}, skipped {self.n_rows - kept:,}."]
        lines += [f"{n:10,}  {reason}" for reason, n in self.skipped.items()]
        lines += self.notes
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
            "n_outcomes": len(self.outcomes.attempts),
            "n_skipped": sum(self.skipped.values()),
            "skipped": dict(self.skipped),
            "notes": list(self.notes),
            "n_queries": len(self.outcomes),
            "n_incomplete": self.outcomes.n_incomplete,
            "n_unscored": self.outcomes.n_unscored,
            "sizes": list(self.outcomes.sizes),
            "costs": list(self.outcomes.cost_columns),
        }


def _tidy(path: Path, account: Account) -> pd.DataFrame:
    """Rows of a file, or a benchmark's folder, with the outcomes table's own columns; others are left out."""
    frame = read_table(path, parse=from_foreign_json)[0]
    if "query" not in frame.columns:
        return with_messages(frame)
    if "model" not in frame.columns and "score" not in frame.columns:
        raise OutcomesError(
            f"{path} has no column model and none of scores; for a column per model give format 'wide'."
        )
    return with_messages(frame, texts=True)


FORMATS: Final[Mapping[str, Callable[[Path, Account], pd.DataFrame]]] = MappingProxyType(
    {
        "tidy": _tidy,
        "wide": wide.read,
        "lm-eval": lm_eval.read,
        "inspect": inspect_ai.read,
        "lighteval": lighteval.read,
        "evalscope": evalscope.read,
        "routerbench": routerbench.read,
        "routellm": routellm.read,
        "routerarena": routerarena.read,
        "alpaca-eval": alpaca_eval.read,
    }
)
"""Reader of each format: (path, account of what is chosen and left out) -> rows."""


FOREIGN = (AttributeError, LookupError, TypeError, ValueError, ArithmeticError, RecursionError)
"""What a reader may raise on a file that is laid out in another way."""


def import_outcomes(
    format: str, path: str | Path, *, cost: Mapping[str, float | str] | None = None, wanted: Wanted | None = None
) -> ImportReport:
    """Read another tool's table or log, counting rows that can't be used; arguments as in `zeta_eval.import_table`."""
    if format not in FORMATS:
        raise UnknownNameError("format", format, FORMATS)
    path = Path(path)
    if not path.exists():
        raise OutcomesError(f"Nothing at {path}; give the file or folder to import.")
    account = Account(wanted=wanted or Wanted())
    try:
        frame = FORMATS[format](path, account)
    except OutcomesError:
        raise
    except FOREIGN as e:  # a foreign file may have anything anywhere
        raise OutcomesError(f"{path} is not laid out as format '{format}' ({one_line(e)}).") from e
    account.check_names()
    try:
        return _report(frame, account, cost or {})
    except OutcomesError as e:
        raise OutcomesError(f"{path}: {e}") from e
    except RecursionError as e:
        raise OutcomesError(f"{path} holds what is nested too deeply; give texts and numbers.") from e


def _report(frame: pd.DataFrame, account: Account, cost: Mapping[str, float | str]) -> ImportReport:
    """Check the rows, price them and make the table."""
    skipped = account.skipped
    n_rows = len(frame) + skipped.total()
    tidy = set(REQUIRED) <= set(frame.columns)
    if tidy:
        frame = usable(frame, account)
    if n_rows and frame.empty:
        why = "; ".join(f"{n} {reason}" for reason, n in skipped.items())
        raise OutcomesError(f"None of the {n_rows} rows can be used ({why}).")
    if tidy:
        frame = priced(frame, cost)
    outcomes = Outcomes.from_frame(frame)
    outcomes.matrix("score")  # refuses models that share no query
    if replaced := len(frame) - len(outcomes.attempts):
        skipped["an older run of the same query and model"] = replaced
    return ImportReport(
        outcomes=outcomes, n_rows=n_rows, skipped=dict(skipped.most_common()), notes=tuple(account.lines())
    )

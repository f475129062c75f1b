"""`zeta history check [--repair]`: says which rows of a history are damaged, and takes them out of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Table, TextClause, select, text

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.feedback.damage import damage_of
from zeta_eval.feedback.tables import DECISIONS, FEEDBACK
from zeta_eval.files import replacing

if TYPE_CHECKING:
    from zeta_eval.feedback.store import Store

NAMED: Final = 20
"""Most damaged rows that a text names; JSON has all."""

_KINDS: Final = {"decision": DECISIONS, "feedback": FEEDBACK}


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryCheck:
    """What a check of a history found, and what became of it."""

    decisions: int
    """Decisions in the history, damaged ones included."""
    feedback: int
    """Feedbacks in it, damaged ones included."""
    damaged: tuple[tuple[str, str, str], ...]
    """Kind ("decision" or "feedback"), id and what is wrong, of each damaged row."""
    file: str
    """What the database says of its file; "ok" where it is whole."""
    copy: Path | None = None
    """Copy of the file from before the damaged rows were taken out; None where nothing was changed."""

    @classmethod
    def of(cls, store: Store) -> HistoryCheck:
        """Read every row of a history; those with feedback for answers made elsewhere too."""
        return cls._of(store, {kind: store.rows(select(table)) for kind, table in _KINDS.items()})

    @classmethod
    def _of(cls, store: Store, rows: dict[str, list[dict[str, Any]]]) -> HistoryCheck:
        damaged = [(kind, str(row["id"]), why) for kind, row, why in _damaged(rows)]
        said = store.rows(text("PRAGMA quick_check(1)"))[0] if store.file is not None else {"": "ok"}
        return cls(
            decisions=len(rows["decision"]),
            feedback=len(rows["feedback"]),
            damaged=tuple(damaged),
            file=str(next(iter(said.values()))),
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        rows = [{"kind": kind, "id": own, "why": why} for kind, own, why in self.damaged]
        counts = {"decisions": self.decisions, "feedback": self.feedback, "file": self.file}
        return counts | {"damaged": rows, "copy": None if self.copy is None else str(self.copy)}

    def text(self) -> str:
        """The counts and the damaged rows, as plain text."""
        lines = [f"{self.decisions} decisions, {self.feedback} feedbacks, {len(self.damaged)} damaged"]
        lines += [f"The database says: {self.file}"] if self.file != "ok" else []
        lines += [f"{kind} {own}: {why}" for kind, own, why in self.damaged[:NAMED]]
        lines += [f"and {len(self.damaged) - NAMED} more (--json has all)"] if len(self.damaged) > NAMED else []
        if self.copy is not None:
            lines.append(f"The damaged rows were taken out; the file as it was: {self.copy}")
        elif self.damaged:
            lines.append("They are left out wherever the history is read; --repair takes them out, and keeps a copy.")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.text()


def repaired(store: Store) -> HistoryCheck:
    """Take damaged rows out of a history in a file, of which a copy is kept first.

    Raises:
        InvalidInputError: the history is no file, so that no copy can be made here.
    """
    rows = {kind: store.rows(select(table)) for kind, table in _KINDS.items()}
    found = HistoryCheck._of(store, rows)
    if not found.damaged:
        return found
    if store.file is None:
        raise InvalidInputError(
            f"The history {store.name} is no file, so no copy of it can be kept here; back it up, then delete the rows "
            "that `zeta history check` names."
        )
    copy = _copied(store.file)
    store.write([_delete(_KINDS[kind], row["id"]) for kind, row, _ in _damaged(rows)])
    return HistoryCheck(
        decisions=found.decisions, feedback=found.feedback, damaged=found.damaged, file=found.file, copy=copy
    )


def _damaged(rows: dict[str, list[dict[str, Any]]]) -> list[tuple[str, dict[str, Any], str]]:
    """Kind, row and what is wrong, of each damaged row."""
    pairs = [(kind, row) for kind, found in rows.items() for row in found]
    return [(kind, row, why) for kind, row in pairs if (why := damage_of(_own(kind, row))) is not None]


def _own(kind: str, row: dict[str, Any]) -> dict[str, Any]:
    """The columns of a row that must hold something; those of answers made elsewhere are empty for others."""
    if kind == "decision" or row["decision_id"] is None:
        return row
    return {name: value for name, value in row.items() if value is not None or name in ("source", "created_at")}


def _copied(file: Path) -> Path:
    """Copy a database with what its log holds, beside it and under a name that says when."""
    path = file.with_name(f"{file.name}.before-{datetime.now(UTC):%Y%m%d-%H%M%S}")
    with replacing(path) as temp, closing(sqlite3.connect(file)) as old, closing(sqlite3.connect(temp)) as new:
        old.backup(new)
    return path


def _delete(table: Table, own: object) -> TextClause:
    """Delete a row of a SQLite table by its id, which may be of any type."""
    return text(f"DELETE FROM {table.name} WHERE id IS :own").bindparams(own=own)

"""The journal of a benchmark: a file with one JSON line per outcome, which survives a kill at any moment."""

from __future__ import annotations

import json
import os
import weakref
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from zeta_eval.exceptions import OutcomesError, OutputLockedError, UnknownNameError
from zeta_eval.files import plain, replacing
from zeta_eval.outcomes.bounds import bounded
from zeta_eval.outcomes.files import JOURNAL, TABLE, read_rows
from zeta_eval.outcomes.schema import COLUMNS, REQUIRED
from zeta_eval.outcomes.table import Outcomes


class Journal:
    """The journal of a benchmark's folder, to which one process at a time appends.

    Opening the journal cuts off a last line that a killed run didn't finish; that query is answered again.
    """

    def __init__(self, folder: str | Path, *, name: str = JOURNAL, beside: Journal | None = None) -> None:
        """Open the folder's journal for appending, making both where they are missing.

        `name` is another file that takes rows `beside` a journal that holds the folder's lock.
        """
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path = self.folder / name
        self.odd: Counter[tuple[str, str]] = Counter()
        self._lock = None if beside else _lock(self.folder)
        self._file = self.path.open("ab")
        try:
            self._file.truncate(self.path.read_bytes().rfind(b"\n") + 1)
            self._done = set(map(_key, self.rows()))
        except BaseException:
            self.close()
            raise
        if self._lock is not None:
            # A forked worker that outlives a killed run would hold the lock through its copy.
            lock = weakref.ref(self._lock)
            os.register_at_fork(after_in_child=lambda: (held := lock()) and held.close())

    def append(self, rows: Sequence[dict[str, Any]]) -> None:
        """Append outcomes and wait until they are on the disk; a number out of its range is written as null.

        `odd` counts those, by size and column.
        """
        rows, odd = zip(*map(bounded, rows), strict=True) if rows else ((), ())
        self.odd.update((str(row.get("model")), name) for row, names in zip(rows, odd, strict=True) for name in names)
        for row in rows:
            if unknown := row.keys() - COLUMNS.keys():
                raise UnknownNameError("column of an outcome", min(unknown), COLUMNS)
            if missing := [c for c in REQUIRED if c not in row]:
                raise OutcomesError(f"An outcome lacks {', '.join(missing)}; every row of the journal needs them.")
        self._file.write(b"".join(map(_line, rows)))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._done.update(map(_key, rows))

    def replace(self, rows: Sequence[dict[str, Any]]) -> None:
        """Put rows in the place of those of the same query, size and attempt, atomically; no other byte changes."""
        new = {_key(row): _line(bounded(row)[0]) for row in rows}
        with replacing(self.path) as temp, self.path.open("rb") as old, temp.open("wb") as file:
            file.writelines(new.get(_key(json.loads(line)), line) if line.strip() else line for line in old)
        self._file.close()
        self._file = self.path.open("ab")

    def rows(self) -> list[dict[str, Any]]:
        """Return all rows, oldest first; a number out of its range, as earlier releases took it, is unknown."""
        rows = []
        for number, line in enumerate(read_rows(self.path, torn=True), start=1):
            if not all(isinstance(line.get(name), str) for name in REQUIRED[:-1]):
                raise OutcomesError(
                    f"Row {number} of {self.path} lacks one of {', '.join(REQUIRED[:-1])}; delete that line, and start "
                    "again."
                )
            rows.append(bounded(line)[0])
        return rows

    def done(self, attempt: int = 0) -> set[tuple[str, str]]:
        """Return the (query_id, model) pairs that have a row of an attempt."""
        return {(query_id, model) for query_id, model, number in self._done if number == attempt}

    def finish(self, *, sizes: Sequence[str] | None = None) -> Outcomes:
        """Write the folder's outcomes.parquet from all rows, atomically, and return the table.

        `sizes` is the ladder's order, cheapest first; sizes without a row are left out.
        """
        outcomes = Outcomes.from_frame(
            pd.DataFrame(self.rows(), columns=list(COLUMNS), dtype=object), source="benchmark"
        )
        if sizes is not None:
            present = {model for _, model, _ in self._done}
            outcomes = outcomes.with_order([s for s in sizes if s in present])
        outcomes.save(self.folder / TABLE)
        return outcomes

    def close(self) -> None:
        """Close the journal and let others write."""
        try:
            self._file.close()
        finally:  # on a full disk what is left to write fails again
            if self._lock is not None:
                self._lock.close()

    def __enter__(self) -> Journal:
        """Return the journal."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the journal."""
        self.close()


def _line(row: dict[str, Any]) -> bytes:
    """A row as a line of the journal."""
    return (json.dumps(plain(row), ensure_ascii=False) + "\n").encode()


def _key(row: dict[str, Any]) -> tuple[str, str, int]:
    return row["query_id"], row["model"], row.get("attempt") or 0


def _lock(folder: Path) -> TextIO:
    """Take the folder's lock; the system frees it when the process ends, however it ends."""
    import fcntl  # not on every platform; only a writer needs it

    file = (folder / ".lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        file.seek(0)
        writer = file.read().strip()
        file.close()
        raise OutputLockedError(
            f"Folder {folder} is being written by another run{f' (process {writer})' if writer else ''}; "
            "wait for it, stop it, or give another folder."
        ) from e
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file

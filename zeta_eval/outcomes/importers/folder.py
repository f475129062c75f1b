"""Reads the files of a folder one by one: a file that can't be read is named, and the others are read."""

import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar
from zipfile import BadZipFile

from zeta_eval.exceptions import OutcomesError, one_line
from zeta_eval.files import from_foreign_json, read_bytes
from zeta_eval.outcomes.importers.account import Account

T = TypeVar("T")

BROKEN: Final = (
    *(AttributeError, LookupError, TypeError, ValueError, ArithmeticError, EOFError, OSError),
    *(RuntimeError, BadZipFile, zlib.error, struct.error),  # nested too deeply, encrypted, damaged
)
"""What reading a foreign or damaged file may raise; the package's own errors are ValueErrors."""


def read_each(files: Sequence[Path], path: Path, account: Account, read: Callable[[Path], Iterable[T]]) -> list[T]:
    """Return what `read` makes of each file; what a file that fails on the way has given is left out.

    Raises:
        OutcomesError: nothing could be read, or `path` is the file that can't be.
    """
    found: list[T] = []
    for file in files:
        try:
            if not file.is_file():
                raise OutcomesError(f"{file} is no file but a folder, a pipe or a link to nothing.")
            found += list(read(file))
        except BROKEN as e:
            said = str(e) if isinstance(e, OutcomesError) else f"{file} can't be read ({one_line(e)})."
            if file == path:
                raise OutcomesError(said) from e
            account.fault(file, said.removeprefix(f"{file} ").rstrip("."))
    if not found and account.faults:
        raise OutcomesError(f"Nothing of {path} can be read; {account.first_fault()}.")
    return found


def read_lines(file: Path, account: Account) -> list[dict[str, Any]]:
    """Read the objects of a JSONL file; lines that are none, as a killed run leaves its last one, are counted."""
    found = []
    for number, line in enumerate(read_bytes(file).split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = from_foreign_json(line)
        except ValueError:
            row = None
        if isinstance(row, dict):
            found.append(row)
        else:
            account.skipped["a line that is cut or damaged"] += 1
            account.fault(file, f"line {number} is cut or damaged, the others are taken")
    return found


def table_files(path: Path, *suffixes: str) -> list[Path]:
    """The path itself where it is a file, else the files of the folder that end so, in order of their names."""
    return [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.suffix.lower() in suffixes)


def first_text(values: Any) -> str | None:
    """The first text of a list, or the text itself."""
    if isinstance(values, (list, tuple)):
        values = values[0] if values else None
    return values.encode(errors="replace").decode() if isinstance(values, str) else None

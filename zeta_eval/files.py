"""Writes files whole or not at all, and data as JSON; says which texts a file can hold."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

T = TypeVar("T")

_NAME = 50
"""Characters of a file's name in that of its temporary file, which systems limit to 255 bytes."""


def loaded(kind: type[T], value: object) -> T:
    """Return a value of that kind as it is, anything else as the name or file of one, which `kind.load` reads."""
    loader: Any = kind
    made: T = value if isinstance(value, kind) else loader.load(value)
    return made


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Hand out a temporary path beside `path`, which takes its place when the body ends without an error.

    Its name is random: threads, processes and machines that write one path at once don't meet, and the last one counts.
    A reader sees the old file or the new one, whole, after a power cut too.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = path.with_name(f".{path.name[:_NAME]}.{token_hex(8)}.tmp")
    try:
        yield temp
        _on_disk(temp)
        temp.replace(path)
        with suppress(OSError):  # not every system opens folders
            _on_disk(path.parent)
    finally:
        temp.unlink(missing_ok=True)


def _on_disk(path: Path) -> None:
    """Wait until a file's content, or the names in a folder, are on the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def to_json(data: Any) -> str:
    """Data as JSON text; numbers that are NaN or infinite become null."""
    return json.dumps(plain(data), indent=1, allow_nan=False)


def write_json(path: str | Path, data: Any) -> Path:
    """Write data as `to_json`, atomically; returns the path."""
    with replacing(path) as temp:
        temp.write_text(to_json(data) + "\n", encoding="utf-8")
    return Path(path)


def plain(data: Any) -> Any:
    """Data as JSON can hold it: lists, texts as keys, None for numbers that are NaN or infinite."""
    if isinstance(data, Mapping):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [plain(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def is_unicode(value: object) -> bool:
    """Whether a value's text can be written as UTF-8; half of a surrogate pair can't."""
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return False
    return True

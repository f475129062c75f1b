"""Writes files whole or not at all, and data as JSON; says which texts a file can hold."""

import errno
import json
import math
import os
import stat
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

T = TypeVar("T")

_NAME = 50
"""Characters of a file's name in that of its temporary file, which systems limit to 255 bytes."""

MOST_BYTES = 1 << 30
"""Most bytes of a file that is read at once, where its kind has no limit of its own."""

MOST_TOML = 1 << 20
"""Most bytes of a file of settings: reading it takes seconds for each ten of these."""

LARGEST = 1e100
"""Largest number, of either sign, that a file of this package holds: no product of two of them is infinite."""


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


def is_folder(path: str | Path) -> bool:
    """Whether there is a folder of that name, which may be no name at all: too long, or with odd characters."""
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


def is_there(path: str | Path) -> bool:
    """Whether there is anything of that name, as `is_folder`."""
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False


def read_bytes(path: str | Path, most: int = MOST_BYTES) -> bytes:
    """Content of a file of at most so many bytes.

    Raises:
        OSError: no such file, a folder, a pipe or device, or a file that is longer.
    """
    found = Path(path).stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is no file but a folder, a pipe or a device", str(path))
    if found.st_size > most:
        size, limit = found.st_size / 2**20, most / 2**20
        raise OSError(errno.EFBIG, f"it has {size:,.1f} MiB, and {limit:,.0f} MiB are the most of its kind", str(path))
    return Path(path).read_bytes()


def from_json(text: str | bytes) -> Any:
    """Data of JSON text from anywhere; a ValueError where it is none or nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def from_foreign_json(text: str | bytes) -> Any:
    """The same of another tool's file; halves of surrogate pairs, which no table takes, become question marks."""
    data = from_json(text)
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        data = json.loads(json.dumps(data, ensure_ascii=False).encode(errors="replace"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return data


def from_own_json(text: str | bytes) -> Any:
    """Data of a JSON file of this package, whose numbers are finite and fit a float, and whose texts are Unicode.

    Raises:
        ValueError: it holds something else.
    """
    try:
        data = json.loads(text, parse_constant=_number, parse_float=_number, parse_int=_number)
        json.dumps(data, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return data


def _number(text: str) -> int | float:
    """A number of JSON; a ValueError for one that is not finite or too large to be worked with."""
    number = float(text) if set(text) & set(".eENI") else int(text)
    if not -LARGEST <= number <= LARGEST:
        raise ValueError(f"the number {text[:20]} is out of range")
    return number


def read_toml(path: str | Path) -> dict[str, Any]:
    """Data of a TOML file of settings.

    Raises:
        OSError: no such file, or none that can be read, or one of more than `MOST_TOML` bytes.
        ValueError: it holds no TOML.
    """
    try:
        return tomllib.loads(read_bytes(path, MOST_TOML).decode())
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


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

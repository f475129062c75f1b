"""JSON files with a version and a checksum, so that a damaged or outdated file is refused. Standard library only."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from zeta_eval.exceptions import InvalidInputError, value_shown
from zeta_eval.files import from_own_json, read_bytes, write_json

MOST_BYTES: Final = 1 << 29
"""Most bytes of a checked file."""


def checksum(content: Mapping[str, Any]) -> str:
    """SHA-256 of JSON values, in hexadecimal."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedFile:
    """One kind of file: its name in messages, its version, and what to do about a file that can't be used."""

    name: str
    """What the file is called in messages."""
    schema_version: int
    """Version of the file's layout; a reader refuses others."""
    writer: str
    """What writes such a file, for a reader who has none."""
    remedy: str
    """What to do about a file that can't be used."""
    error: type[InvalidInputError] = InvalidInputError
    """Class of the errors."""

    def write(self, path: str | Path, content: Mapping[str, Any]) -> Path:
        """Write content with its version and checksum, whole or not at all; returns the path."""
        data = {"schema_version": self.schema_version, **content}
        return write_json(path, data | {"checksum": checksum(data)})

    def read(self, path: str | Path) -> dict[str, Any]:
        """Return a file's content with its version, without the checksum.

        Raises:
            InvalidInputError: no such file, no JSON, another version, or damaged; it is of the class `error`.
        """
        try:
            data = from_own_json(read_bytes(path, MOST_BYTES))
        except OSError as e:
            raise self.error(f"Can't read the {self.name} {path}: {e.strerror}. {self.writer} writes one.") from e
        except ValueError as e:
            raise self.error(f"The {self.name} {path} is no JSON that can be used ({e}); {self.remedy}.") from e
        if not isinstance(data, dict) or "schema_version" not in data:
            raise self.error(f"{path} is no {self.name}: it has no schema_version; {self.remedy}.")
        if (found := data["schema_version"]) != self.schema_version:
            raise self.error(
                f"The {self.name} {path} has schema version {value_shown(found)}, this version reads "
                f"{self.schema_version}; {self.remedy}."
            )
        if data.pop("checksum", None) != checksum(data):
            raise self.error(f"The {self.name} {path} is damaged: its checksum does not fit; {self.remedy}.")
        return data

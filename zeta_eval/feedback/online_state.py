"""The file in which a router keeps what feedback has changed: JSON with a checksum. Standard library only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.files import write_json

SCHEMA_VERSION = 3
"""Version of the state file's layout; a reader refuses others."""


def write_state(path: str | Path, state: Mapping[str, Any]) -> Path:
    """Write a state with its version and checksum, whole or not at all; returns the path."""
    data = {"schema_version": SCHEMA_VERSION, **state}
    return write_json(path, data | {"checksum": _checksum(data)})


def read_state(path: str | Path) -> Mapping[str, Any]:
    """Return a state file's content.

    Raises:
        InvalidInputError: no such file, damaged, or another schema version.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as e:
        raise InvalidInputError(f"Can't read the online state {path}: {e.strerror}; `Online.save` writes one.") from e
    except (ValueError, RecursionError) as e:
        raise InvalidInputError(f"The online state {path} is no JSON ({e}); start anew with Online(policy).") from e
    if not isinstance(data, dict) or data.get("schema_version") != SCHEMA_VERSION:
        raise InvalidInputError(
            f"{path} is no online state of schema {SCHEMA_VERSION}; start anew with Online(policy)."
        )
    if data.pop("checksum", None) != _checksum(data):
        raise InvalidInputError(f"The online state {path} is damaged: its checksum does not fit; start anew.")
    return data


def _checksum(data: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

"""run.json, the record of a benchmark: the ladder and settings it was made with, which a resumed run must share."""

from __future__ import annotations

import hashlib
import json
import platform
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from zeta_eval.exceptions import HubAccessError, InvalidInputError
from zeta_eval.files import write_json
from zeta_eval.models import GenerateConfig, Ladder
from zeta_eval.outcomes.files import JOURNAL, TABLE

NAME = "run.json"
"""Name of the file in a benchmark's folder."""
SCHEMA_VERSION = 1
"""Written into the file; a reader takes no other."""
PACKAGES = ("zeta-eval", "torch", "transformers", "accelerate", "numpy")
"""Packages whose versions are written down."""
PLACE = ("device_map", "compile", "continuous", "base_url", "concurrency", "timeout_s", "retries", "api_key_env")
"""Settings of a rung that say where and how it runs."""
BLOCKS, BLOCK = 16, 65536
"""Number and length, in bytes, of the samples that tell a weights file from another."""


class Manifest:
    """The contents of run.json; `save` writes the file whole or not at all."""

    def __init__(self, path: Path | None, data: dict[str, Any]) -> None:
        """Wrap the data of a file, or a copy that is never saved (path None); use `open` to make one."""
        self.path = path
        self.data = data

    @classmethod
    def open(cls, folder: Path, ladder: Ladder, config: GenerateConfig, *, has_rows: bool) -> Manifest:
        """Start a folder's run.json, or read the one that is there; one without rows is replaced."""
        path = folder / NAME
        asked = {
            "schema_version": SCHEMA_VERSION,
            "ladder": json.loads(json.dumps([_identity(m) for m in map(asdict, ladder.models)])),
            "weights": {m.size: found for m in ladder.models if (found := fingerprint(Path(m.model)))},
            "max_new_tokens": config.max_new_tokens,
            "stop": list(config.stop),
            "mcq": None if config.mcq == "generate" else config.mcq,
            "temperature": config.temperature or None,
            "sampling_seed": config.seed if config.temperature else None,
        }
        if has_rows and not path.is_file():
            raise InvalidInputError(f"Folder {folder} holds rows but no {NAME}; give a new folder.")
        if not has_rows:
            if (folder / TABLE).is_file():
                raise InvalidInputError(f"Folder {folder} holds {TABLE} but no rows in {JOURNAL}; give a new folder.")
            started = {"run_id": uuid.uuid4().hex[:12], "ladder_name": ladder.name, "started_at": timestamp()}
            manifest = cls(path, {**asked, **started, "finished_at": None, "versions": versions(), "sizes": {}})
            manifest.save()
            return manifest
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as e:
            raise InvalidInputError(f"{path} is no JSON; give a new folder.") from e
        for key, value in asked.items():
            if data.get(key) != value:
                raise InvalidInputError(
                    f"Folder {folder} was made with different {key} ({_brief(data.get(key))}, now {_brief(value)}); "
                    "use the same to resume, or give a new folder."
                )
        return cls(path, {**data, "finished_at": None})

    def size(self, name: str) -> dict[str, Any]:
        """The entry of a size, for reading and writing."""
        entry: dict[str, Any] = self.data["sizes"].setdefault(name, {"seconds": 0.0})
        return entry

    def save(self) -> None:
        """Write the file atomically."""
        if self.path is not None:
            write_json(self.path, self.data)


def timestamp() -> str:
    """Now, in UTC, as ISO 8601 with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that an answer depends on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def fingerprint(folder: Path) -> str | None:
    """A hash of a local model's weights, from their sizes and BLOCKS samples of each file; None for a hub id."""
    files = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    digest = hashlib.sha256()
    for file in files:
        try:
            for part in _samples(file):
                digest.update(part)
        except OSError as e:
            raise HubAccessError(f"Weights file {file} can't be read ({e.strerror}); download it again.") from e
    return digest.hexdigest()[:16] if files else None


def _samples(file: Path) -> Iterator[bytes]:
    """Name and size of a file, and BLOCKS samples of its bytes."""
    size = file.stat().st_size
    yield f"{file.name} {size} ".encode()
    with file.open("rb") as f:
        for i in range(BLOCKS):
            f.seek(max(0, size - BLOCK) * i // (BLOCKS - 1))
            yield f.read(BLOCK)


def _identity(rung: dict[str, Any]) -> dict[str, Any]:
    """The settings of a rung that its answers depend on; where it runs may change, but not from weights to a server."""
    identity = {k: v for k, v in rung.items() if k not in PLACE and not (k == "context" and v is None)}
    return identity | ({"served": True} if rung["base_url"] is not None else {})


def _brief(value: Any) -> str:
    """A value short enough for a message; a ladder as its sizes and models."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return ", ".join(f"{rung.get('size')}={rung.get('model')}" for rung in value)
    return str(value)

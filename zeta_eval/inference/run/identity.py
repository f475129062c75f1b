"""What the answers of a rung depend on: its settings and its weights, but not where it runs."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zeta_eval.exceptions import HubAccessError
from zeta_eval.models import Ladder, ModelSpec

PLACE = (
    "device_map",
    "compile",
    "continuous",
    "base_url",
    "start",
    "start_timeout_s",
    "concurrency",
    "timeout_s",
    "retries",
    "api_key_env",
    "headers_env",
)
"""Settings of a rung that say where and how it runs."""
FIRST = ("size", "model", "revision", "role", "dtype", "usd_per_gpu_hour", "usd_per_mtok")
"""Settings of a rung that are written down even where they say nothing."""
BLOCKS, BLOCK = 16, 65536
"""Number and length, in bytes, of the samples that tell a weights file from another."""


def identities(ladder: Ladder) -> dict[str, Any]:
    """The part of run.json that says which models answer: `ladder`, and `weights` of those in local folders."""
    weights = {m.size: found for m in ladder.models if (found := fingerprint(Path(m.model)))}
    return {"ladder": [identity(m) for m in ladder.models], "weights": weights}


def identity(spec: ModelSpec) -> dict[str, Any]:
    """The settings of a rung that its answers depend on; where it runs may change, but not from weights to a server."""
    rung: dict[str, Any] = json.loads(json.dumps(asdict(spec)))
    own = {k: v for k, v in rung.items() if k not in PLACE and (k in FIRST or v not in (None, "", [], {}))}
    adapter = fingerprint(Path(spec.adapter)) if spec.adapter else None
    return own | ({"served": True} if spec.served else {}) | ({"adapter_weights": adapter} if adapter else {})


def rungs(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By size, the identity of each rung that run.json names, its weights included."""
    weights = record.get("weights", {})
    return {m["size"]: {"served": False} | m | {"weights": weights.get(m["size"])} for m in record["ladder"]}


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

"""run.json, the record of a benchmark: the ladder, tasks and settings it was made with, and how it grew."""

from __future__ import annotations

import json
import platform
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.files import write_json
from zeta_eval.inference.run.growing import check_growth
from zeta_eval.inference.run.identity import identities
from zeta_eval.models import GenerateConfig, Ladder
from zeta_eval.outcomes.files import JOURNAL, TABLE
from zeta_eval.tasks import Query

NAME = "run.json"
"""Name of the file in a benchmark's folder."""
SCHEMA_VERSION = 1
"""Written into the file; a reader takes no other."""
PACKAGES = ("zeta-eval", "torch", "transformers", "accelerate", "numpy")
"""Packages whose versions are written down."""


class Manifest:
    """The contents of run.json; `save` writes the file whole or not at all."""

    def __init__(self, path: Path | None, data: dict[str, Any], *, cut: bool = False) -> None:
        """Wrap the data of a file, or a copy that is never saved (path None); use `open` to make one."""
        self.path = path
        self.data = data
        self.cut = cut
        """Whether the run before did not get to its end, so that its last append may be cut short."""
        self.again = False
        """Whether the newest entry of `retries` is at work, which then has its own entries of sizes."""

    @classmethod
    def open(
        cls,
        folder: Path,
        ladder: Ladder,
        config: GenerateConfig,
        *,
        queries: Sequence[Query],
        tasks: Mapping[str, Any],
        rows: Sequence[Mapping[str, Any]],
        longer: bool = False,
    ) -> Manifest:
        """Start a folder's run.json, or read the one that is there; one without rows is replaced.

        Sizes, tasks and queries may join the rows that are there; what would give these another meaning is refused.
        `tasks` are those of `task_records`; `longer` is whether the limit of tokens is for old rows alone.
        """
        path = folder / NAME
        asked = {
            **identities(ladder),
            "tasks": dict(tasks),
            "max_new_tokens": config.max_new_tokens,
            "stop": list(config.stop),
            "mcq": None if config.mcq == "generate" else config.mcq,
            "temperature": config.temperature or None,
            "sampling_seed": config.seed if config.temperature or any(m.temperature for m in ladder.models) else None,
        }
        named = asked | {"ladder_name": ladder.name, "finished_at": None}
        if rows:
            then = read_record(folder)
            if longer:
                asked["max_new_tokens"] = named["max_new_tokens"] = then["max_new_tokens"]
            check_growth(folder, then, asked, rows, queries)
            cut = then.get("finished_at") is None or not (folder / TABLE).is_file()
            return cls(path, then | named | _grown(then, asked) | _reused(then, rows), cut=cut)
        if (folder / TABLE).is_file():
            raise InvalidInputError(f"Folder {folder} holds {TABLE} but no rows in {JOURNAL}; give a new folder.")
        started = {"schema_version": SCHEMA_VERSION, "run_id": uuid.uuid4().hex[:12], "started_at": timestamp()}
        manifest = cls(path, started | named | {"sizes": {}})
        manifest.save()
        return manifest

    @property
    def part(self) -> dict[str, Any]:
        """What is written now: the whole, or the retry that is at work."""
        part: dict[str, Any] = self.data["retries"][-1] if self.again else self.data
        return part

    def size(self, name: str) -> dict[str, Any]:
        """The entry of a size, for reading and writing."""
        entry: dict[str, Any] = self.part["sizes"].setdefault(name, {"seconds": 0.0})
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


def read_record(folder: Path) -> dict[str, Any]:
    """Contents of a folder's run.json."""
    path = folder / NAME
    if not path.is_file():
        raise InvalidInputError(f"Folder {folder} holds rows but no {NAME}; give a new folder.")
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as e:
        raise InvalidInputError(f"{path} is no JSON; give a new folder.") from e
    if not isinstance(data, dict) or data.get("schema_version") != SCHEMA_VERSION:
        raise InvalidInputError(f"{path} has another schema_version than {SCHEMA_VERSION}; give a new folder.")
    return data


def _reused(then: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`reused` without rows that a killed start wrote down and did not take over."""
    there = {(row["model"], row["query_id"]) for row in rows}
    kept = []
    for entry in then.get("reused", []):
        sizes = {turn: turn.partition("#")[0] for turn in entry["rows"]}
        taken = {turn: [i for i in ids if (sizes[turn], i) in there] for turn, ids in entry["rows"].items()}
        kept.append(entry | {"rows": taken})
    return {"reused": kept} if kept else {}


def _grown(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """`grown`: when sizes and queries of tasks joined the folder, with those that join it now."""
    known = {m["size"] for m in then["ladder"]}
    sizes = [m["size"] for m in now["ladder"] if m["size"] not in known]
    before = {name: task["queries"] for name, task in then.get("tasks", now["tasks"]).items()}
    more = {name: task["queries"] - before.get(name, 0) for name, task in now["tasks"].items()}
    more = {name: n for name, n in more.items() if n}
    grown = list(then.get("grown", []))
    if sizes or more:
        grown.append({"at": timestamp(), "sizes": sizes, "queries": more})
    return {"grown": grown} if grown else {}

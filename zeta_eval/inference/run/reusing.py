"""Takes answers over from the folders of earlier benchmarks, where the same model was asked the same in the same way.

The times of an answer belong to the device that gave it, so the device has to be the same, too. Scores and prices are
not taken over: an answer is graded by the task as it is now, and priced by the ladder as it is now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.inference.run.growing import brief, way_of
from zeta_eval.inference.run.identity import rungs
from zeta_eval.inference.run.ladder_run import LadderRun, turn_of, turn_of_row
from zeta_eval.inference.run.manifest import NAME, Manifest, read_record, timestamp
from zeta_eval.inference.run.plan import asked_hash, limit_of, stop_of
from zeta_eval.inference.run.retrying import asked_again
from zeta_eval.inference.run.rows import MEASURED
from zeta_eval.models import Completion, ModelSpec
from zeta_eval.outcomes import Journal
from zeta_eval.outcomes.files import JOURNAL, read_rows
from zeta_eval.router.complexity.conversation import stored
from zeta_eval.tasks import Query

OWN = ("size", "role", "revision", "usd_per_mtok", "usd_per_mtok_in", "usd_per_mtok_out")
"""Settings of a rung that may differ: its name and prices; the revision is that of the row."""
OF_BOTH = ("max_new_tokens", "stop", "temperature")
"""Settings that a rung may have, and a run has, too."""
KEPT = ("model_revision", "context", "latency_s", "ttft_s", "latency_source", "created_at")
"""Columns that stay as they were measured."""
BLOCK = 256
"""Rows that are graded and appended at once."""

Row = Mapping[str, Any]
"""A row of a journal."""
Manner = dict[str, Any]
"""What an answer depends on beside the prompt, by name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A benchmark, as far as it says how its rows were asked for."""

    folder: Path
    """Its folder."""
    record: Mapping[str, Any]
    """Contents of its run.json."""
    rungs: Mapping[str, dict[str, Any]]
    """By size, what its answers depend on."""
    again: Mapping[tuple[str, str], Mapping[str, Any]]
    """By turn and query_id, the retry that a row is from."""

    @classmethod
    def of(cls, folder: Path, record: dict[str, Any]) -> Source:
        """Wrap a folder and its run.json."""
        own = {size: dict(_own(rung)) for size, rung in rungs(record).items()}
        return cls(folder=folder, record=record, rungs=own, again=asked_again(record))

    def then(self, row: Row, query: Query) -> Manner:
        """How a row was asked for, which asks the same as this query."""
        part = self.again.get((turn_of_row(row), row["query_id"]), self.record)
        devices = {s["device"] for s in part["sizes"].get(row["model"], {}).get("sessions", [])}
        device = devices.pop() if len(devices) == 1 else "several" if devices else "unknown"
        if (task := self.record.get("tasks", {}).get(row["task"])) is None:
            return {"record of its task": "not there"}
        way = way_of(task, row["query_id"])
        asked = replace(query, max_new_tokens=way["max_new_tokens"], stop=tuple(way["stop"]))
        where = {"revision": row["model_revision"], "device": device}
        return self.manner(row["model"], asked, part["max_new_tokens"], row.get("attempt") or 0) | where

    def manner(self, size: str, query: Query, limit: int, attempt: int) -> Manner:
        """How a query is asked with a limit of tokens, but for the revision and the device."""
        chosen = self.record.get("mcq") == "logits" and query.options > 0
        drawn = self.record.get("temperature")
        return self.rungs[size] | {
            "mcq": "logits" if chosen else None,
            "max_new_tokens": 1 if chosen else limit_of(query, limit),
            "stop": [] if chosen else list(stop_of(query, self.record["stop"])),
            "temperature": drawn,
            "sampling_seed": self.record.get("sampling_seed"),
            "attempt": attempt if drawn else 0,  # a rung's own temperature draws but once unless the run has one
        }


def _own(rung: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The settings of a rung that its answers depend on; the cost of a server's hour can't be told again from a row."""
    for key, value in rung.items():
        if key not in OWN and (key != "usd_per_gpu_hour" or rung["served"]):
            yield f"the rung's {key}" if key in OF_BOTH else key, value


class Reuse:
    """The rows that a run lacks, and what earlier benchmarks have of them."""

    def __init__(self, here: Source, sources: Sequence[Source]) -> None:
        """Read the rows of the sources."""
        self.here = here
        self.before = list(here.record.get("reused", []))
        """Entries of earlier starts in run.json."""
        self.taken: dict[Path, dict[str, list[str]]] = {source.folder: {} for source in sources}
        """By folder and turn, the ids of the queries whose rows were taken over."""
        self.reasons: Counter[str] = Counter()
        """Rows that were not, by the setting that differs."""
        self.examples: dict[str, str] = {}
        """By such a setting, a difference in words."""
        self._rows: dict[tuple[str, str | None], list[tuple[Source, Row]]] = {}
        for source in sources:
            for row in read_rows(source.folder / JOURNAL, torn=True):
                if row["error"] is None and row["model"] in source.rungs:
                    self._rows.setdefault((row["prompt_hash"], row.get("messages")), []).append((source, row))

    def find(self, query: Query, turn: str, now: Manner) -> Row | None:
        """The row that answers a query of a turn as it is asked now, the first folder's; None where there is none."""
        nearest: list[str] | None = None
        for source, row in self._rows.get((asked_hash(query), stored(query.prompt, query.system)), ()):
            then = source.then(row, query)
            differs = [key for key in {**then, **now} if then.get(key) != now.get(key)]
            if not differs:
                self.taken[source.folder].setdefault(turn, []).append(query.query_id)
                return row
            if nearest is None or ("model" in differs, len(differs)) < ("model" in nearest, len(nearest)):
                nearest = differs
                self.examples[differs[0]] = f" ({brief(then.get(differs[0]))}, now {brief(now.get(differs[0]))})"
        self.reasons[nearest[0] if nearest else "prompt"] += 1
        return None

    def entries(self) -> list[dict[str, Any]]:
        """What run.json says of the rows that were taken over, by folder."""
        return [
            {"at": timestamp(), "from": str(folder), "rows": turns} for folder, turns in self.taken.items() if turns
        ]

    def told(self) -> str:
        """How many rows were taken over by size, and why most of the others were not."""
        by_size: Counter[str] = Counter()
        for turns in self.taken.values():
            for turn, ids in turns.items():
                by_size[turn.partition("#")[0]] += len(ids)
        found = f" ({', '.join(f'{n} of {size}' for size, n in by_size.items())})" if by_size else ""
        n = by_size.total()
        said = f"{n} of {n + self.reasons.total()} rows reused{found}"
        for why, times in self.reasons.most_common(1):
            what = "no such prompt is there" if why == "prompt" else f"{why} differs{self.examples[why]}"
            said += f": {what}" if times == self.reasons.total() and not n else f"; {what} for {times} of the others"
        return f"{said}."


def take_over(work: LadderRun, journal: Journal, manifest: Manifest, folders: Sequence[str | Path]) -> str:
    """Append the rows that a run lacks and earlier ones have, as the leader of the run; returns how many, in words."""
    here = Source.of(journal.folder, manifest.data)
    reuse = Reuse(here, [_source(Path(folder), journal.folder) for folder in folders])
    todo = work.todo(journal, manifest)
    for spec, share in work.shares:
        for attempt in range(work.attempts(spec)) if spec.role == "generate" else ():
            lacking = [q for q in share if q.query_id in todo[turn_of(spec.size, attempt)]]
            _take(work, journal, manifest, reuse, spec, lacking, attempt)
    return reuse.told()


def _take(
    work: LadderRun,
    journal: Journal,
    manifest: Manifest,
    reuse: Reuse,
    spec: ModelSpec,
    queries: Sequence[Query],
    attempt: int,
) -> None:
    """Take over what there is of one size's attempt."""
    if not queries:
        return
    where = {"revision": work.revision(spec), "device": work.device(spec)}
    limit, turn = work.config.max_new_tokens, turn_of(spec.size, attempt)
    manners = [reuse.here.manner(spec.size, query, limit, attempt) | where for query in queries]
    looked = [(query, reuse.find(query, turn, now)) for query, now in zip(queries, manners, strict=True)]
    if found := [(query, row) for query, row in looked if row is not None]:
        session = {"began_at": timestamp(), "device": where["device"], "reused": True}
        manifest.size(spec.size).setdefault("sessions", []).append(session)
        manifest.data["reused"] = [*reuse.before, *reuse.entries()]
        manifest.save()
    for start in range(0, len(found), BLOCK):
        block = [(query, row, _completion(row)) for query, row in found[start : start + BLOCK]]
        rows = work.rows(spec, None, None, manifest, attempt)
        rows.prepare((query, answer) for query, _, answer in block)
        made = [rows.answered(query, "", answer) | {key: row[key] for key in KEPT} for query, row, answer in block]
        costs = [row["cost_usd"] for _, row, _ in block]  # an hourly price of a server, which is the same
        by_hour = spec.served and spec.usd_per_gpu_hour is not None
        journal.append([m | {"cost_usd": c} for m, c in zip(made, costs, strict=True)] if by_hour else made)


def _completion(row: Row) -> Completion:
    """The answer of a row."""
    kept: dict[str, Any] = {name: row.get(name) for name in MEASURED}
    return Completion(**kept | {"text": row["response"] or "", "truncated": bool(row["truncated"])})


def _source(folder: Path, own: Path) -> Source:
    """An earlier benchmark in a folder."""
    if folder.resolve() == own.resolve():
        raise InvalidInputError(f"Folder {folder} is the run's own; give the folder of another run to reuse its rows.")
    if not (folder / NAME).is_file() or not (folder / JOURNAL).is_file():
        raise InvalidInputError(
            f"Folder {folder} lacks {NAME} or {JOURNAL}; give a benchmark's folder to reuse its rows."
        )
    return Source.of(folder, read_record(folder))

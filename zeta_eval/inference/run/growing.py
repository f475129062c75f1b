"""What may join the rows of a folder, and what is refused because it would give these rows another meaning."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.inference.run.identity import rungs
from zeta_eval.inference.run.plan import asked_hash
from zeta_eval.outcomes.targets import target_text
from zeta_eval.tasks import Query

SETTINGS = ("max_new_tokens", "stop", "mcq", "temperature", "sampling_seed")
"""Settings that all rows of a folder share."""

Record = Mapping[str, Any]
"""Contents of run.json, or of one of its parts."""
RowsOf = Sequence[Mapping[str, Any]]
"""Rows of a journal."""


def task_records(queries: Sequence[Query], settings: Mapping[str, Record], embed: set[str]) -> dict[str, Any]:
    """By task, what run.json says of it: settings, number of queries, and their own limits and stop texts.

    `embed` are the ids of the queries that embedding models answer.
    """
    by_task: dict[str, list[Query]] = {}
    for q in queries:
        by_task.setdefault(q.task, []).append(q)
    made = {
        task: dict(settings.get(task, {}))
        | {"queries": len(own), "ways": _ways(own)}
        | ({"kind": "embed"} if own[0].query_id in embed else {})
        for task, own in by_task.items()
    }
    found: dict[str, Any] = json.loads(json.dumps(made))
    return found


def way_of(task: Record, query_id: str) -> dict[str, Any]:
    """A query's own limit of tokens and stop texts, from its task's record."""
    ways = task["ways"]
    way = next((w for w in ways if query_id in w.get("ids", ())), ways[0])
    return {"max_new_tokens": way["max_new_tokens"], "stop": way["stop"]}


def check_growth(folder: Path, then: Record, now: Record, rows: RowsOf, queries: Sequence[Query]) -> None:
    """Refuse, in one line, what would give the rows of a folder another meaning.

    Args:
        folder: the folder, for the message.
        then: contents of its run.json.
        now: what is asked for now: ladder, weights, tasks and `SETTINGS`.
        rows: its rows.
        queries: the queries that are asked for now.
    """
    _check_rungs(folder, then, now, {row["model"] for row in rows})
    for key in SETTINGS:
        if key == "sampling_seed" and then.get(key) is None:
            continue  # nothing was drawn so far
        if then.get(key) != now[key]:
            advice = f"give {brief(then.get(key))} to add to it, or give a new folder"
            raise _different(folder, key, then.get(key), now[key], advice)
    tasks = {row["task"] for row in rows}
    if others := sorted(tasks - now["tasks"].keys()):
        raise InvalidInputError(
            f"Folder {folder} holds rows of {', '.join(others)}, not asked for now; name these tasks, too, to add to "
            "them, or give a new folder."
        )
    _check_queries(folder, then.get("tasks", {}), now["tasks"], rows, queries)
    for task in sorted(tasks & then.get("tasks", {}).keys()):
        old, new = (record["tasks"][task].get("scorer") for record in (then, now))
        if None not in (old, new) and old != new:
            advice = "give that one and grade the finished table by `zeta rescore`, or give a new folder"
            raise _different(folder, "scorer", old, new, advice, f" of task '{task}'")
    _check_ranks(folder, then, now, {row["model"] for row in rows})


def _check_rungs(folder: Path, then: Record, now: Record, present: set[str]) -> None:
    """Refuse a ladder that lacks a size with rows, or has another model or setting under its name."""
    old, new = rungs(dict(then)), rungs(dict(now))
    for size in (s for s in old if s in present):
        if size not in new:
            raise InvalidInputError(
                f"Folder {folder} holds rows of size '{size}', which the ladder lacks; keep it in the ladder to add "
                "other sizes, or give a new folder."
            )
        for key in dict.fromkeys([*old[size], *new[size]]):
            if old[size].get(key) != new[size].get(key):
                advice = "give the rung another size name to add it, or give a new folder"
                raise _different(folder, key, old[size].get(key), new[size].get(key), advice, f" of size '{size}'")


def _check_queries(folder: Path, then: Record, now: Record, rows: RowsOf, queries: Sequence[Query]) -> None:
    """Refuse queries that are gone, or ask or expect something else under the same id."""
    asked = {q.query_id: q for q in queries}
    for row in rows:
        task = row["task"]
        if reason := _change(row, asked.get(row["query_id"]), then.get(task)):
            settings = _settings(then.get(task, {}), now[task])
            raise InvalidInputError(
                f"Folder {folder} holds an answer to query '{row['query_id']}' that {reason}{settings}; ask as then, "
                "or give a new folder."
            )


def _change(row: Mapping[str, Any], query: Query | None, task: Record | None) -> str:
    """What has changed of a row's query; "" where nothing has."""
    if query is None:
        return "is not asked for now"
    if row.get("prompt_hash") and asked_hash(query) != row["prompt_hash"]:
        return "was asked in other words"
    if row.get("target") is not None and (now := target_text(query.target)) != row["target"]:
        return f"was graded by the target {brief(row['target'])}, now {brief(now)}"
    way = {"max_new_tokens": query.max_new_tokens, "stop": list(query.stop)}
    for key, old in way_of(task, query.query_id).items() if task else ():
        if old != way[key]:
            return f"was asked with its own {key} {brief(old)}, now {brief(way[key])}"
    return ""


def _settings(then: Record, now: Record) -> str:
    """The settings of a task that are not those of then, in brackets; "" where none is known."""
    keys = [k for k in then if k not in ("queries", "ways", "kind") and then[k] != now.get(k)]
    found = ", ".join(f"{k} {brief(then[k])}, now {brief(now.get(k))}" for k in keys)
    return f" ({found})" if found else ""


def _check_ranks(folder: Path, then: Record, now: Record, present: set[str]) -> None:
    """Refuse more queries for embedding models with rows: each is scored by its rank among all of them."""
    ranked = any(m["size"] in present for m in then["ladder"] if m["role"] == "embed")
    old, new = (
        {name: task["queries"] for name, task in record.get("tasks", {}).items() if task.get("kind") == "embed"}
        for record in (then, now)
    )
    if ranked and old and old != new:
        raise _different(folder, "queries ranked by embedding", old, new, "give as many as then, or give a new folder")


def _ways(queries: Sequence[Query]) -> list[dict[str, Any]]:
    """The limits and stop texts that queries bring, the most frequent first; the others name their queries."""
    counts = Counter((q.max_new_tokens, q.stop) for q in queries)
    ordered = [way for way, _ in counts.most_common()]
    ids: dict[Any, list[str]] = {way: [] for way in ordered}
    for q in queries:
        ids[q.max_new_tokens, q.stop].append(q.query_id)
    return [
        {"max_new_tokens": way[0], "stop": way[1]} | ({"ids": ids[way]} if i else {}) for i, way in enumerate(ordered)
    ]


def _different(folder: Path, what: str, old: Any, new: Any, advice: str, of: str = "") -> InvalidInputError:
    return InvalidInputError(f"Folder {folder} was made with {what} {brief(old)}{of}, now {brief(new)}; {advice}.")


def brief(value: Any) -> str:
    """A value short enough for a message."""
    text = "none" if value is None or value == [] else repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

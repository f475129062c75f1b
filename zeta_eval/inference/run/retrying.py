"""Asks again what was cut off at the token limit or failed, and puts the new answers in the place of the old ones.

The new rows wait in a file of their own until all are there. So a retry that is killed goes on where it stopped, and
the table is the old one or the new one, never a mixture.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.inference.run.ladder_run import LadderRun, turn_of_row
from zeta_eval.inference.run.manifest import Manifest, timestamp
from zeta_eval.inference.run.plan import limit_of
from zeta_eval.inference.run.progress import Board
from zeta_eval.outcomes import Journal
from zeta_eval.tasks import Query

KINDS = ("truncated", "errors")
"""Rows that can be asked again."""
WAITING = "retry.jsonl"
"""Name of the file of new rows in a benchmark's folder."""

Row = Mapping[str, Any]
"""A row of a journal."""


def read_kinds(words: str | Sequence[str]) -> tuple[str, ...]:
    """The kinds of rows that words name, each of them a kind or several between commas.

    >>> read_kinds(["errors", "truncated,errors"])
    ('truncated', 'errors')
    """
    named = {kind.strip() for word in ([words] if isinstance(words, str) else words) for kind in word.split(",")}
    if unknown := sorted(named - {*KINDS}):
        raise UnknownNameError("kind of rows to ask again", unknown[0], KINDS)
    return tuple(kind for kind in KINDS if kind in named)


def ask_again(work: LadderRun, journal: Journal, manifest: Manifest, shown: Board, what: Sequence[str]) -> None:
    """Ask the rows of some kinds again as the leader of a run, and say how many; the rows of the journal are replaced.

    A retry that was interrupted goes on. Where a new answer failed, the old row stays.
    """
    if missing := sum(map(len, work.todo(journal, manifest).values())):
        raise InvalidInputError(
            f"Folder {journal.folder} lacks {missing} rows; run the same without --retry first to add them."
        )
    queries = {q.query_id: q for _, share in work.shares for q in share}
    _begin(journal, manifest, queries, what, work.config.max_new_tokens)
    with Journal(journal.folder, name=WAITING, beside=journal) as waiting:
        work.lead(waiting, manifest, shown)
        shown.say(_end(journal, waiting, manifest, queries))


def tidy(folder: Path, manifest: Manifest) -> None:
    """Delete the new rows of a retry whose end is on record."""
    if all(retry["finished_at"] is not None for retry in manifest.data.get("retries", [])):
        (folder / WAITING).unlink(missing_ok=True)


def asked_again(record: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """By turn and query_id, the retry that a row is from; all other rows are those of the run itself."""
    finished = [retry for retry in record.get("retries", []) if retry["finished_at"] is not None]
    found = [(retry, *item) for retry in finished for item in retry["rows"].items()]
    return {(turn, query_id): retry for retry, turn, ids in found for query_id in ids}


def _begin(journal: Journal, manifest: Manifest, queries: Mapping[str, Query], what: Sequence[str], limit: int) -> None:
    """Write into run.json which rows are asked again, or go on with those of a retry that was interrupted."""
    before = manifest.data.get("retries", [])
    waiting = journal.folder / WAITING
    if before and before[-1]["finished_at"] is None and waiting.is_file():
        then = before[-1]
        if (then["what"], then["max_new_tokens"]) != (list(what), limit):
            raise InvalidInputError(
                f"Folder {journal.folder} holds an unfinished retry of {','.join(then['what'])} with max_new_tokens "
                f"{then['max_new_tokens']}; give the same to finish it, or delete {waiting}."
            )
    else:
        due = _due(manifest.data, journal.rows(), queries, what, limit)
        waiting.unlink(missing_ok=True)
        record = {"what": list(what), "max_new_tokens": limit, "began_at": timestamp(), "finished_at": None}
        kept = [retry for retry in before if retry["finished_at"] is not None]
        manifest.data["retries"] = [*kept, record | {"asked": _by_turn(due), "sizes": {}}]
        manifest.save()
    manifest.again = True


def _end(journal: Journal, waiting: Journal, manifest: Manifest, queries: Mapping[str, Query]) -> str:
    """Put the new answers in the place of the old ones, and say how many."""
    record, rows = manifest.part, waiting.rows()
    answered = [row for row in rows if row["error"] is None]
    journal.replace(answered)
    del record["asked"]
    record.update(rows=_by_turn(answered), failed=len(rows) - len(answered), finished_at=timestamp())
    manifest.again = False
    limit = record["max_new_tokens"]
    cut = [row for row in journal.rows() if _is_cut(row)]
    if "truncated" in record["what"] and not _longer(cut, manifest.data, queries, limit):
        manifest.data["max_new_tokens"] = limit  # the table is now that of a run with this limit
    by_size = Counter(row["model"] for row in answered)
    told = f" ({', '.join(f'{n} of {size}' for size, n in by_size.items())})" if by_size else ""
    failed = f"; {record['failed']} failed again, and their rows stay" if record["failed"] else ""
    left = f"; {len(cut)} answers are cut off" if cut else ""
    return f"Asked {len(rows)} rows again: {len(answered)} replaced{told}{failed}{left}."


def _due(
    record: Mapping[str, Any], rows: Sequence[Row], queries: Mapping[str, Query], what: Sequence[str], limit: int
) -> list[Row]:
    """The rows to ask again; those of embedding models are not among them, for they are scored by rank."""
    embed = {m["size"] for m in record["ladder"] if m["role"] == "embed"}
    cut = [row for row in rows if _is_cut(row)] if "truncated" in what else []
    due = _longer(cut, record, queries, limit)
    helped = _longer(cut, record, queries, max(limit, record["max_new_tokens"]) + 1)
    if limit < record["max_new_tokens"] or (helped and not due):
        most = max(limit, record["max_new_tokens"])
        raise InvalidInputError(
            f"{len(helped)} answers were cut off at max_new_tokens {most}; give a larger --max-new-tokens to ask them "
            "again."
        )
    failed = [row for row in rows if row["error"] is not None and row["model"] not in embed]
    return due + (failed if "errors" in what else [])


def _is_cut(row: Row) -> bool:
    """Whether an answer was cut off at the limit of tokens."""
    return row["error"] is None and bool(row["truncated"])


def _longer(rows: Sequence[Row], record: Mapping[str, Any], queries: Mapping[str, Query], limit: int) -> list[Row]:
    """The rows whose answers may be longer with this limit than they could be when they were made."""
    again, found = asked_again(record), []
    most = {m["size"]: m.get("max_new_tokens") for m in record["ladder"]}  # a rung's own limit stays
    for row in rows:
        query = queries[row["query_id"]]
        then = again.get((turn_of_row(row), row["query_id"]), record)["max_new_tokens"]
        own = most[row["model"]]
        if limit_of(query, limit, own) > limit_of(query, then, own):
            found.append(row)
    return found


def _by_turn(rows: Sequence[Row]) -> dict[str, list[str]]:
    """By turn, the ids of the queries of rows."""
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(turn_of_row(row), []).append(row["query_id"])
    return found

"""What judges have replied, in a SQLite file: the same question is asked once, and its tokens and cost are kept."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from zeta_eval.exceptions import InvalidInputError

_TABLE = """create table if not exists judgements (
    key text primary key, model text not null, prompt text not null, reply text not null, prompt_tokens integer,
    completion_tokens integer, gpu_s real, cost_usd real, created_at text not null)"""
_BLOCK = 500
"""Keys of one select; SQLite takes 999 values at most in old releases."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """A judge's reply and what it took."""

    text: str
    """The reply."""
    prompt_tokens: int | None = None
    """Tokens that the judge read."""
    completion_tokens: int | None = None
    """Tokens that it wrote."""
    gpu_s: float | None = None
    """Accelerator seconds."""
    cost_usd: float | None = None
    """Cost in USD, where its rung has a price."""


class JudgeCache:
    """Replies by a hash of what was asked of which model; without a file they are kept in memory."""

    def __init__(self, path: str | Path | None = None) -> None:
        """Take the file, which is made when a first reply is written."""
        self.path = None if path is None else Path(path)
        self._known: dict[str, Reply] = {}

    def get(self, keys: Sequence[str]) -> dict[str, Reply]:
        """The replies that are known, by key."""
        missing = [key for key in dict.fromkeys(keys) if key not in self._known]
        if missing and self.path is not None and self.path.exists():
            with self._open() as db:
                for start in range(0, len(missing), _BLOCK):
                    self._known |= _select(db, missing[start : start + _BLOCK])
        return {key: self._known[key] for key in keys if key in self._known}

    def put(self, model: str, replies: Mapping[str, tuple[str, Reply]]) -> None:
        """Keep replies, each with its prompt, by key: all of them or none."""
        self._known |= {key: reply for key, (_, reply) in replies.items()}
        if self.path is None or not replies:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        rows = [
            (key, model, prompt, r.text, r.prompt_tokens, r.completion_tokens, r.gpu_s, r.cost_usd, now)
            for key, (prompt, r) in replies.items()
        ]
        with self._open() as db, db:
            db.executemany("insert or replace into judgements values (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The file, opened for one piece of work: another process may use it too."""
        assert self.path is not None
        try:
            with closing(sqlite3.connect(self.path, timeout=60)) as db:
                db.execute(_TABLE)
                yield db
        except sqlite3.DatabaseError as e:
            raise InvalidInputError(f"{self.path} is no file of judgements ({e}); name another.") from e


def key_of(model: str, prompt: str) -> str:
    """Hash of a question to a model."""
    return hashlib.sha256(json.dumps([model, prompt]).encode()).hexdigest()


def _select(db: sqlite3.Connection, keys: Sequence[str]) -> dict[str, Reply]:
    marks = ", ".join("?" * len(keys))
    columns = "key, reply, prompt_tokens, completion_tokens, gpu_s, cost_usd"
    rows = db.execute(f"select {columns} from judgements where key in ({marks})", keys)
    return {
        key: Reply(text=text, prompt_tokens=read, completion_tokens=written, gpu_s=gpu_s, cost_usd=cost)
        for key, text, read, written, gpu_s, cost in rows
    }

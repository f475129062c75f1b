"""The database of a history: opening and creating it, checking its version, adding rows."""

import json
import logging
import os
import tempfile
import threading
import weakref
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Engine, Executable, Table, create_engine, event, exc, func, insert, inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import QueuePool

from zeta_eval.exceptions import InvalidInputError, ZetaError, masked
from zeta_eval.feedback.damage import decoded, sound
from zeta_eval.feedback.forking import STORES
from zeta_eval.feedback.presence import Presence, alone, drop_leftovers
from zeta_eval.feedback.tables import DECISIONS, FEEDBACK, LATER, META, METADATA, SCHEMA_VERSION
from zeta_eval.feedback.writer import reason
from zeta_eval.files import plain

_log = logging.getLogger(__name__)

BUSY_S: Final = 10.0
"""Longest wait, in seconds, for another process's write to SQLite or for a connection to PostgreSQL; `?timeout=` and
`?connect_timeout=` in a URL override it."""

_encode: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


UNREADABLE: Final = (exc.SQLAlchemyError, UnicodeDecodeError)
"""What a database that can't be read or written raises; SQLite's driver fails on its own message of damaged bytes."""


class Store:
    """A history's tables; every write is one transaction."""

    def __init__(self, url_or_path: str | Path) -> None:
        """Open the store, and make it where it is missing."""
        url = _url(url_or_path)
        self.file = Path(url.database or "") if url.get_backend_name() == "sqlite" else None
        """The file of a history in SQLite; None for another database."""
        self.renewed = 0
        """Times that the file was taken away, and a new one begun."""
        self._url, self._presence, self._renewing = url, Presence(self.file), threading.Lock()
        self.damaged: dict[str, str] = {}
        """What is wrong with rows that were left out when they were read, by their ids."""
        self._of_parent: list[object] = []
        self.name = (
            str(url_or_path) if "://" not in str(url_or_path) else masked(url.render_as_string(hide_password=True))
        )
        try:
            if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
                _create_file(url)
            self._engine = _engine(url)
            version = _made(self._engine)
            if version == str(SCHEMA_VERSION):
                _widen(self._engine)
            self._presence.note()
        except ImportError as e:
            extra = ', such as pip install "zeta-eval[postgres]"' if url.get_backend_name() == "postgresql" else ""
            raise InvalidInputError(f"The history {self.name} needs a database driver: {e}; install it{extra}.") from e
        except (*UNREADABLE, OSError) as e:
            raise InvalidInputError(
                f"Can't open the history {self.name}: {reason(e)}. Mend or move it, or name another one."
            ) from e
        if version != str(SCHEMA_VERSION):
            self.close()
            raise InvalidInputError(
                f"The history {self.name} has schema version {version}, and this zeta-eval reads {SCHEMA_VERSION}; "
                "export it with the zeta-eval that wrote it, or name another one."
            )
        own = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: None if (it := own()) is None else it._leave_connections())

    def add_decisions(self, rows: Sequence[dict[str, Any]]) -> int:
        """Append decisions and return how many were refused: one row that the database won't take spoils no other.

        An `OperationalError` or a `ZetaError` means that nothing can be written now: locked, full or out of reach.
        """
        try:
            self._insert(DECISIONS, rows)
            return 0
        except (exc.OperationalError, ZetaError):
            raise
        except Exception as e:
            if len(rows) > 1:
                return sum(self.add_decisions([row]) for row in rows)
            # A row that is there already comes from a commit whose confirmation was lost.
            return int(not (isinstance(e, exc.IntegrityError) and self.has_decision(rows[0]["id"])))

    def add_feedback(self, row: dict[str, Any]) -> None:
        """Append a feedback; it is on the disk when this returns."""
        try:
            self._insert(FEEDBACK, [row])
        except UNREADABLE as e:
            raise ZetaError(
                f"The feedback was not written to {self.name}: {reason(e)}. Try again, or mend it first."
            ) from e

    def _insert(self, table: Table, rows: Sequence[dict[str, Any]]) -> None:
        """Append rows to the file that is there once they are written: a new one, where it was taken away meanwhile."""
        while True:
            self.renew()
            stamp = self._presence.stamp
            with STORES.entered(), self._engine.begin() as connection:
                connection.execute(insert(table), rows)
            if stamp == self._presence.stamp and not self._presence.gone:
                return

    def renew(self) -> None:
        """Begin a new file where the one in use was deleted or moved, or go on with the one that is there now.

        Raises:
            ZetaError: there can be none; rows that went with the old file are where it went.
        """
        if not self._presence.gone:
            return
        with self._renewing, STORES.entered():
            if self.file is None or not self._presence.gone:
                return
            try:
                self._begin_anew(self.file)
            except (exc.SQLAlchemyError, OSError) as e:
                raise ZetaError(f"The history {self.name} is gone, and can't be begun anew: {reason(e)}.") from e
        _log.warning("The history %s was deleted or moved while it was in use; a new one is begun there", self.name)

    def _begin_anew(self, file: Path) -> None:
        pool = self._engine.pool
        if isinstance(pool, QueuePool) and pool.checkedin():  # a new connection would make an empty file
            with suppress(exc.SQLAlchemyError), self._engine.connect() as connection:
                connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))  # a file that was moved is whole
        self._engine.dispose()
        if not file.exists():
            _create_file(self._url)
        if _made(self._engine) != str(SCHEMA_VERSION):
            raise ZetaError(f"The file {self.name} is no history of this zeta-eval any more; move it away.")
        self._presence.note()
        self.renewed += 1

    def has_decision(self, decision_id: str) -> bool:
        """Whether a decision of that id is stored."""
        return bool(self.rows(select(DECISIONS.c.id).where(DECISIONS.c.id == decision_id)))

    def counts(self) -> tuple[int, int]:
        """Return the number of decisions and of feedbacks."""
        n = [self.rows(select(func.count().label("n")).select_from(t))[0]["n"] for t in (DECISIONS, FEEDBACK)]
        return n[0], n[1]

    def rows(self, statement: Executable) -> list[dict[str, Any]]:
        """Return what a query finds, by column; a ZetaError where the store can't be read."""
        try:
            with STORES.entered(), self._engine.connect() as connection:
                return [dict(row) for row in connection.execute(statement).mappings()]
        except UNREADABLE as e:
            raise ZetaError(f"The history {self.name} can't be read: {reason(e)}. Try again, or mend it.") from e

    def sound(self, statement: Executable) -> list[dict[str, Any]]:
        """Return what a query finds, as `rows`, without damaged rows, which `damaged` names."""
        return sound(self.rows(statement), self.damaged)

    def write(self, statements: Sequence[Executable]) -> None:
        """Change the store by all of these statements, or by none; a ZetaError where that fails."""
        try:
            with STORES.entered(), self._engine.begin() as connection:
                for statement in statements:
                    connection.execute(statement)
        except UNREADABLE as e:
            raise ZetaError(f"The history {self.name} can't be changed: {reason(e)}. Try again, or mend it.") from e

    def close(self) -> None:
        """Close every connection; the next use opens one again."""
        with STORES.entered():
            self._engine.dispose()

    def _leave_connections(self) -> None:
        """In a forked child, leave the parent's connections alone: kept, since even to close one would use it."""
        self._of_parent.append(self._engine.pool)
        self._engine.dispose(close=False)


def _url(url_or_path: str | Path) -> URL:
    if "://" not in str(url_or_path):
        url = URL.create("sqlite", database=str(url_or_path))
    else:
        try:
            url = make_url(str(url_or_path))
            if url.drivername == "postgresql" and find_spec("psycopg") is not None:
                url = url.set(drivername="postgresql+psycopg")  # SQLAlchemy takes psycopg2 where none is named
            url.get_dialect()
        except (exc.ArgumentError, ImportError) as e:
            scheme = str(url_or_path).partition("://")[0]
            raise InvalidInputError(
                f"No history can be kept in a '{scheme}://' address: {reason(e)}. Give a file's path or a SQLAlchemy "
                "URL such as postgresql://user@host/name."
            ) from e
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise InvalidInputError(f"A history in memory ('{url_or_path}') keeps nothing; give a file's path.")
    return url


def _engine(url: URL) -> Engine:
    sqlite = url.get_backend_name() == "sqlite"
    setting = {"sqlite": "timeout", "postgresql": "connect_timeout"}.get(url.get_backend_name())
    timeout = {setting: BUSY_S if sqlite else int(BUSY_S)} if setting and setting not in url.query else {}
    engine = create_engine(
        url, json_serializer=_json, json_deserializer=decoded, connect_args=timeout, pool_pre_ping=not sqlite
    )
    if sqlite:
        event.listen(engine, "connect", _set_up)
    return engine


def _set_up(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")  # a commit outlives a power cut too


def _made(engine: Engine) -> str | None:
    """The version of a store, whose tables are made where there are none."""
    if (version := _version(engine)) is None:
        with suppress(exc.IntegrityError, exc.ProgrammingError):  # another process may be making them, too
            _create(engine)
        version = _version(engine)
    return version


def _version(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not inspect(connection).has_table(META.name):
            return None
        version: str | None = connection.scalar(select(META.c.value).where(META.c.key == "schema_version"))
        return version


def _create(engine: Engine) -> None:
    with engine.begin() as connection:
        METADATA.create_all(connection)
        connection.execute(insert(META), {"key": "schema_version", "value": str(SCHEMA_VERSION)})


def _widen(engine: Engine) -> None:
    """Add the columns that tables of an earlier release lack, which that release then leaves empty."""
    for table, columns in LATER.items():
        known = {column["name"] for column in inspect(engine).get_columns(table)}
        for column in [name for name in columns if name not in known]:
            kind = METADATA.tables[table].c[column].type.compile(engine.dialect)
            # Another process may be adding it at the same moment.
            with suppress(exc.OperationalError, exc.ProgrammingError), engine.begin() as connection:
                connection.execute(text(f"ALTER TABLE {table} ADD COLUMN {column} {kind}"))


def _create_file(url: URL) -> None:
    """Make a SQLite store aside and link it in place: it is there whole, or not at all; the first one counts."""
    file = Path(url.database or "")
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".history-") as temp:
        made = Path(temp) / "new.db"
        engine = _engine(url.set(database=str(made)))
        _create(engine)
        engine.dispose()
        with alone(file.parent):
            if file.exists():
                return
            drop_leftovers(file)
            try:
                file.hardlink_to(made)
            except FileExistsError:
                return
            except OSError:  # a file system without hard links
                made.rename(file)


def _json(data: object) -> str:
    try:
        return _encode(data)
    except ValueError:  # NaN or infinity, which no database takes as JSON
        return _encode(plain(data))

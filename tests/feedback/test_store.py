import sqlite3
import subprocess
import sys

import pytest
from sqlalchemy import select
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from zeta_eval.exceptions import InvalidInputError, ZetaError
from zeta_eval.feedback import History
from zeta_eval.feedback.tables import DECISIONS, METADATA
from zeta_eval.router import ZetaDynamicRouter


def run(path, statement):
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute(statement).fetchall()
        connection.commit()
        return rows
    finally:
        connection.close()


def test_the_store_is_made_with_its_folder_and_in_wal_mode(tmp_path):
    path = tmp_path / "new" / "h.db"
    History(path).close()
    assert run(path, "pragma journal_mode") == [("wal",)]
    assert run(path, "select * from zeta_meta") == [("schema_version", "1")]
    assert [p.name for p in path.parent.iterdir()] == ["h.db"]


def test_a_url_names_the_same_store_as_its_path(tmp_path):
    History(tmp_path / "h.db").close()
    with History(f"sqlite:///{tmp_path}/h.db?timeout=1") as history:
        history.feedback(text="t", size="4B", right=True)
    assert run(tmp_path / "h.db", "select count(*) from zeta_feedback") == [(1,)]


def test_an_empty_file_is_taken(tmp_path):
    (tmp_path / "h.db").touch()
    History(tmp_path / "h.db").close()
    assert run(tmp_path / "h.db", "select value from zeta_meta") == [("1",)]


def test_another_schema_version_is_refused(tmp_path):
    History(tmp_path / "h.db").close()
    run(tmp_path / "h.db", "update zeta_meta set value = '7'")
    with pytest.raises(InvalidInputError, match=r"has schema version 7, and this zeta-eval reads 1; export it"):
        History(tmp_path / "h.db")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("{tmp}", r"Can't open the history .*: unable to open database file\. Mend or move it"),
        ("{tmp}/text.db", r"Can't open the history .*: file is not a database"),
        ("{tmp}/text.db/h.db", r"Can't open the history .*File exists"),
        (":memory:", r"in memory \(':memory:'\) keeps nothing; give a file's path"),
        ("sqlite://", r"in memory"),
        ("nonsense://host/name", r"in a 'nonsense://' address: .*SQLAlchemy URL such as postgresql://"),
    ],
)
def test_what_is_no_store_is_refused_in_a_line(tmp_path, address, message):
    (tmp_path / "text.db").write_text("this is a plain text file, and no database at all" * 50)
    with pytest.raises(InvalidInputError, match=message) as told:
        History(address.format(tmp=tmp_path))
    assert "\n" not in str(told.value)


def test_a_capacity_below_one_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="capacity of the history's queue is 0"):
        History(tmp_path / "h.db", capacity=0)


def test_a_locked_store_never_stops_routing_and_loses_nothing_that_fits(tmp_path, caplog):
    router = ZetaDynamicRouter()
    decision = router.route("text")
    with History(f"sqlite:///{tmp_path}/h.db?timeout=0.05", capacity=5) as history:
        locker = sqlite3.connect(tmp_path / "h.db", isolation_level=None)
        locker.execute("begin immediate")
        keys = [history.record(decision, "text") for _ in range(8)]
        history.flush()
        history.record(decision, "text")
        assert (history.lost, history.queued) == (4, 5)
        with pytest.raises(ZetaError, match=r"can't be written to .* now \(database is locked\); try again"):
            history.feedback(keys[0], right=True)
        with pytest.raises(ZetaError, match=r"was not written to .*: database is locked\. Try again"):
            history.feedback(text="t", size="4B", right=True)
        locker.execute("rollback")
        locker.close()
        history.feedback(keys[0], right=True)
        with pytest.raises(InvalidInputError, match=r"Unknown decision id '\w+' \(4 were lost by this process\)"):
            history.feedback(keys[7], right=True)
        assert (history.lost, history.queued, len(history.frame())) == (4, 0, 5)
    assert sum("misses a write" in r.getMessage() for r in caplog.records) == 1


def test_what_a_locked_store_never_took_is_lost_at_the_end(tmp_path):
    locker = None
    with History(f"sqlite:///{tmp_path}/h.db?timeout=0.05") as history:
        locker = sqlite3.connect(tmp_path / "h.db", isolation_level=None)
        locker.execute("begin immediate")
        history.record(ZetaDynamicRouter().route("text"), "text")
    assert (history.lost, history.queued) == (1, 0)
    locker.close()


def test_rows_that_are_there_already_are_neither_lost_nor_doubled(tmp_path):
    with History(tmp_path / "h.db") as history:
        for _ in range(2):
            history.record(ZetaDynamicRouter().route("text"), "text")
        history.flush()
        rows = history._store.rows(select(DECISIONS))
        assert history._store.add_decisions(rows) == 0
        assert history._store.add_decisions([*rows, rows[0] | {"id": "new"}, rows[0] | {"id": None}]) == 1
        assert len(history.frame()) == 3


def test_the_tables_can_be_made_in_postgresql():
    made = {t.name: str(CreateTable(t).compile(dialect=postgresql.dialect())) for t in METADATA.sorted_tables}
    assert "id BIGSERIAL NOT NULL" in made["zeta_feedback"]
    assert "features JSON NOT NULL" in made["zeta_decisions"]


def test_opening_the_package_loads_no_sqlalchemy_and_no_pandas():
    check = "import sys, zeta_eval.feedback; sys.exit(bool({'sqlalchemy', 'pandas', 'numpy'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0

"""A damaged row of a history never keeps the others from being read."""

import json
import sqlite3
from contextlib import closing, suppress

import pytest

from zeta_eval.cli import main
from zeta_eval.exceptions import InvalidInputError
from zeta_eval.feedback import History
from zeta_eval.feedback.status import HistoryStatus
from zeta_eval.router import ZetaDynamicRouter

DAMAGE = [
    ("zeta_decisions", "p", "{", "p is no JSON"),
    ("zeta_decisions", "p", '{"4B": 1%s}' % ("0" * 400), "p is {'4B': 1"),
    ("zeta_decisions", "steps", '[{"size": 3}]', r"steps is [{'size': 3}]"),
    ("zeta_decisions", "latency_s", "soon", "latency_s is 'soon'"),
    ("zeta_decisions", "prompt_tokens", -5, "prompt_tokens is -5"),
    ("zeta_decisions", "propensity", 7, "propensity is 7.0"),
    ("zeta_decisions", "created_at", "yesterday", "created_at is 'yesterday'"),
    ("zeta_feedback", "score", "right", "score is 'right'"),
]


def recorded(path, n=3):
    """A history with n judged decisions; returns their ids."""
    router = ZetaDynamicRouter()
    with History(path) as history:
        made = [history.record(router.route(f"Add {i} and 2."), f"Add {i} and 2.") for i in range(n)]
        for i, decision_id in enumerate(made):
            history.feedback(decision_id, score=i / 2)
    return made


def damage(path, table, column, value, decision_id):
    name = "id" if table == "zeta_decisions" else "decision_id"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"UPDATE {table} SET {column} = ? WHERE {name} = ?", (value, decision_id))


@pytest.mark.parametrize(("table", "column", "value", "why"), DAMAGE)
def test_the_others_are_shown_exported_and_learned_from(tmp_path, table, column, value, why):
    ids = recorded(path := tmp_path / "history.db")
    damage(path, table, column, value, ids[1])
    with History(path) as history:
        assert history.frame()["score"].tolist() == [0.0, 1.0]
        assert len(history.outcomes().frame) == len(history.ratings()) == 2
        ((named, said),) = history.damaged.items()
        assert named == f"'{ids[1]}'" and said.startswith(why)
        status = HistoryStatus.of(history)
        assert status.damaged == 1 and "1 damaged rows are left out; `zeta history check` names them." in status.text()
        (found,) = history.check().damaged
        assert found[0] == table.removeprefix("zeta_").removesuffix("s") and found[2] == said


def test_check_names_damaged_rows_and_repair_takes_them_out_and_keeps_a_copy(tmp_path, capsys):
    ids = recorded(path := tmp_path / "history.db")
    damage(path, "zeta_decisions", "p", "{", ids[0])
    assert main(["history", "check", str(path)]) == 0
    assert f"3 decisions, 3 feedbacks, 1 damaged\ndecision {ids[0]}: p is no JSON" in capsys.readouterr().out
    assert main(["history", "check", str(path), "--repair", "--json"]) == 0
    copy = json.loads(capsys.readouterr().out)["copy"]
    with History(path) as mended, History(copy) as kept:
        assert mended.check().damaged == () and kept.check().damaged == (("decision", ids[0], "p is no JSON"),)
        assert len(mended.frame()) == 2 and mended.damaged == {}


def test_a_damaged_row_is_taken_out_whatever_its_id(tmp_path):
    ids = recorded(path := tmp_path / "history.db")
    for own, odd in zip(ids, (b"\xff\xfe", None, "\x00"), strict=True):
        damage(path, "zeta_decisions", "p", "{", own)
        with suppress(sqlite3.IntegrityError):  # no id
            damage(path, "zeta_decisions", "id", odd, own)
    with History(path) as history:
        assert len(history.check(repair=True).damaged) == 3
        assert history.check().damaged == () and history.check().decisions == 0


def test_decisions_without_a_difficulty_are_counted(tmp_path):
    ids = recorded(path := tmp_path / "history.db")
    for own in ids:
        damage(path, "zeta_decisions", "difficulty", None, own)
    with History(path) as history:
        assert HistoryStatus.of(history).decisions == 3


def test_a_file_whose_damage_the_driver_can_not_even_name_is_one_line(tmp_path):
    recorded(path := tmp_path / "history.db")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA writable_schema=ON")
        db.execute("UPDATE sqlite_master SET name = CAST(x'a2' AS TEXT), sql = 'CREATE' WHERE name = 'zeta_meta'")
    with pytest.raises(InvalidInputError, match="Can't open the history") as said:
        History(path)
    assert "\n" not in str(said.value)


def test_a_whole_history_is_left_as_it_is_by_a_repair(tmp_path):
    recorded(path := tmp_path / "history.db")
    with History(path) as history:
        assert history.check(repair=True).copy is None
    assert not list(tmp_path.glob("*.before-*"))

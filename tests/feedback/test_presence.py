"""A history whose file is deleted or moved while it is used loses no row that comes after."""

import shutil

import pytest

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.feedback import History
from zeta_eval.router import ZetaDynamicRouter

ROUTER = ZetaDynamicRouter()


@pytest.mark.parametrize("how", ["deleted", "moved", "deleted with what lies beside it", "its folder deleted"])
def test_rows_that_come_after_a_file_was_taken_away_are_in_a_new_one(tmp_path, how, caplog):
    file = tmp_path / "kept" / "h.db"
    with History(file) as history:
        keys = [history.record(ROUTER.route("before"), "before")]
        history.flush()
        if how == "moved":
            file.rename(tmp_path / "old.db")
        elif how == "its folder deleted":
            shutil.rmtree(file.parent)
        else:
            for each in file.parent.glob("h.db*" if "beside" in how else "h.db"):
                each.unlink()
        keys += [history.record(ROUTER.route(f"after {n}"), f"after {n}") for n in range(3)]
        history.feedback(keys[-1], right=True)
        with pytest.raises(InvalidInputError, match="Unknown decision id"):
            history.feedback(keys[0], right=True)  # it went with the file
        assert (history.lost, history.renewed) == (0, 1)
        assert [r.getMessage() for r in caplog.records if "a new one is begun" in r.getMessage()] != []
    assert texts_in(file) == {"after 0": None, "after 1": None, "after 2": 1.0}
    if how == "moved":
        assert texts_in(tmp_path / "old.db") == {"before": None}


def test_a_file_that_is_taken_away_while_a_row_is_written_gets_that_row_anew(tmp_path, monkeypatch):
    from zeta_eval.feedback import store

    file, plain, gone = tmp_path / "h.db", store.insert, []
    with History(file) as history:

        def taken_away(table):
            if not gone:
                gone.append(file.unlink())
            return plain(table)

        monkeypatch.setattr(store, "insert", taken_away)
        history.record(ROUTER.route("a row"), "a row")
        history.flush()
    assert texts_in(file) == {"a row": None}


def test_several_who_use_a_file_that_is_taken_away_share_the_new_one(tmp_path):
    file = tmp_path / "h.db"
    with History(file) as one, History(file) as other:
        for history in (one, other):
            history.record(ROUTER.route("before"), "before")
            history.flush()
        file.unlink()
        for n, history in enumerate((one, other, one)):
            history.record(ROUTER.route(f"after {n}"), f"after {n}")
            history.flush()
        one.close()
        other.record(ROUTER.route("last"), "last")
    assert [*texts_in(file)] == ["after 0", "after 1", "after 2", "last"]


def test_what_is_put_in_the_place_of_a_history_is_left_as_it_is_and_rows_wait(tmp_path):
    file = tmp_path / "h.db"
    with History(file) as history:
        file.unlink()
        file.write_text("notes of mine")
        history.record(ROUTER.route("a row"), "a row")
        history.flush()
        assert (history.queued, history.lost, file.read_text()) == (1, 0, "notes of mine")
        file.unlink()
        history.flush()
    assert [*texts_in(file)] == ["a row"]


def texts_in(file):
    with History(file) as history:
        rows = history.frame()
    return dict(zip(rows["query"], rows["score"].astype(object).where(rows["score"].notna(), None), strict=True))

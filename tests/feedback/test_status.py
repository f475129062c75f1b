import json
import math
from dataclasses import replace

import pytest

from zeta_eval.cli import main
from zeta_eval.cli.verbs import build_parser
from zeta_eval.exceptions import InvalidInputError
from zeta_eval.feedback import History
from zeta_eval.feedback.status import HistoryStatus
from zeta_eval.outcomes import Outcomes
from zeta_eval.router import Step, ZetaDynamicRouter

ROUTER = ZetaDynamicRouter()


def ran(*sizes, latency_s):
    return [Step(size=s, text="", latency_s=latency_s, p_right=0.5, error=None) for s in sizes]


@pytest.fixture
def path(tmp_path):
    """Ten decisions: on 7B, half of them judged, one explored on 4B, one escalated."""
    with History(tmp_path / "h.db") as history:
        for i in range(8):
            d = ROUTER.route(f"What is {i} + 3?")
            key = history.record(d, f"What is {i} + 3?", steps=ran(d.size, latency_s=0.1 * (i + 1)))
            if i % 2:
                history.feedback(key, right=i > 1, source="person" if i < 5 else "scorer")
        explored = replace(ROUTER.route("What is 1 + 1?"), size="4B")
        history.record(explored, "What is 1 + 1?", propensity=0.1)
        escalated = history.record(ROUTER.route("Prove it."), "Prove it.", steps=ran("7B", "14B", latency_s=9.0))
        history.feedback(escalated, score=0.25)
    return tmp_path / "h.db"


def test_a_status_counts_decisions_feedback_and_each_size_by_week(path):
    with History(path) as history:
        status = HistoryStatus.of(history)
    assert (status.decisions, status.judged, status.explored) == (10, 0.5, 0.1)
    assert status.by_source.to_dict() == {"person": 3, "scorer": 2}
    rows = status.frame().set_index("size")
    assert list(rows["decisions"][["7B", "4B", "14B"]]) == [8, 1, 1]
    assert rows.loc["7B", "success"] == 0.75
    assert rows.loc["7B", "latency_p50_s"] == pytest.approx(0.45)
    assert rows.loc["14B", "success"] == 0.25 and math.isnan(rows.loc["14B", "latency_p50_s"])  # two sizes ran
    assert status.drift == ()


def test_a_change_of_success_is_told(tmp_path):
    with History(tmp_path / "h.db") as history:
        for i in range(400):
            d = ROUTER.route("What is 2 + 3?")
            history.feedback(history.record(d, "What is 2 + 3?"), right=i < 200)
        status = HistoryStatus.of(history)
    assert any(event.what == "success" and event.size == "7B" for event in status.drift)
    assert "Drift: success of 7B changed from 1 to" in status.text()


def test_the_command_shows_a_history_and_exports_what_was_judged(path, tmp_path, capsys):
    assert main(["history", "status", str(path)]) == 0
    assert "10 decisions, 50.0% judged (by person 3, scorer 2), 10.0% explored" in capsys.readouterr().out
    assert main(["history", "status", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["weeks"][0]["decisions"] == 1
    table = tmp_path / "judged.parquet"
    assert main(["history", "export", str(path), "--out", str(table)]) == 0
    assert len(Outcomes.load(table).frame) == 5


def test_a_history_that_is_not_there_is_not_made(tmp_path):
    args = build_parser().parse_args(["history", "status", str(tmp_path / "none.db")])
    with pytest.raises(InvalidInputError, match="No history at"):
        args.do(args)
    assert not (tmp_path / "none.db").exists()
    args = build_parser().parse_args(["history", "export", str(tmp_path / "none.db")])
    with pytest.raises(InvalidInputError, match=r"--out outcomes\.parquet"):
        args.do(args)


def test_an_empty_history_has_a_status(tmp_path):
    with History(tmp_path / "h.db") as history:
        assert HistoryStatus.of(history).text() == "No decisions yet."

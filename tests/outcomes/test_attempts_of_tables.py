import pandas as pd
import pytest

from zeta_eval.exceptions import OutcomesError
from zeta_eval.outcomes import Outcomes

ROWS = {
    "task": "sums",
    "query_id": ["1"] * 4 + ["2"] * 4,
    "query": ["1 + 1?"] * 4 + ["2 + 2?"] * 4,
    "model": ["4B", "4B", "4B", "7B"] * 2,
    "attempt": [0, 1, 2, None] * 2,
    "score": [1.0, 0.0, 1.0, 1.0, None, 0.0, 1.0, 1.0],
    "response": ["2", "3", "2", "2", None, "5", "4", "4"],
    "gpu_s": [1.0, 2.0, 3.0, 9.0, 1.0, 1.0, 1.0, 9.0],
    "completion_tokens": [1, 2, 4, 5, 1, 1, 1, 1],
    "error": [None, None, None, None, "E: no", None, None, None],
}


def outcomes(**more):
    return Outcomes.from_frame(pd.DataFrame(ROWS | more))


def test_attempts_count_as_one_answer_with_the_mean_score_and_the_cost_of_one():
    table = outcomes()
    assert table.matrix("score").tolist() == [[pytest.approx(2 / 3), 1.0], [0.5, 1.0]]
    assert table.matrix("gpu_s").tolist() == [[2.0, 9.0], [1.0, 9.0]]
    assert table.matrix("completion_tokens").tolist() == [[1.0, 5.0], [1.0, 1.0]]  # those of the text below
    assert len(table.frame) == 4 and len(table.attempts) == 8 and table.n_attempts == 3
    assert table.texts("response").tolist() == [["2", "2"], ["5", "4"]]  # the first attempt with a score


def test_every_attempt_is_saved_and_read_back(tmp_path):
    table = outcomes()
    table.save(tmp_path / "t.parquet")
    again = Outcomes.load(tmp_path / "t.parquet")
    assert again.sha256 == table.sha256 and len(again.attempts) == 8
    assert again.matrix("score").tolist() == table.matrix("score").tolist()
    assert table.sha256 != outcomes(score=[0.0, 0.0, 1.0, 1.0, None, 0.0, 1.0, 1.0]).sha256


def test_a_part_of_a_table_has_the_attempts_of_its_queries():
    part = outcomes().take([1])
    assert part.attempts["query_id"].unique().tolist() == ["2"] and len(part.attempts) == 4


def test_one_attempt_twice_in_a_run_is_refused():
    with pytest.raises(OutcomesError, match="number them in a column 'attempt'"):
        outcomes(attempt=[0, 1, 1, None] * 2)


def test_the_newest_run_counts_with_all_its_attempts_and_no_others():
    runs = ["old", "old", "old", "old", "new", "new", "new", "new"]
    days = ["2026-01-01"] * 4 + ["2026-01-02"] * 4
    both = outcomes(query_id="1", query="1 + 1?", run_id=runs, created_at=days)
    assert both.attempts["run_id"].unique().tolist() == ["new"]
    assert both.matrix("score").tolist() == [[0.5, 1.0]]

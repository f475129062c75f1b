import pandas as pd
import pytest

from zeta_eval.cli import main
from zeta_eval.models import Ladder, ModelSpec
from zeta_eval.outcomes import Outcomes, summary
from zeta_eval.testing import make_outcomes
from zeta_eval.tracking.benched import iter_benchmark
from zeta_eval.tracking.items import Tag


def cut(*shares):
    """A table of 100 queries on sizes S1, S2, ... with these shares of answers cut off; None is unknown."""
    rows = [
        {
            "dataset": "d",
            "task": "t",
            "query_id": f"q{q}",
            "query": f"Question {q}?",
            "model": f"S{m + 1}",
            "score": 1.0,
            "truncated": None if part is None else q < 100 * part,
        }
        for m, part in enumerate(shares)
        for q in range(100)
    ]
    return Outcomes.from_frame(pd.DataFrame(rows))


def test_the_sizes_that_were_cut_off_are_told_in_one_line():
    note = cut(0.05, 0.06, 0.5, None).truncation_note
    assert note is not None and note.startswith("6% of S2's and 50% of S3's answers were cut off at the token limit")
    assert "--max-new-tokens" in note and "\n" not in note


@pytest.mark.parametrize("shares", [(0.0, 0.05), (None, None), (0.0, None)])
def test_nothing_is_told_of_tables_with_few_or_no_answers_cut_off(shares):
    outcomes = cut(*shares)
    assert outcomes.truncation_note is None and "Warning" not in repr(outcomes)


def test_the_warning_stands_in_the_text_of_the_table_and_the_shares_in_its_summary():
    outcomes = cut(0.0, 0.5)
    assert repr(outcomes).endswith("max_new_tokens.") and "\nWarning: 50% of S2's answers" in repr(outcomes)
    assert list(summary(outcomes)["share_truncated"]) == [0.0, 0.5]


def test_a_part_of_a_table_is_told_of_by_its_own_rows():
    outcomes = cut(0.5, 0.5)
    assert outcomes.for_sizes(["S1"]).truncation_note.count("50%") == 1
    assert make_outcomes(40).truncation_note is None


def test_the_warning_is_logged_with_the_benchmark():
    ladder = Ladder(name="l", models=(ModelSpec(size="S1", model="m"), ModelSpec(size="S2", model="n")))
    tags = {
        i.name: i.value for s, i in iter_benchmark(cut(0.0, 0.5), ladder, {}, {}) if s is None and isinstance(i, Tag)
    }
    assert tags["warning/truncated"].startswith("50% of S2's")
    quiet = {i.name for _, i in iter_benchmark(cut(0.0, 0.0), ladder, {}, {}) if isinstance(i, Tag)}
    assert "warning/truncated" not in quiet


def test_a_benchmark_whose_answers_are_cut_off_says_so(tmp_path, capsys):
    argv = ["bench", "--ladder", "embedded", "--tasks", "reverse", "--limit", "5", "--max-new-tokens", "1"]
    assert main([*argv, "--out", str(tmp_path / "o"), "--mlflow", "none"]) == 0
    said = capsys.readouterr().out
    assert "cut off" in said.splitlines()[0] and "Warning: 100% of 17K's" in said

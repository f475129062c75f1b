import pandas as pd
import pytest

from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.page import TASKS, accuracy, by_size, by_task
from zeta_eval.testing import make_outcomes


def test_a_notebook_shows_what_each_size_got_on_each_task():
    outcomes = make_outcomes(300)
    tasks = by_task(outcomes.frame, outcomes.sizes).set_index("task")
    for (task, size), score in outcomes.frame.groupby(["task", "model"])["score"].mean().items():
        assert tasks.loc[task, size].startswith(f"{score:.3f} [")
    html = outcomes._repr_html_()
    assert "Outcomes(300 queries x 3 sizes" in html and all(task in html for task in tasks.index)


def test_a_size_has_its_cost_latency_and_what_was_cut_off_where_the_table_tells():
    frame = make_outcomes(200).frame.assign(cost_usd=0.002, truncated=False)
    frame.loc[frame["model"] == "7B", "truncated"] = True
    outcomes = Outcomes.from_frame(frame)
    sizes = by_size(outcomes.frame, outcomes.sizes, outcomes.attempts).set_index("size")
    assert sizes.loc["7B", "USD per 1,000"] == "2" and sizes.loc["7B", "cut off"] == "100.0%"
    assert sizes.loc["4B", "latency p95"].endswith(" s") and "errors" not in sizes
    bare = frame[["task", "query_id", "query", "model", "score"]]
    bare = Outcomes.from_frame(bare)
    assert set(by_size(bare.frame, bare.sizes, bare.attempts)) == {"size", "queries", "accuracy [95 %]"}


def test_many_tasks_are_cut_and_no_text_is_markup():
    rows = [
        {"task": f"<b>{t}", "query_id": f"{t}:{q}", "query": f"{t} {q}", "model": m, "score": 1.0}
        for t in range(TASKS + 3)
        for q in range(2)
        for m in ("4B", "7B")
    ]
    html = Outcomes.from_frame(pd.DataFrame(rows))._repr_html_()
    assert "and 3 smaller tasks" in html and "<b>" not in html


@pytest.mark.parametrize(("mean", "n"), [(0.0, 10), (1.0, 10), (0.5, 1), (0.37, 1000)])
def test_an_interval_holds_the_mean_and_stays_between_0_and_1(mean, n):
    low, high = (float(x) for x in accuracy(mean, n).split("[")[1].rstrip("]").split(","))
    assert 0 <= low <= mean <= high <= 1


def test_no_score_has_no_interval():
    assert accuracy(float("nan"), 0) == "-"

import numpy as np
import pandas as pd
import pytest

import zeta_eval as ze
from zeta_eval.exceptions import UnknownNameError
from zeta_eval.notebook.inspect import MOST
from zeta_eval.notebook.inspect_rows import ORDERS, RESULTS
from zeta_eval.outcomes import Outcomes
from zeta_eval.testing import make_outcomes

MARK = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def table():
    frame = make_outcomes(600).frame
    frame["target"] = ["the sum of " + q for q in frame["query_id"]]
    frame["response"] = [f"{m} says {q} {MARK}" for m, q in zip(frame["model"], frame["query_id"], strict=True)]
    return Outcomes.from_frame(frame)


@pytest.fixture
def view(table):
    return ze.inspect(table)


def parts(view):
    """The four lists of choices, the field, the head, the table and the open query of the widget."""
    choices, head, grid, opened = view.widget.children
    return (*choices.children, head, grid, opened)


def test_results_are_what_the_scores_say(table, view):
    small, _, large = (table.matrix("score")[:, m] >= 0.5 for m in range(3))
    expected = {
        "right": (table.matrix("score") == 1).all(axis=1),
        "wrong": (table.matrix("score") == 0).all(axis=1),
        "small fails, large right": ~small & large,
        "small right, large fails": small & ~large,
    }
    for name, queries in expected.items():
        assert view.choose(result=name).frame()["query_id"].tolist() == table.query_ids[queries].tolist()
    alone = view.choose(result="wrong", size="7B").frame()
    assert alone["query_id"].tolist() == table.query_ids[table.matrix("score")[:, 1] == 0].tolist()


def test_a_task_and_a_text_of_an_answer_narrow_the_choice(view):
    found = view.choose(task="sums-2", contains="14b SAYS made/10").frame()
    assert len(found) and set(found["task"]) == {"sums-2"}
    assert all("made/10" in query_id for query_id in found["query_id"])


def test_what_comes_first_is_sorted_over_all_queries(table, view):
    lengths = view.choose(first="longest query").frame()["query"].str.len()
    assert lengths.is_monotonic_decreasing and len(lengths) == len(table)
    assert view.choose(first="lowest score").frame()[list(table.sizes)].mean(axis=1).is_monotonic_increasing
    costs = pd.Series(table.matrix("gpu_s")[:, 0], index=table.query_ids)
    dearest = view.choose(first="dearest answer", size=table.sizes[0]).frame()["query_id"]
    assert costs.loc[dearest].is_monotonic_decreasing


@pytest.mark.parametrize("wrong", [{"task": "sum"}, {"size": "8B"}, {"result": "rihgt"}, {"first": "longest"}])
def test_a_wrong_name_is_one_line_and_changes_nothing(view, wrong):
    with pytest.raises(UnknownNameError, match="Unknown"):
        view.choose(**wrong)
    assert len(view.chosen) == len(view.rows)


def test_incomplete_queries_attempts_and_errors_are_there_too(table):
    frame = table.frame.copy()
    frame.loc[0, ["score", "response", "error"]] = [np.nan, None, "out of memory"]
    again = frame.iloc[[4]].assign(attempt=1, response="a second try")
    frame = pd.concat([frame.drop(index=8).assign(attempt=0), again], ignore_index=True)
    view = ze.inspect(
        Outcomes.from_frame(frame).with_order(table.sizes), result="without a score", size=frame["model"][0]
    )
    assert view.frame()["query_id"].tolist()[0] == frame["query_id"][0]
    assert "No answer: out of memory" in view.open(0).query
    view.choose(contains=frame["query"][4]).open(0)
    assert "a second try" in view.query and "attempt 2" in view.query
    assert len(view.rows) == len(table)


def test_the_lists_and_the_view_stay_in_step(view):
    task, size, result, first, field, head, grid, opened = parts(view)
    result.value = "small fails, large right"
    assert view.wanted.result == "small fails, large right" and f"{len(view.chosen):,} of 600" in head.value
    view.choose(task="sums-1", contains="add up", first=ORDERS[0])
    assert (task.value, size.value, result.value, first.value, field.value) == ("sums-1", "", "", ORDERS[0], "add up")
    grid.selected_rows = [2]
    assert view.frame()["query_id"][2] in opened.value
    view.choose()
    assert opened.value == "" and grid.selected_rows == []
    assert [name for name, _ in result.options] == ["right or wrong", *RESULTS]


def test_the_table_of_the_widget_holds_the_chosen_queries_up_to_its_most(view):
    grid = parts(view)[-2]
    assert grid._dt_args["data_json"].count("sums-") == MOST and not grid._dt_args["ordering"]
    assert f"the first {MOST} are listed" in view.head()
    view.choose(result="small right, large fails")
    assert grid._dt_args["data_json"].count('["sums-') == len(view.chosen) and grid._dt_args["ordering"]


def test_nothing_in_a_table_is_markup(view):
    view.open(0)
    for html in (view.query, view.html(), parts(view)[-2]._dt_args["data_json"]):
        assert MARK not in html
    assert "&lt;img" in view.query and "the sum of" in view.query


def test_without_widgets_it_is_a_table_and_a_text(view):
    view.choose(result="wrong")
    words = view.frame()["query"][0][:30]
    assert words in view.text() and words in view._repr_html_()
    assert repr(view).startswith(f"{len(view.chosen):,} of 600 queries: wrong")
    view.choose(contains="nothing has this in it")
    assert "0 of 600" in view.text() and len(view.frame()) == 0


def test_in_a_notebook_without_a_kernel_the_page_alone_is_shown(notebook, table):
    notebook.variables["table"] = table
    done = notebook.run("import zeta_eval as ze\nze.inspect(table, result='wrong')")
    assert len(done.outputs) == 1 and "zeta-lasting" in done.outputs[0].data["text/html"]


def test_what_is_looked_for_is_shown_as_text(view):
    view.choose(contains=MARK)
    *_, head, _, _ = parts(view)
    assert MARK not in view.html() and MARK not in head.value and "&lt;img" in head.value

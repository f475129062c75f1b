from base64 import b64decode
from dataclasses import replace

import numpy as np
import pytest

import zeta_eval as ze
from zeta_eval.evaluation.replay import replay
from zeta_eval.exceptions import InvalidInputError, OutcomesError
from zeta_eval.notebook.explore import explore
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.estimators.seed import Seed
from zeta_eval.router.policy import RoutingPolicy, Rung
from zeta_eval.testing import make_outcomes
from zeta_eval.tuning import TuningSettings, tune

POLICY = RoutingPolicy(
    name="by words",
    rungs=tuple(Rung(size=s, cost=c) for s, c in zip(("4B", "7B", "14B"), (0.16, 0.4, 1.0), strict=True)),
    estimator=Seed(weights={"numbers": 3.0}, bias=-6.6, ability=(-0.5, 0.6, 1.7), slope=(1.0, 1.0, 1.0)),
    cost_weight=0.3,
    default_size="14B",
)


@pytest.fixture(scope="module")
def table():
    return make_outcomes(900, slope=4.0)


@pytest.fixture
def view(table):
    return explore(table, POLICY)


def parts(view):
    """Slider, mark, numbers, changes, path, button and message of the widget."""
    top, bottom, _ = view.widget.children
    (layers, slider, _), (numbers, changes, _) = (box.children for box in top.children)
    return slider, layers.children[1], numbers, changes, *bottom.children


def target(view):
    """The field that takes a target, and what it says."""
    return view.widget.children[0].children[0].children[2].children


def test_every_point_is_what_a_replay_at_that_cost_weight_says(table, view):
    for row in view.frame().iloc[::9].to_dict("records"):
        said = replay(POLICY, table, split="validate", cost_weight=row["cost_weight"], baselines=False).policy_row
        assert (row["accuracy"], row["cost"]) == pytest.approx((said.accuracy, said.cost))
        assert (row["accuracy_low"], row["accuracy_high"]) == pytest.approx(said.accuracy_ci)
        assert row["latency_p95_s"] == pytest.approx(said.latency_p95_s)
        assert [row[f"share_{s}"] for s in POLICY.sizes] == pytest.approx(list(said.shares.values()))


def test_the_policys_own_point_is_on_the_curve_and_nothing_has_moved_there(view):
    assert view.cost_weight == POLICY.cost_weight
    assert not len(view.moved()) and not len(view.changes())


def test_the_changes_add_up_to_the_difference_of_the_points(view):
    own = view.point
    view.cost_weight = 1.0
    changes, n = view.changes(), len(view.table)
    assert len(changes) > 0 and (changes["sizes"] != changes["sizes_own"]).all()
    assert changes["score_difference"].sum() / n == pytest.approx(view.point["accuracy"] - own["accuracy"])
    assert changes["cost_difference"].sum() / n == pytest.approx(view.point["cost"] - own["cost"])
    assert changes["score_difference"].abs().is_monotonic_decreasing


def test_the_slider_moves_the_mark_and_the_numbers(view):
    slider, mark, numbers, changes, *_ = parts(view)
    before = (mark.value, numbers.value)
    slider.value = len(slider.options) - 1
    assert view.cost_weight == view.points.weights[-1]
    assert mark.value != before[0] and numbers.value != before[1]
    assert f"{view.point['accuracy']:.3f}" in numbers.value
    assert f"<b>{len(view.moved())}</b>" in changes.value


def test_the_mark_lies_inside_the_picture_at_every_point(view):
    slider, mark, *_ = parts(view)
    for k in range(len(slider.options)):
        slider.value = k
        x, y = (float(mark.value.split(f"{c}='")[1].split("'")[0]) for c in ("cx", "cy"))
        assert 40 < x < 560 and 0 < y < 380


def test_the_slider_follows_the_view_and_the_view_the_slider(view):
    slider, _, numbers, *_ = parts(view)
    view.cost_weight = 5
    assert slider.label == "5" and slider.value == view.at
    slider.value = 3
    assert view.at == 3 and view.cost_weight == float(view.points.weights[3])
    view.cost_weight = 0.3137
    assert view.cost_weight == 0.3137 and slider.label == "0.3137" and "0.3137" in numbers.value
    assert len(slider.options) == len(view.points.weights) == len(view.frame())
    assert view.points.weights[view.own] == POLICY.cost_weight == view.row(view.own)["cost_weight"]


def test_an_added_cost_weight_is_measured_as_a_replay_does(table, view):
    view.cost_weight = 0.3137
    said = replay(POLICY, table, split="validate", cost_weight=0.3137, baselines=False).policy_row
    assert (view.point["accuracy"], view.point["cost"]) == pytest.approx((said.accuracy, said.cost))
    assert view.point["accuracy_low"] <= said.accuracy <= view.point["accuracy_high"]


def test_the_point_can_be_opened_again_by_a_cell(table, view):
    view.cost_weight = 0.7123
    again = eval(view.call(), {"ze": ze, "outcomes": table, "policy": POLICY})
    assert again.cost_weight == 0.7123 and again.point == view.point
    assert view.call() in view.text()


def test_a_target_in_words_moves_the_point(view):
    field, said = target(view)
    frame = view.frame()
    largest = view.data.singles[:, 1][view.data.singles[:, 0].argmax()]
    field.value = "keep 90 %"
    able = frame[frame["accuracy"] >= 0.9 * largest]
    assert view.point["accuracy"] >= 0.9 * largest and view.point["cost"] == able["cost"].min()
    assert f"{view.cost_weight:.4g}" in said.value
    field.value = "at most 40 % of the cost"
    assert view.point["cost_ratio"] <= 0.4
    assert view.point["accuracy"] == frame[frame["cost_ratio"] <= 0.4]["accuracy"].max()
    view.aim("at most 150 ms")
    assert view.point["latency_p95_s"] <= 0.15


@pytest.mark.parametrize(
    ("wish", "words"),
    [("95", "say one of"), ("keep 200 %", "the most is"), ("at most $1 per 1,000", "USD"), ("at most 1 ms", "least")],
)
def test_a_target_that_can_not_be_had_is_one_line_and_moves_nothing(view, wish, words):
    before = view.at
    with pytest.raises(InvalidInputError, match=words):
        view.aim(wish)
    assert view.at == before


def test_money_is_a_target_where_costs_are_money():
    priced = make_outcomes(400).frame
    priced["cost_usd"] = priced["gpu_s"] / 10
    table = Outcomes.from_frame(priced).with_order(POLICY.sizes)
    view = explore(table, replace(POLICY, cost_unit="cost_usd"))
    view.aim("at most $1.5 per 1,000")
    assert view.point["cost"] <= 0.0015
    assert f"${1000 * view.point['cost']:.3g} per 1,000" in parts(view)[2].value
    assert view.plot().get_xlabel() == "Cost (USD per 1,000 queries)"


def test_the_tasks_add_up_to_the_point(view):
    view.cost_weight = 1.0
    tasks = view.by_task()
    assert tasks["n"].sum() == len(view.table)
    assert (tasks["accuracy"] * tasks["n"]).sum() / tasks["n"].sum() == pytest.approx(view.point["accuracy"])
    shown = view.widget.children[0].children[1].children[2].value
    assert all(task in shown for task in tasks["task"])


def test_the_button_asks_before_it_overwrites(view, tmp_path):
    *_, path, button, said = parts(view)
    path.value = str(tmp_path / "p.json")
    (tmp_path / "p.json").write_text("something else")
    button.click()
    assert "overwrite" in said.value and (tmp_path / "p.json").read_text() == "something else"
    view.cost_weight = 0.8  # moving asks anew
    button.click()
    assert (tmp_path / "p.json").read_text() == "something else" and button.description == "Overwrite it"
    button.click()
    assert RoutingPolicy.load(path.value).cost_weight == 0.8 and button.description == "Save policy"


def test_a_policy_that_is_not_there_is_one_line_in_a_notebook(notebook, table):
    notebook.variables["table"] = table
    notebook.fails("import zeta_eval as ze\nze.explore(table, 'nosuch.json')", "nosuch.json")


def test_a_saved_point_is_a_policy_with_its_own_verdict(table, view, tmp_path):
    view.cost_weight = 0.8
    saved = RoutingPolicy.load(view.save(tmp_path / "point.json"))
    assert saved.cost_weight == view.cost_weight != POLICY.cost_weight
    assert saved.verdict == replay(saved, table, baselines=False).verdict
    assert saved.provenance["chosen_from"] == POLICY.checksum
    same = replace(saved, cost_weight=0.3, verdict=POLICY.verdict, provenance={})
    assert same == POLICY


def test_the_button_saves_and_says_what_went_wrong(view, tmp_path):
    *_, path, button, said = parts(view)
    path.value = str(tmp_path / "p.json")
    button.click()
    assert RoutingPolicy.load(path.value).cost_weight == view.cost_weight
    assert "p.json" in said.value
    (tmp_path / "file").write_text("")
    path.value = str(tmp_path / "file" / "p.json")
    button.click()
    assert "Not saved" in said.value
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "p.json"]


def test_without_widgets_it_is_a_picture_and_a_text(view):
    view.cost_weight = 1.0
    page = view.page()
    assert b64decode(page["image/png"]).startswith(b"\x89PNG")
    assert "zeta-light" in page["text/html"] and "zeta-dark" in page["text/html"]
    assert page["text/plain"] == view.text() == repr(view)
    assert f"{view.point['accuracy']:.4g}" in page["text/plain"]


def test_the_figure_names_its_axes_with_units(view):
    axes = view.figure().axes[0]
    assert axes.get_xlabel() == "Cost (GPU milliseconds per query)"
    assert axes.get_ylabel() == "Accuracy (mean score, 0 to 1)"
    labels = set(axes.get_legend_handles_labels()[1])
    assert {"policy", "oracle", "one size alone", "random mix of sizes", "policy's own point"} <= labels
    assert view.plot().get_xlabel() == axes.get_xlabel()


def test_no_text_of_the_table_is_taken_for_markup(table):
    frame = table.frame.copy()
    frame["query"] = "<img src=x onerror=alert(1)> " + frame["query"]
    view = explore(Outcomes.from_frame(frame).with_order(table.sizes), POLICY)
    slider, _, _, changes, *_ = parts(view)
    slider.value = len(slider.options) - 1
    assert "<img" not in changes.value and "&lt;img" in changes.value


def test_a_tuning_report_shows_its_policy(table):
    report = tune(table, TuningSettings(n_trials=1, estimator="heuristic"))
    assert ze.explore(table, report).policy == report.policy


def test_a_wrong_weight_or_table_is_one_line(table, view):
    with pytest.raises(InvalidInputError, match="cost_weight is nan"):
        view.cost_weight = np.nan
    with pytest.raises(OutcomesError, match="no outcomes of 14B"):
        explore(table.with_order(("4B", "7B")), POLICY)

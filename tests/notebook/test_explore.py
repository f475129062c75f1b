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
    top, bottom = view.widget.children
    (layers, slider), (numbers, changes) = (box.children for box in top.children)
    return slider, layers.children[1], numbers, changes, *bottom.children


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
    picture, text, widget = view.outputs()
    assert widget["application/vnd.jupyter.widget-view+json"]["model_id"] == view.widget.model_id
    assert b64decode(picture["image/png"]).startswith(b"\x89PNG")
    assert text["text/plain"] == view.text() == repr(view)
    assert f"{view.point['accuracy']:.4g}" in text["text/plain"]


def test_the_figure_names_its_axes_with_units(view):
    axes = view.figure().axes[0]
    assert axes.get_xlabel() == "Cost per query (GPU seconds)"
    assert axes.get_ylabel() == "Accuracy (mean score, 0 to 1)"
    labels = set(axes.get_legend_handles_labels()[1])
    assert {"policy", "oracle", "one size alone", "random mix of sizes", "policy's own point"} <= labels


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

import json
from dataclasses import replace

import numpy as np
import pytest
from random_policies import answered, policy, queries
from replay_tables import COSTS, by_length, length_policy, outcomes, random_outcomes

from zeta_eval import api
from zeta_eval.evaluation.decisions import decisions
from zeta_eval.evaluation.replay import replay
from zeta_eval.evaluation.versus import compare
from zeta_eval.exceptions import InvalidInputError, OutcomesError, UnknownNameError
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.split import families
from zeta_eval.tuning.promotion import by_replay, shown

FIRST, OTHER = length_policy(), length_policy(name="thrifty", cost_weight=1.2)


@pytest.fixture(scope="module")
def table():
    return random_outcomes(800, latency=True)


@pytest.fixture(scope="module")
def report(table):
    return compare({"first": FIRST, "other": OTHER}, table, n_bootstrap=200)


def test_the_rows_are_those_of_a_replay_of_each_policy(table, report):
    for row, one in zip(report.frame().to_dict("records"), (FIRST, OTHER), strict=True):
        alone = replay(one, table, n_bootstrap=200, baselines=False).policy_row
        assert row["accuracy"] == pytest.approx(alone.accuracy)
        assert (row["accuracy_low"], row["accuracy_high"]) == pytest.approx(alone.accuracy_ci)
        assert row["cost"] == pytest.approx(alone.cost)
        assert row["cost_ratio"] == pytest.approx(alone.cost_ratio)
        assert row["latency_p95_s"] == pytest.approx(alone.latency_p95_s)
        assert {s: row[f"share_{s}"] for s in report.sizes} == pytest.approx(alone.shares)


def test_the_differences_are_sums_over_the_queries_that_disagree(report):
    other = report.rows.iloc[1]
    for name, column in (("accuracy", "score_difference"), ("cost", "cost_difference")):
        assert other[f"{name}_difference"] == pytest.approx(report.disagreements[column].sum() / report.n)
        assert other[f"{name}_difference"] == pytest.approx(report.rows[name][1] - report.rows[name][0])
        low, high = other[f"{name}_difference_low"], other[f"{name}_difference_high"]
        assert low < other[f"{name}_difference"] < high
    assert other["n_differ"] == len(report.disagreements) == report.by_task["n_differ"].sum() > 0


def test_tasks_add_up_to_the_whole(report):
    tasks = report.by_task
    assert tasks["n"].sum() == report.n
    whole = (tasks["n"] * tasks["accuracy_difference"]).sum() / report.n
    assert whole == pytest.approx(report.rows["accuracy_difference"][1])
    assert tasks["won"].sum() == (report.disagreements["score_difference"] > 0).sum()


def test_a_policy_does_not_differ_from_itself(table):
    report = compare({"a": FIRST, "b": replace(FIRST, name="again")}, table, n_bootstrap=50)
    assert not len(report.disagreements)
    assert report.rows[["accuracy_difference", "cost_difference", "utility_difference"]].iloc[1].tolist() == [0, 0, 0]
    assert report.rows["accuracy_p"][1] == 1
    assert "neither better nor worse" in report.text()
    assert report.figure().axes


def test_a_clearly_better_policy_is_called_better(table):
    silly = replace(FIRST, estimator=by_length(weights={"words": -3.0}, bias=8.2))  # takes short queries for hard
    report = compare({"silly": silly, "right": FIRST}, table, cost_weight=0.3, n_bootstrap=200)
    assert report.rows["utility_difference_low"][1] > 0
    assert report.text().endswith(": better.")
    turned = compare({"right": FIRST, "silly": silly}, table, cost_weight=0.3, n_bootstrap=200)
    assert turned.text().endswith(": worse.")
    assert turned.rows["utility_difference"][1] == pytest.approx(-report.rows["utility_difference"][1])


def test_a_cascade_is_charged_every_step():
    rng = np.random.default_rng(3)
    texts, _ = queries(rng, 60)
    table = answered(rng, texts, 3)
    cascading = replace(policy(rng, "heuristic", cascades=True), cost_weight=0.05)
    plain = replace(cascading, looks=())
    report = compare({"plain": plain, "cascading": cascading}, table, split="all", n_bootstrap=50)
    made = decisions(cascading, table)
    assert made["steps"].map(len).max() > 1
    cost = table.frame.set_index(["query_id", "model"])["gpu_s"]
    spent = [sum(cost[q, s] for s in steps) for q, steps in zip(made["query_id"], made["steps"], strict=True)]
    assert report.rows["cost"][1] == pytest.approx(np.mean(spent))
    assert report.disagreements["sizes"].str.contains(" > ").any()


def test_policies_with_other_sizes_meet_on_the_queries_that_all_sizes_answered(table):
    frame = table.frame
    gap = frame.index[(frame["model"] == "14B")][:100]
    holes = Outcomes.from_frame(frame.drop(gap)).with_order(table.sizes)
    two = by_length(ability=(-0.5, 0.8), slope=(1.0, 1.0))
    small = length_policy(name="small", rungs=FIRST.rungs[:2], estimator=two, default_size="4B")
    report = compare({"small": small, "first": FIRST}, holes, split="all", n_bootstrap=50)
    assert report.n == len(holes) == 700
    assert report.n_excluded == 100
    assert report.rows["share_14B"][0] == 0 < report.rows["share_14B"][1]
    assert not {*frame.loc[gap, "query_id"]} & {*report.disagreements["query_id"]}


def test_like_queries_are_counted_as_families(table, report):
    n = int(families(table.split("test").queries).max()) + 1
    assert report.n_families == n < report.n
    assert f"{report.n} queries in {n} families of like ones" in report.title()


def test_a_common_cost_weight_counts_for_all(table, report):
    assert report.rows["cost_weight"].tolist() == [FIRST.cost_weight, OTHER.cost_weight]
    assert report.cost_weight == FIRST.cost_weight
    common = compare({"a": FIRST, "b": OTHER}, table, cost_weight=0.7, n_bootstrap=50)
    assert common.rows["cost_weight"].tolist() == [0.7, 0.7]
    assert not len(common.disagreements)  # they differ in their cost weight only


def test_the_json_is_strict_and_the_html_escapes(table, report):
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert data["schema_version"] == 1
    assert data["rows"][0]["accuracy_difference"] is None
    assert len(data["disagreements"]) == len(report.disagreements)
    page = compare({"<b>a</b>": FIRST, "b": OTHER}, table, n_bootstrap=10)._repr_html_()
    assert "<b>a" not in page and "&lt;b&gt;a" in page


def test_the_figure_names_its_axes_with_units(report):
    plane, forest = report.figure().axes
    assert plane.get_xlabel() == "Cost (GPU seconds per query)"
    assert "95 % interval" in forest.get_xlabel()
    assert forest.get_yticklabels()[0].get_text() == "all queries"


@pytest.mark.parametrize(
    ("policies", "settings", "error", "words"),
    [
        ({"a": FIRST}, {}, InvalidInputError, "at least two"),
        ({"a": FIRST, "b": OTHER}, {"cost_weight": -1.0}, InvalidInputError, "cost_weight is -1.0"),
        ({"a": FIRST, "b": OTHER}, {"split": "tst"}, UnknownNameError, "Did you mean 'test'"),
        ({"a": FIRST, "b": policy(np.random.default_rng(0), "heuristic")}, {}, OutcomesError, "route to 1B, 2B|2B"),
    ],
)
def test_a_mistake_is_one_line(table, policies, settings, error, words):
    with pytest.raises(error, match=words) as caught:
        compare(policies, table, **settings)
    assert "\n" not in str(caught.value)


def test_the_verb_takes_files_and_names_them(table, tmp_path):
    table.save(tmp_path / "t.parquet")
    paths = [FIRST.save(tmp_path / "one.json"), OTHER.save(tmp_path / "two.json")]
    assert api.compare(paths, tmp_path / "t.parquet").policies == ("one", "two")
    alike = api.compare([FIRST, replace(FIRST, cost_weight=0.9)], table)
    assert [name.split("@")[0] for name in alike.policies] == ["by length", "by length"]
    with pytest.raises(InvalidInputError, match="at least two"):
        api.compare(str(paths[0]), table)
    with pytest.raises(InvalidInputError, match="there twice"):
        api.compare([FIRST, FIRST], table)


def test_where_all_queries_differ_in_their_digits_alone_nothing_can_be_told():
    rng = np.random.default_rng(0)
    score = (rng.random((200, 3)) < 0.5).astype(float)
    table = outcomes(score, [COSTS] * 200, [f"What is {100 + i} plus {999 - i}?" for i in range(200)])
    versus = compare(
        {"old": length_policy(), "new": length_policy(estimator=by_length(bias=-20.0))}, table, split="all"
    )
    row = versus.rows.iloc[1]
    assert np.isnan([row["utility_difference_low"], row["utility_difference_high"]]).all()
    assert not shown([by_replay(versus)])

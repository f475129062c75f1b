import json

import pytest
from replay_tables import length_policy, random_outcomes

from zeta_eval.evaluation.replay import replay


@pytest.fixture(scope="module")
def report():
    return replay(length_policy(), random_outcomes(600), n_bootstrap=50)


def test_the_frame_has_a_row_per_strategy_with_intervals_and_shares(report):
    frame = report.frame()
    assert frame["strategy"].tolist() == [r.strategy for r in report.rows]
    assert (frame["accuracy_low"] <= frame["accuracy"]).all()
    assert frame[["share_1B", "share_4B", "share_14B"]].sum(axis=1).to_numpy() == pytest.approx(1)


def test_the_text_is_a_table_that_ends_in_words(report):
    lines = report.text().splitlines()
    table = lines[2 : 3 + len(report.rows)]
    assert len({len(line) for line in table}) == 1
    assert table[0].split()[:2] == ["strategy", "accuracy"]
    assert lines[-1] == report.verdict.text
    assert "-0.000" not in report.text()


def test_the_json_file_is_strict_and_says_its_version(report, tmp_path):
    path = report.save_json(tmp_path / "report.json")
    data = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert data["schema_version"] == 2
    assert data["rows"][0]["accuracy"] == report.policy_row.accuracy
    assert data["summary"]["pgr"].keys() == {"value", "low", "high"}
    assert (data["n"], data["seed"], data["n_bootstrap"]) == (report.n, 0, 50)
    assert list(tmp_path.iterdir()) == [path]


def test_the_html_escapes_names():
    policy = length_policy(name="<b>mine</b>")
    page = replay(policy, random_outcomes(200), n_bootstrap=10, baselines=False)._repr_html_()
    assert "&lt;b&gt;mine" in page
    assert ">policy</td>" in page


def test_the_figure_names_its_axes_with_units(report):
    axes = report.plot()
    assert axes.get_xlabel() == "Cost (GPU seconds per query)"
    assert axes.get_ylabel() == "Accuracy (mean score, 0 to 1)"
    labels = axes.get_legend_handles_labels()[1]
    assert {"policy", "kNN", "oracle", "random mix of sizes", "one size alone"} <= set(labels)

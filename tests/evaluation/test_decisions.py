import dataclasses

import numpy as np
import pandas as pd
import pytest

from zeta_eval.cli import main
from zeta_eval.evaluation.decisions import decisions, save_decisions
from zeta_eval.evaluation.replay import replay
from zeta_eval.exceptions import InvalidInputError
from zeta_eval.router.cascade import Look, Posterior


def looking(sizes):
    """Looks at the confidence of every first answer."""
    return tuple(
        Look(
            ran=(size,),
            spread=0.5,
            posteriors=(Posterior(size=size, bias=1.0, prior=1.0, own=0.0, weights={"mean_logprob": 6.0}),),
        )
        for size in sizes[:-1]
    )


def recomputed(frame, outcomes, unit):
    """Mean score and cost from the decisions and the table alone."""
    rows = outcomes.frame.set_index(["query_id", "model"])
    score = [rows.loc[(q, f), "score"] for q, f in zip(frame["query_id"], frame["final"], strict=True)]
    steps = zip(frame["query_id"], frame["steps"], strict=True)
    cost = [sum(rows.loc[(q, size), unit] for size in ran) for q, ran in steps]
    return np.mean(score), np.mean(cost)


def test_the_reports_figures_follow_from_decisions_and_table_alone(tuned, tmp_path):
    outcomes, tuning = tuned
    policy = dataclasses.replace(tuning.policy, looks=())
    report = replay(policy, outcomes)
    path = tmp_path / "d.parquet"
    policy.save(tmp_path / "p.json")
    outcomes.save(tmp_path / "t.parquet")
    assert main(["replay", str(tmp_path / "p.json"), str(tmp_path / "t.parquet"), "--decisions", str(path)]) == 0
    frame = pd.read_parquet(path)
    assert recomputed(frame, outcomes, "gpu_s") == pytest.approx((report.policy_row.accuracy, report.policy_row.cost))


def test_along_the_curve_each_point_is_the_reports(tuned):
    outcomes, tuning = tuned
    policy = dataclasses.replace(tuning.policy, looks=())
    curve = next(c for c in replay(policy, outcomes, baselines=False).curves if c.strategy == "policy")
    frame = decisions(policy, outcomes.split("test"), curve=True)
    points = [recomputed(f, outcomes, "gpu_s") for _, f in frame.groupby("cost_weight")]
    expected = np.column_stack([curve.accuracy, curve.cost])[:-1]  # the last is the cheapest size for all
    np.testing.assert_allclose(points, expected)


def test_cascading_decisions_cost_every_step_as_the_report_says(tuned):
    outcomes, tuning = tuned
    policy = dataclasses.replace(tuning.policy, looks=looking(outcomes.sizes))
    report = replay(policy, outcomes, baselines=False)
    row = report.policy_row
    frame = decisions(policy, outcomes.split("test"))
    assert frame["steps"].map(len).max() > 1
    assert [f == s[-1] for f, s in zip(frame["final"], frame["steps"], strict=True)] == [True] * len(frame)
    assert recomputed(frame, outcomes, "gpu_s") == pytest.approx((row.accuracy, row.cost))
    for way, found in report.way_rows.items():
        used = decisions(policy, outcomes.split("test"), way=way)
        assert recomputed(used, outcomes, "gpu_s") == pytest.approx((found.accuracy, found.cost)), way
    assert row.cost != report.way_rows["route with task"].cost


def test_along_a_cascades_curve_each_point_is_the_reports(tuned):
    outcomes, tuning = tuned
    policy = dataclasses.replace(tuning.policy, looks=looking(outcomes.sizes))
    curves = {c.strategy: c for c in replay(policy, outcomes, baselines=False).curves}
    assert list(curves) == ["policy", "policy, route", "policy, route with task", "policy, generate", "oracle"]
    curve = curves["policy"]
    frame = decisions(policy, outcomes.split("test"), curve=True)
    weights, points = zip(
        *((w, recomputed(f, outcomes, "gpu_s")) for w, f in frame.groupby("cost_weight")), strict=True
    )
    assert weights == pytest.approx(curve.cost_weight)
    np.testing.assert_allclose(points, np.column_stack([curve.accuracy, curve.cost]))


def test_decisions_go_to_parquet_only(tmp_path):
    with pytest.raises(InvalidInputError, match="written as Parquet"):
        save_decisions(pd.DataFrame(), tmp_path / "d.csv")

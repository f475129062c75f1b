import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from replay_tables import COSTS, SIZES, by_length, frame, length_policy, outcomes, random_outcomes

from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.predict import expect
from zeta_eval.evaluation.measures import gap
from zeta_eval.evaluation.replay import replay
from zeta_eval.exceptions import InvalidInputError, OutcomesError
from zeta_eval.outcomes import Outcomes
from zeta_eval.router import ZetaDynamicRouter


@pytest.fixture(scope="module")
def table():
    return random_outcomes(1500, latency=True)


@pytest.fixture(scope="module")
def report(table):
    return replay(length_policy(), table, n_bootstrap=300)


def by_name(report):
    return {row.strategy: row for row in report.rows}


def test_the_report_holds_the_policy_and_every_baseline(report):
    names = ["policy", "policy, route", *(f"{s} alone" for s in SIZES), "random mix", "length only", "kNN", "oracle"]
    assert [row.strategy for row in report.rows] == names
    assert [c.strategy for c in report.curves] == ["policy", "policy, route", "length only", "kNN", "oracle"]


def test_a_curve_that_is_traced_point_by_point_is_the_same(table, report, monkeypatch):
    monkeypatch.setattr(gap, "_HELD", 1)
    again = replay(length_policy(), table, n_bootstrap=300)
    assert again.curves == report.curves
    for row, expected in zip(again.rows, report.rows, strict=True):
        assert row.gap_closed_ci == pytest.approx(expected.gap_closed_ci, nan_ok=True)


def test_the_policys_row_is_what_the_router_earns_query_by_query(table, report):
    test, router = table.split("test"), ZetaDynamicRouter(length_policy())
    chosen = [SIZES.index(router.route(q).size) for q in test.queries]
    at = (np.arange(len(test)), chosen)
    row = report.policy_row
    assert row.accuracy == pytest.approx(test.matrix("score")[at].mean())
    assert row.cost == pytest.approx(test.matrix("gpu_s")[at].mean())
    assert row.cost_ratio == pytest.approx(row.cost / test.matrix("gpu_s")[:, 2].mean())
    assert list(row.shares.values()) == pytest.approx([chosen.count(m) / len(test) for m in range(3)])
    latency = np.sort(test.matrix("latency_s")[at])
    assert row.latency_p50_s == latency[math.ceil(0.5 * len(test)) - 1]


def test_a_single_size_has_its_own_mean_and_no_lift(table, report):
    test, row = table.split("test"), by_name(report)["14B alone"]
    assert row.accuracy == pytest.approx(test.matrix("score")[:, 2].mean())
    assert row.accuracy_ci[0] < row.accuracy < row.accuracy_ci[1]
    assert row.shares == {"1B": 0, "4B": 0, "14B": 1}
    assert row.lift == pytest.approx(0)
    assert math.isnan(row.gap_closed)


def test_the_random_mix_costs_what_the_policy_costs(report):
    rows = by_name(report)
    assert rows["random mix"].cost == pytest.approx(rows["policy"].cost)
    assert rows["policy"].lift == pytest.approx(rows["policy"].accuracy - rows["random mix"].accuracy)
    assert rows["random mix"].gap_closed == 0


def test_a_policy_that_knows_the_difficulty_is_proven(report):
    row = report.policy_row
    assert 0.1 < row.gap_closed_ci[0] < row.gap_closed < row.gap_closed_ci[1] < 1
    assert report.verdict.status == "proven"
    assert report.verdict.lift_ci == row.lift_ci
    assert "of the largest size's accuracy at" in report.verdict.text
    assert by_name(report)["oracle"].gap_closed == pytest.approx(1)


def test_a_policy_that_always_takes_one_size_is_not_proven(table):
    always = by_length(weights={}, ability=(9.0, 9.0, 9.0))
    report = replay(length_policy(estimator=always), table, n_bootstrap=100, baselines=False)
    assert report.policy_row.shares["1B"] == 1
    assert report.verdict.status == "not proven on this data"
    best = by_name(report)[f"{report.verdict.best_single_size} alone"]
    done = f"accuracy {best.accuracy:.3f} at {100 * best.cost_ratio:.0f} % of the cost"
    assert f"best single size: {report.verdict.best_single_size}, {done}." in report.verdict.text
    alone = [by_name(report)[f"{size} alone"] for size in report.sizes]
    assert best.cost == min(row.cost for row in alone if row.accuracy >= report.policy_row.accuracy)


def test_a_policy_without_signal_is_rarely_proven():
    proven = 0
    for seed in range(20):
        table = random_outcomes(300, seed=seed, signal=0.0)
        proven += (
            replay(length_policy(), table, split="all", seed=seed, n_bootstrap=200, baselines=False).verdict.status
            == "proven"
        )
    assert proven <= 2


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 3))
def test_no_policy_beats_the_oracle(seed, weight):
    rng = np.random.default_rng(seed)
    score, cost = rng.integers(0, 3, (40, 3)) / 2, rng.uniform(0.1, 1, (40, 3)) * COSTS
    data = Evaluator(outcomes(score, cost), "gpu_s")
    p, expected = rng.random((40, 3)), rng.random((40, 3))
    mine, best = data.point(p, expected, weight), data.point(data.score, data.cost, weight)
    assert mine[0] - weight * mine[1] <= best[0] - weight * best[1] + 1e-12
    assert data.curve_auc(p, expected) <= data.curve_auc(data.score, data.cost) + 0.01  # curves have finite grids


def test_a_forced_query_goes_to_its_size_at_every_cost_weight():
    data = Evaluator(outcomes([[0, 0, 1]] * 4, [COSTS] * 4), "gpu_s")
    p, forced = np.tile([0.5, 0.6, 0.9], (4, 1)), np.array([[0, 0, 1], [1, 0, 0], [1, 1, 1], [1, 1, 1]], dtype=bool)
    assert data.point(p, data.cost, np.inf, forced) == pytest.approx((0.25, (1.0 + 0.1 * 3) / 4))
    assert data.point(p, data.cost, 0.0, forced) == pytest.approx((0.75, (1.0 * 3 + 0.1) / 4))


def test_the_evaluator_agrees_with_the_report(table, report):
    test, policy = table.split("test"), length_policy()
    data = Evaluator(test, "gpu_s")
    score, cost = data.point(*expect(policy, data.features), policy.cost_weight)
    assert (score, cost) == pytest.approx((report.policy_row.accuracy, report.policy_row.cost_ratio))


def test_the_same_seed_gives_the_same_report(table, report):
    assert replay(length_policy(), table, n_bootstrap=300).to_dict() == report.to_dict()


def test_another_cost_weight_moves_along_the_curve(table):
    cheap, dear = (replay(length_policy(), table, cost_weight=w, n_bootstrap=10, baselines=False) for w in (2.0, 0.0))
    assert cheap.policy_row.cost < dear.policy_row.cost
    assert (cheap.cost_weight, dear.cost_weight) == (2.0, 0.0)


@pytest.mark.parametrize("split", ["tune", "validate", "test", "all"])
def test_every_split_has_learned_baselines_that_never_saw_its_queries(split):
    rng = np.random.default_rng(0)
    score = (rng.random((300, 3)) < 0.5).astype(float)  # noise: only a look at the answers could predict it
    texts = [f"word{i} other{i}" for i in range(300)]
    report = replay(length_policy(), outcomes(score, [COSTS] * 300, texts), split=split, n_bootstrap=20)
    assert by_name(report)["kNN"].gap_closed < 0.3
    assert any("looks better" in n for n in report.notes) == (split != "test")


def test_sizes_the_policy_does_not_know_are_ignored_and_named():
    score = np.random.default_rng(0).integers(0, 2, (60, 4)).astype(float)
    sizes = (*SIZES, "70B")
    table = outcomes(score, [(*COSTS, 50.0)] * 60, sizes=sizes)
    report = replay(length_policy(), table, split="all", n_bootstrap=10)
    assert report.sizes == SIZES
    assert report.sizes_ignored == ("70B",)
    assert "sizes of the table that the policy lacks are ignored (1): 70B." in report.text()
    assert report.n == 60


def test_incomplete_and_unscored_queries_are_counted():
    long = frame(np.ones((40, 3)), [COSTS] * 40)
    long.loc[0, "score"] = np.nan
    report = replay(
        length_policy(), Outcomes.from_frame(long.drop(index=5)).with_order(SIZES), split="all", n_bootstrap=10
    )
    assert (report.n, report.n_excluded) == (38, 2)
    assert "2 excluded" in report.title()


def test_a_missing_size_is_named_with_what_the_table_holds():
    table = outcomes(np.ones((20, 2)), [COSTS[:2]] * 20, sizes=SIZES[:2])
    with pytest.raises(OutcomesError, match=r"no outcomes of 14B \(it has 1B, 4B\)"):
        replay(length_policy(), table, split="all")


def test_a_missing_cost_column_is_named_with_those_there_are(table):
    with pytest.raises(OutcomesError, match="'cost_usd': it has gpu_s, latency_s"):
        replay(length_policy(), table, cost="cost_usd")


def test_costs_that_are_all_zero_are_refused():
    with pytest.raises(OutcomesError, match="'gpu_s' is 0 on every query"):
        replay(length_policy(), outcomes(np.ones((20, 3)), np.zeros((20, 3))), split="all")


@pytest.mark.parametrize("weight", [-1.0, math.inf, math.nan])
def test_a_bad_cost_weight_is_refused(table, weight):
    with pytest.raises(InvalidInputError, match="cost_weight is"):
        replay(length_policy(), table, cost_weight=weight)


@pytest.mark.parametrize("score", [np.ones((12, 3)), np.zeros((12, 3))])
def test_a_table_on_which_all_sizes_do_alike_has_no_gap_to_close(score):
    report = replay(length_policy(), outcomes(score, [COSTS] * 12), split="all", n_bootstrap=20)
    assert report.verdict.status == "not proven on this data"
    assert report.text()
    assert report.to_dict()["summary"]["apgr"] is None


def test_a_ladder_of_one_size_replays():
    one = by_length(ability=(0.0,), slope=(1.0,))
    policy = length_policy(rungs=length_policy().rungs[:1], estimator=one, default_size="1B")
    table = outcomes(np.ones((12, 1)), np.ones((12, 1)), sizes=("1B",))
    report = replay(policy, table, split="all", n_bootstrap=10)
    assert report.policy_row.accuracy == 1
    assert report.pairs == ()


def test_a_cost_that_is_missing_outside_the_split_is_no_hindrance():
    table = random_outcomes(400)
    frame = table.frame
    outside = ~frame["query"].isin(set(table.split("test").queries))
    frame.loc[frame.index[outside][:1], "gpu_s"] = np.nan
    with_gap = Outcomes.from_frame(frame).with_order(SIZES)
    assert replay(length_policy(), with_gap, n_bootstrap=10, baselines=False).n == len(table.split("test"))


def test_a_policy_without_a_cascade_keeps_the_default_size_s_answer():
    texts = [f"{'?' * (i + 2)}" for i in range(30)]
    table = outcomes(np.tile([0.0, 1.0, 1.0], (30, 1)), [COSTS] * 30, texts)
    row = replay(length_policy(default_size="1B"), table, split="all", n_bootstrap=10, baselines=False).policy_row
    assert row.shares["1B"] == 1 and row.cost == pytest.approx(COSTS[0])

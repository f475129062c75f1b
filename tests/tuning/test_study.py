import html
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from zeta_eval.evaluation.replay import replay
from zeta_eval.exceptions import InvalidInputError, OutcomesError
from zeta_eval.outcomes import Outcomes
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.testing import make_outcomes
from zeta_eval.tuning import TuningSettings, study, tune
from zeta_eval.tuning.heuristic import START


@pytest.fixture(scope="module")
def outcomes():
    return make_outcomes(900, seed=3, slope=4.0)


@pytest.fixture(scope="module")
def report(outcomes):
    return tune(outcomes, TuningSettings(n_trials=20, estimator="heuristic"))


def test_the_policy_keeps_nearly_all_accuracy_at_less_cost(report):
    row = report.test.policy_row
    largest = next(r for r in report.test.rows if r.strategy == "14B alone")
    assert row.cost_ratio < 0.95
    assert row.accuracy > largest.accuracy - 0.04
    assert report.policy.verdict.status == "proven"
    assert report.policy.verdict == report.test.verdict


def test_tuning_again_with_the_same_seed_gives_the_same_policy(tuned):
    table, report = tuned
    assert tune(table, TuningSettings(n_trials=20)).policy.checksum == report.policy.checksum


def test_of_a_large_table_a_sample_is_tuned_on_and_said_so(report, monkeypatch):
    monkeypatch.setattr(study, "MOST", 150)
    large = make_outcomes(400)
    sampled = tune(large, TuningSettings(n_trials=1, estimator="heuristic"))
    assert sampled.policy.provenance["queries"]["sampled"] == 150
    assert sampled.test.n == len(large.split("test"))
    assert "sampled" not in report.policy.provenance["queries"]


def test_a_table_of_a_single_template_is_tuned_on_with_a_note():
    table = make_outcomes(150)
    frame = table.frame.assign(
        query="What is the square of " + (table.frame["query_id"].str[5:].astype(int) + 100).astype(str)
    )
    report = tune(Outcomes.from_frame(frame), TuningSettings(n_trials=1, estimator="heuristic", keep=0.5))
    assert "1 families of like queries (100% of the table) lie in several splits" in report.text()
    assert f"{report.test.n} queries in 1 families of like ones" in report.text()
    assert report.policy.verdict.status == "not proven on this data"
    assert "It takes each query as a draw of its own, though they come in 1 families of like ones." in report.text()


def test_the_test_split_never_reaches_the_search(tuned):
    table, report = tuned
    frame = table.frame.copy()
    held_out = set(table.split("test").query_ids)
    flipped = frame["query_id"].isin(held_out)
    frame.loc[flipped, "score"] = 1 - frame.loc[flipped, "score"]
    again = tune(Outcomes.from_frame(frame).with_order(table.sizes), TuningSettings(n_trials=20))
    for part in ("estimator", "rungs", "cost_weight", "costs", "domain", "looks"):
        assert getattr(again.policy, part) == getattr(report.policy, part)


def test_a_saved_policy_replays_and_routes_as_reported(tuned, tmp_path):
    outcomes, report = tuned
    router = ZetaDynamicRouter.load(report.policy.save(tmp_path / "p.json"))
    test = outcomes.split("test")
    chosen = [
        router.policy.sizes.index(router.route(q, task=t).size) for q, t in zip(test.queries, test.tasks, strict=True)
    ]
    accuracy = test.matrix("score")[np.arange(len(test)), chosen].mean()
    assert accuracy == pytest.approx(report.test.way_rows["route with task"].accuracy)
    assert replay(router.policy, outcomes).policy_row == report.test.policy_row


def test_scores_that_no_text_explains_are_not_proven(outcomes):
    frame = outcomes.frame.copy()
    rng = np.random.default_rng(0)
    frame["score"] = rng.random(len(frame)).round()
    report = tune(
        Outcomes.from_frame(frame).with_order(outcomes.sizes), TuningSettings(n_trials=20, estimator="heuristic")
    )
    assert report.policy.verdict.status == "not proven on this data"
    assert report.policy.verdict.best_single_size in outcomes.sizes


def test_a_model_that_only_embeds_serves_embedding_requests(outcomes):
    text = outcomes.frame
    embedded = text[text["model"] == "4B"].iloc[:300].copy()
    embedded["query"] = [f"Embed this sentence: number {i}" for i in range(300)]
    embedded["query_id"] = [f"e{i}" for i in range(300)]
    embedded["model"] = "embedder"
    table = Outcomes.from_frame(pd.concat([text, embedded])).with_order(outcomes.sizes)
    router = ZetaDynamicRouter(tune(table, TuningSettings(n_trials=5, estimator="heuristic")).policy)
    assert router.dynamic_model_sizing("Embed this sentence: hello") == "embedder"
    with pytest.raises(InvalidInputError, match="asks for an embedding; give that model"):
        router.generate("Embed this sentence: hello", {})


def test_a_budget_is_kept(outcomes):
    cheapest, dearest = outcomes.matrix("gpu_s").mean(0)[[0, -1]]
    budget = float(cheapest + 0.3 * (dearest - cheapest))
    report = tune(outcomes, TuningSettings(n_trials=20, max_cost=budget, estimator="heuristic"))
    assert report.test.policy_row.cost < budget * 1.1


def test_a_floor_is_kept(outcomes):
    report = tune(outcomes, TuningSettings(n_trials=20, min_score=0.5, estimator="heuristic"))
    assert report.tune_score > 0.48
    assert report.test.policy_row.cost_ratio < 0.9


def test_a_budget_below_the_cheapest_size_says_what_is_possible(outcomes):
    with pytest.raises(InvalidInputError, match="the cheapest costs"):
        tune(outcomes, TuningSettings(n_trials=5, max_cost=1e-12, estimator="heuristic"))


def test_a_floor_above_the_best_size_says_what_is_possible(outcomes):
    with pytest.raises(InvalidInputError, match="the best scores"):
        tune(outcomes, TuningSettings(n_trials=5, min_score=1.0, estimator="heuristic"))


def test_a_stored_study_is_resumed_not_repeated_whatever_the_budget(tuned, tmp_path):
    outcomes, _ = tuned
    storage = f"sqlite:///{tmp_path}/study.db"
    first = tune(outcomes, TuningSettings(n_trials=4, storage=storage, estimator="heuristic"))
    second = tune(outcomes, TuningSettings(n_trials=7, storage=storage, estimator="heuristic", min_score=0.5))
    assert len(first.trials) == 4 and len(second.trials) == 7
    pd.testing.assert_frame_equal(first.trials, second.trials[:4], check_dtype=False)


def test_sizes_are_taken_cheapest_first_by_what_they_cost(outcomes):
    report = tune(outcomes.with_order(["14B", "4B", "7B"]), TuningSettings(n_trials=5, estimator="heuristic"))
    assert report.policy.sizes == ("4B", "7B", "14B")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"n_trials": 0}, "number of trials"),
        ({"cost": "cost_eur"}, "no cost column"),
        ({"seed": -1}, "seed is -1"),
        ({"max_cost": 1.0, "min_score": 0.5}, "not both"),
        ({"max_cost": -1.0}, "above zero"),
        ({"min_score": 2.0}, r"\(0, 1\]"),
        ({"keep": 1.5}, r"keep is 1\.5; give a share in \(0, 1\]"),
        ({"confidence": 1.0}, r"confidence is 1\.0; give a share between 0 and 1"),
        ({"unknown": "smallest"}, "Unknown way to treat unknown queries 'smallest'"),
        ({"estimator": "lerned"}, "Unknown estimator 'lerned'.*[Dd]id you mean.*learned"),
    ],
)
def test_bad_settings_are_refused(wrong, words):
    with pytest.raises(InvalidInputError, match=words):
        TuningSettings(**wrong)


def test_a_table_that_can_not_be_tuned_on_is_refused(outcomes):
    with pytest.raises(OutcomesError, match="Too few complete queries"):
        tune(make_outcomes(40))
    with pytest.raises(OutcomesError, match="one size only"):
        tune(outcomes.with_order(["4B"]))
    with pytest.raises(OutcomesError, match="no complete cost column 'cost_usd'"):
        tune(outcomes, TuningSettings(cost="cost_usd"))


def test_the_report_tells_how_calibrated_each_size_is_beside_what_chance_does(outcomes, report):
    assert set(report.calibration) == set(outcomes.sizes)
    for size, c in report.calibration.items():
        assert 0 < c.brier < 1 and 0 <= c.ece < 1
        assert 0 < c.ece_if_calibrated.low < c.ece_if_calibrated.value < c.ece_if_calibrated.high
        assert f"{size} {c.brier:.3f} / {c.ece:.3f} ({c.ece_if_calibrated.value:.3f} [" in report.text()


def test_the_scores_on_tune_and_test_differ_by_what_the_report_says(report):
    difference = report.tune_minus_test
    assert difference.value == pytest.approx(report.tune_score - report.test_score)
    assert difference.low < difference.value < difference.high
    assert "by fits that did not see the query" in report.text()


def test_the_score_of_the_queries_fitted_to_is_out_of_fold(outcomes):
    frame = outcomes.frame.copy()
    frame["score"] = np.random.default_rng(1).random(len(frame)).round()
    table = Outcomes.from_frame(frame).with_order(outcomes.sizes)
    found = tune(table, TuningSettings(n_trials=1, estimator="learned"))
    assert found.tune_score < 0.56  # one half by chance; a fit that saw the labels would choose the right sizes
    assert abs(found.gap_closed["learned"]) < 0.1


def test_label_chance_and_size_of_every_query_agree(report, outcomes):
    router, sizes = ZetaDynamicRouter(report.policy), report.policy.sizes
    labels = dict(zip(sizes, ("trivial", "simple", "complex"), strict=True))
    for query in outcomes.split("test").queries[:60]:
        decision = router.route(query)
        assert decision.size == router.dynamic_model_sizing(query)
        assert decision.complexity.label == labels[decision.size]
        assert decision.complexity.score == pytest.approx(1 - decision.p[sizes[0]])


def test_every_finding_is_in_text_html_json_and_metrics(report):
    assert all(line in report.text() for line in report.findings())
    assert all(html.escape(line) in report._repr_html_() for line in report.findings())
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert data["search"]["gap_closed"]["value"] == report.metrics()["search_gain"]
    assert data["calibration"]["4B"]["ece"] == report.metrics()["ece_4B"]
    assert data["rows"][0]["strategy"] == "policy"
    assert report.metrics()["trials_run"] == 20


@pytest.mark.parametrize("n", [3, 9, 17])
def test_exactly_as_many_trials_run_as_asked_for_and_so_it_is_recorded(outcomes, n):
    found = tune(outcomes, TuningSettings(n_trials=n, estimator="heuristic"))
    assert len(found.trials) == found.policy.provenance["n_trials"] == found.search.n_trials == n
    assert f"Tuned with {n} trials" in found.text()


def test_a_search_of_one_trial_gained_nothing_and_says_so(outcomes):
    found = tune(outcomes, TuningSettings(n_trials=1, estimator="heuristic"))
    assert found.search.gap_closed == (0, 0, 0) and found.search.configurations == 0
    assert found.parameters == [START]
    assert "The search gained nothing that is sure" in found.text()


def test_what_the_search_gained_is_told_for_the_exported_configurations(report):
    names = [name for name in report.trials.columns if name not in ("number", "gain explained")]
    known = report.trials[names].to_dict("records")
    assert all(one in known for one in report.parameters)
    assert report.search.configurations in (0, len(report.parameters))
    assert report.policy.provenance["parameters"] == report.parameters
    assert report.chosen["leaf"] == pytest.approx(np.mean([one["leaf"] for one in report.parameters]))
    assert report.chosen["configurations"] == len(report.parameters)
    assert report.search.gap_closed.low <= report.search.gap_closed.value <= report.search.gap_closed.high


def test_the_best_curve_only_rises_and_has_a_value_for_each_trial(report):
    trials = pd.DataFrame({"number": range(5), "gain explained": [0.1, np.nan, 0.3, 0.2, np.nan]})
    best = replace(report, trials=trials).best_curve
    assert best == [0.1, 0.1, 0.3, 0.3, 0.3]


def test_keeping_less_is_never_dearer_where_both_can_be_certified():
    large = make_outcomes(4000, seed=4, slope=4.0)
    less, more = (tune(large, TuningSettings(n_trials=1, estimator="heuristic", keep=x)) for x in (0.9, 0.99))
    first, other = less.keeping
    assert first.likely and other.likely
    assert less.policy.cost_weight == first.cost_weight > other.cost_weight == more.policy.cost_weight
    assert other.cost == more.keeping[0].cost
    assert less.certificate.certified
    assert first.cost.value == pytest.approx(less.test.policy_row.cost_ratio)
    assert f"Keeping 90 % costs {100 * first.cost.value:.0f} %" in less.text()
    assert f"99 % would cost {100 * other.cost.value:.0f} %" in less.text()


def test_more_than_99_percent_is_tuned_for_too(outcomes):
    found = tune(outcomes, TuningSettings(n_trials=1, estimator="heuristic", keep=0.999))
    assert [row.share for row in found.keeping] == [0.999, 0.99]
    assert found.keeping[0].cost.value >= found.keeping[1].cost.value
    assert "have no margin for a certificate" in found.text()


def test_under_a_budget_no_share_decides_the_trade_off(outcomes):
    found = tune(outcomes, TuningSettings(n_trials=5, min_score=0.5, keep=0.5, estimator="heuristic"))
    assert found.keeping == () and found.certificate is not None

import numpy as np
import pandas as pd
import pytest

from zeta_eval.evaluation.replay import replay
from zeta_eval.exceptions import InvalidInputError, OutcomesError
from zeta_eval.outcomes import Outcomes
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.testing import make_outcomes
from zeta_eval.tuning import TuningSettings, study, tune


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
    assert sampled.policy.provenance["sampled"] == {"tune": 150}
    assert sampled.policy.provenance["queries"]["tune"] == 150
    assert sampled.test.n == len(large.split("test"))
    assert "sampled" not in report.policy.provenance


def test_the_test_split_never_reaches_the_search(tuned):
    table, report = tuned
    frame = table.frame.copy()
    held_out = set(table.split("test").query_ids)
    flipped = frame["query_id"].isin(held_out)
    frame.loc[flipped, "score"] = 1 - frame.loc[flipped, "score"]
    again = tune(Outcomes.from_frame(frame).with_order(table.sizes), TuningSettings(n_trials=20))
    for part in ("weights", "rungs", "cost_weight", "cut_points", "costs", "learned", "looks"):
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
    with pytest.raises(InvalidInputError, match="asks for an embedding, which embedder gives"):
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


def test_a_stored_study_is_resumed_not_repeated(tuned, tmp_path):
    outcomes, _ = tuned
    storage = f"sqlite:///{tmp_path}/study.db"
    first = tune(outcomes, TuningSettings(n_trials=4, storage=storage, estimator="heuristic"))
    second = tune(outcomes, TuningSettings(n_trials=7, storage=storage, estimator="heuristic"))
    assert len(first.trials) == 4 and len(second.trials) == 7
    pd.testing.assert_frame_equal(first.trials, second.trials[:4][first.trials.columns], check_dtype=False)


def test_a_storage_that_can_not_be_used_is_named(outcomes, tmp_path):
    with pytest.raises(InvalidInputError, match="can't use the storage 'foo://bar'"):
        tune(outcomes, TuningSettings(n_trials=2, storage="foo://bar", estimator="heuristic"))


def test_studies_of_other_tables_and_budgets_in_one_storage_stay_apart(tuned, tmp_path):
    outcomes, _ = tuned
    storage = f"sqlite:///{tmp_path}/study.db"
    other = make_outcomes(400, ("1B", "9B"), seed=9)
    for table, budget in ((outcomes, None), (outcomes, 0.5), (other, None)):
        report = tune(table, TuningSettings(n_trials=3, storage=storage, min_score=budget, estimator="heuristic"))
        assert len(report.trials) == 3


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


def test_the_report_tells_how_calibrated_each_size_is(outcomes, report):
    assert set(report.brier) == set(report.ece) == set(outcomes.sizes)
    assert all(0 < x < 1 for x in report.brier.values()) and all(0 <= x < 1 for x in report.ece.values())
    assert f"{outcomes.sizes[0]} {report.brier[outcomes.sizes[0]]:.3f}" in report.text()

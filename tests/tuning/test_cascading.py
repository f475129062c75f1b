from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from zeta_eval.evaluation.decisions import decisions
from zeta_eval.evaluation.replay import replay
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.voting import vote_table
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.estimators import ESTIMATORS
from zeta_eval.tuning import TuningSettings, tune

HEURISTIC = TuningSettings(n_trials=5, estimator="heuristic")

WORDS = ("river", "stone", "cloud", "paper", "green", "seven", "quiet", "window", "bread", "engine")


def table(*, by=None, n=1200, seed=0):
    """Two sizes whose success no query tells; the large one costs 8 times as much.

    The small size's answer tells whether it is right by its log-probability ("logprob"), its confidence ("confidence"),
    its text ("text"), or not at all (None), though all are stored.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        query = " ".join(rng.choice(WORDS, 6)) + f" {i}"
        for size, chance, cost in (("1B", 0.6, 1.0), ("8B", 0.9, 8.0)):
            right = bool(rng.random() < chance)
            sign = (right if by == "logprob" else rng.random() < 0.5) - 0.5
            sure = right if by == "confidence" else rng.random() < 0.5
            plain = right if by == "text" else rng.random() < 0.5
            rows.append(
                {
                    "task": "made",
                    "query_id": f"q{i}",
                    "query": query,
                    "model": size,
                    "score": float(right),
                    "gpu_s": cost * rng.uniform(0.8, 1.2),
                    "mean_logprob": -4.5 + sign + 0.3 * rng.normal(),
                    "min_logprob": -9.0 + rng.normal(),
                    "confidence": rng.beta(8, 2) if sure else rng.beta(4, 4),
                    "response": f"The answer is {i}." if plain else "Sorry, I am unsure; maybe I cannot say.",
                }
            )
    return Outcomes.from_frame(pd.DataFrame(rows)).with_order(("1B", "8B"))


def rows(report):
    return {r.strategy: r for r in report.test.rows}


@pytest.fixture(scope="module", params=["logprob", "confidence", "text"])
def telling(request):
    outcomes = table(by=request.param)
    return outcomes, tune(outcomes, HEURISTIC)


def test_where_an_answer_tells_whether_it_is_right_the_policy_cascades_and_gains(telling):
    _, report = telling
    found = rows(report)
    own, cascading = found["policy, route with task"], found["policy"]
    assert report.policy.looks and "The policy escalates" in report.text()
    assert cascading.gap_closed_ci[0] > max(own.gap_closed, 0.0) + 0.2
    assert cascading.lift_ci[0] > 0.05 > own.lift
    assert cascading.cost_ratio < 0.75
    verdict = report.policy.verdict
    assert verdict.status == "proven in part"
    assert {w.way for w in verdict.ways if w.proven} == {"generate", "generate with task"}
    assert verdict.lift == cascading.lift


def test_why_it_is_not_known_whether_escalation_pays_is_told_by_what_is_missing():
    few = table(by="text", n=150)
    assert "A size has fewer than 20 right or 20 wrong answers" in tune(few, HEURISTIC).text()
    bare = few.frame.drop(columns=["response", "mean_logprob", "min_logprob", "confidence"])
    text = tune(Outcomes.from_frame(bare).with_order(("1B", "8B")), HEURISTIC).text()
    assert "The table stores nothing of the answers" in text


def test_a_tuned_cascade_asks_the_small_size_first_and_the_large_one_when_unsure(telling):
    outcomes, report = telling
    frame = decisions(report.policy, outcomes.split("test"))
    steps = frame["steps"].map(tuple).value_counts(normalize=True)
    assert steps[("1B", "8B")] > 0.2 and steps[("1B",)] > 0.3


def test_a_cascades_curve_is_drawn_and_labelled(telling):
    labels = telling[1].plot().get_legend_handles_labels()[1]
    assert {"policy", "policy, route"} <= set(labels)


def test_a_tuned_cascade_serves_as_it_was_replayed(telling, tmp_path):
    outcomes, report = telling
    router = ZetaDynamicRouter.load(report.policy.save(tmp_path / "p.json"))
    assert replay(router.policy, outcomes).rows == report.test.rows
    assert router.policy.looks[0].ran == ("1B",)


def test_where_answers_tell_nothing_policies_seldom_escalate():
    policies = [tune(table(seed=seed), HEURISTIC).policy for seed in range(6)]
    assert sum(bool(policy.looks) for policy in policies) <= 2  # one standard error is passed by luck once in six times


def test_where_escalating_did_not_pay_the_policy_keeps_every_first_answer():
    outcomes = table(seed=0)
    report = tune(outcomes, HEURISTIC)
    assert report.policy.looks == ()
    assert not any("generate" in name for name in rows(report))
    assert "Escalation did not pay" in report.text()
    assert set(decisions(report.policy, outcomes.split("test"))["steps"].map(len)) == {1}
    assert report.policy.verdict.status == "not proven on this data"


def test_where_nothing_is_stored_of_the_answers_there_is_no_cascade():
    frame = table(by="logprob").frame.assign(response=None, mean_logprob=np.nan, min_logprob=np.nan, confidence=np.nan)
    report = tune(Outcomes.from_frame(frame).with_order(("1B", "8B")), HEURISTIC)
    assert report.policy.looks == ()


@pytest.mark.parametrize("estimator", ["heuristic", "learned", "auto"])
def test_the_estimator_is_the_one_asked_for_or_one_that_was_tried(tuned, estimator):
    outcomes, report = tuned
    if estimator != "auto":
        report = tune(outcomes, TuningSettings(n_trials=5, estimator=estimator))
    closed = report.gap_closed
    assert set(closed) == {"learned" if estimator == "auto" else estimator}
    assert report.estimator in closed and report.estimator == report.policy.provenance["estimator"]
    assert type(report.policy.estimator) is ESTIMATORS[report.estimator]
    assert closed[report.estimator] >= closed[next(iter(closed))]
    assert f"Estimator: {report.estimator}" in report.text()
    assert report.policy.costs is not None
    assert report.test.policy_row.gap_closed > 0.1


def test_a_tuned_policy_says_that_a_text_is_unlike_its_queries(tuned):
    outcomes, report = tuned
    router = ZetaDynamicRouter(report.policy)
    far = router.route("Wer reitet so sp\u00e4t durch Nacht und Wind? Es ist der Vater mit seinem Kind.")
    assert far.reasons[0].startswith("unlike the queries this policy was tuned on")
    near = [router.route(q).reasons[0].startswith("unlike") for q in outcomes.split("test").queries]
    assert np.mean(near) < 0.2


def test_what_decides_unknown_queries_is_asked_for(tuned):
    outcomes, report = tuned
    text = "Wer reitet so sp\u00e4t durch Nacht und Wind?"
    assert report.policy.fallback is not None
    largest = tune(outcomes, replace(HEURISTIC, unknown="largest")).policy
    assert largest.fallback is None and largest.estimate(text).familiarity == 0
    assert ZetaDynamicRouter(largest).route(text).size == "14B"
    assert ZetaDynamicRouter(report.policy).route(text).size != "14B"


def attempted(n=1000, seed=0):
    """A small size with three attempts that agree where it can solve a query, and a large one that costs 12 times."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        common = {"task": "made", "query_id": f"q{i}", "query": " ".join(rng.choice(WORDS, 6)) + f" {i}"}
        able, truth = rng.random() < 0.6, rng.integers(10, 99)
        for size, chance, cost, attempts in (("1B", 0.97 if able else 0.1, 1.0, 3), ("8B", 0.95, 12.0, 1)):
            for k in range(attempts):
                right = bool(rng.random() < chance)
                said = truth if right else (truth + rng.integers(1, 89) - 10) % 89 + 10
                answer = {"score": float(right), "response": f"The answer is {said}."}
                rows.append({**common, **answer, "model": size, "attempt": k, "gpu_s": cost})
    return Outcomes.from_frame(pd.DataFrame(rows)).with_order(("1B", "8B"))


def test_where_attempts_agree_when_right_a_cascade_of_votes_gains_with_all_attempts_paid():
    voted = vote_table(attempted()).outcomes
    report = tune(voted, HEURISTIC)
    look = next(k for k in report.policy.looks if k.ran == ("1B x3",))
    assert look.posteriors[0].weights["agreement"] > 3
    steps = decisions(report.policy, voted.split("test"))["steps"].map(tuple).value_counts(normalize=True)
    assert steps[("1B x3",)] > 0.3 and steps[("1B x3", "8B")] > 0.2
    found = rows(report)
    assert found["policy"].lift_ci[0] > 0.05 and found["policy"].gap_closed_ci[0] > 0.2
    paid = sum(share * sum({"1B": 1, "1B x3": 3, "8B": 12}[size] for size in asked) for asked, share in steps.items())
    assert found["policy"].cost_ratio == pytest.approx(paid / 12)

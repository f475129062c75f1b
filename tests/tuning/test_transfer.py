"""Tasks left out: how far a policy may be trusted with a task that it was not tuned on."""

import numpy as np
import pandas as pd
import pytest

from zeta_eval.evaluation.measures.statistics import Bootstrap
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.complexity import TextView
from zeta_eval.router.domain import Domain
from zeta_eval.tuning import TuningSettings, tune
from zeta_eval.tuning.unseen_tasks import FAMILIARITIES, fit_domain, mean_lift

SIZES = ("small", "large")
WORDS = np.array("river mountain garden window letter market engine silver harbour thunder".split())  # noqa: SIM905


def table(n_tasks, *, same, n=1500, seed=0):
    """Queries of several tasks on two sizes; the small one fails on long texts, in all tasks or in every other."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        task = int(rng.integers(n_tasks))
        long = rng.random() < 0.5
        text = " ".join(rng.choice(WORDS, 25 if long else 5)) + f" t{task}" + f" {rng.integers(1e9)}"
        hard = long if same or task % 2 == 0 else not long
        for size in SIZES:
            p = 0.9 if size == "large" or not hard else 0.1
            rows.append(
                {
                    "task": f"task {task}",
                    "query_id": f"q{i}",
                    "query": text,
                    "model": size,
                    "score": float(rng.random() < p),
                    "gpu_s": 1.0 if size == "small" else 4.0,
                }
            )
    return Outcomes.from_frame(pd.DataFrame(rows)).with_order(SIZES)


@pytest.fixture(scope="module")
def alike():
    return tune(table(4, same=True), TuningSettings(n_trials=20, estimator="heuristic"))


@pytest.fixture(scope="module")
def opposed():
    return tune(table(2, same=False), TuningSettings(n_trials=20, estimator="learned"))


def test_what_holds_in_every_task_is_trusted_in_a_new_one(alike):
    assert alike.policy.domain.transfer > FAMILIARITIES[0]
    assert alike.unseen.mean_lift.low > 0.02
    assert alike.unseen.row.cost_ratio < 0.9
    assert alike.policy.estimate("river " * 5, "never seen").familiarity == alike.policy.domain.transfer


def test_where_tasks_contradict_each_other_a_new_one_goes_to_the_largest_size(opposed):
    assert opposed.policy.domain.transfer == FAMILIARITIES[0]
    assert opposed.unseen.row.shares["large"] == 1.0
    assert opposed.unseen.mean_lift.high >= 0
    assert "count 1 %" in opposed.text()


def test_a_table_of_one_task_says_that_nothing_is_known_of_others():
    report = tune(table(1, same=True, n=400), TuningSettings(n_trials=10, estimator="heuristic"))
    assert report.unseen is None and report.policy.domain.transfer == FAMILIARITIES[0]
    assert "one task only" in report.text()


def test_a_domain_knows_its_tasks_and_how_rare_words_are():
    outcomes = table(3, same=True, n=300)
    domain = fit_domain(outcomes)
    assert domain.tasks == ("task 0", "task 1", "task 2")
    assert domain.base == pytest.approx([np.log(s / (1 - s)) for s in outcomes.matrix("score").mean(axis=0)], abs=0.02)

    def familiarity(text):
        return domain.familiarity(TextView.of(text).vocabulary, None)

    assert np.mean([familiarity(q) for q in outcomes.queries]) > 0.95
    assert familiarity("Wer reitet so spät durch Nacht und Wind") == domain.transfer == FAMILIARITIES[0]
    known = next(q for q in outcomes.queries if familiarity(q) == 1)
    mixed = [
        familiarity(f"{known} {foreign}") for foreign in ("", "durch", "durch Nacht ist der Vater mit seinem Kind")
    ]
    assert mixed[0] == 1 and mixed == sorted(mixed, reverse=True) and mixed[-1] == FAMILIARITIES[0]


def test_a_domain_of_equal_texts_still_has_a_range():
    rows = [
        {"task": "t", "query_id": f"q{i}", "query": "same", "model": m, "score": 1.0, "gpu_s": 1.0}
        for i in range(4)
        for m in SIZES
    ]
    domain = fit_domain(Outcomes.from_frame(pd.DataFrame(rows)))
    assert isinstance(domain, Domain) and domain.near < domain.far


def test_a_mean_lift_is_that_of_a_table_worked_out_by_hand():
    # Single sizes: (0.5, 0.5) and (1, 0.5); the mix at any cost scores 0.5. Right choices score 1 at 0.75.
    cost = np.array([[0.5, 1.0]] * 2)
    score = np.array([[1.0, 0.0], [0.0, 1.0]])
    chosen = np.array([[0, 0], [1, 0]])  # first choice: right twice, second: always small
    lift, samples = mean_lift(chosen, cost, score, Bootstrap(2, n_bootstrap=50))
    assert lift == pytest.approx((0.5 + 0.0) / 2)
    assert samples.shape == (50,)

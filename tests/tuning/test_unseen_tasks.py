"""Tasks left out: how well a policy does on a task that it was not tuned on."""

import numpy as np
import pandas as pd
import pytest

from zeta_eval.evaluation.measures.statistics import Bootstrap
from zeta_eval.outcomes import Outcomes
from zeta_eval.tuning import TuningSettings, tune
from zeta_eval.tuning.unseen_tasks import mean_lift, task_groups

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
    return tune(table(4, same=True), TuningSettings(n_trials=2, estimator="heuristic"))


@pytest.fixture(scope="module")
def opposed():
    return tune(table(2, same=False), TuningSettings(n_trials=2, estimator="learned"))


def test_what_holds_in_every_task_is_used_in_a_new_one(alike):
    assert alike.unseen.mean_lift.low > 0.02
    assert alike.unseen.row.cost_ratio < 0.9
    assert "leave one task out" in alike.text()


def test_where_tasks_contradict_each_other_a_new_one_shows_no_gain(opposed):
    assert opposed.unseen.mean_lift.high < alike_lift(opposed)
    assert opposed.unseen.mean_lift.low < 0.02


def alike_lift(report):
    """What routing gains where every task is known."""
    return report.test.way_rows["route with task"].lift


def test_a_table_of_one_task_says_that_nothing_is_known_of_others():
    report = tune(table(1, same=True, n=400), TuningSettings(n_trials=2, estimator="heuristic"))
    assert report.unseen is None
    assert "one task only" in report.text()


def test_tasks_are_left_out_in_at_most_five_groups_of_like_numbers_of_queries():
    tasks = [f"t{i}" for i in range(12) for _ in range(10 + i)]
    group_of = task_groups(tasks)
    filled = np.bincount([group_of[t] for t in tasks])
    assert len(filled) == 5 and filled.max() - filled.min() <= 21
    assert sorted(task_groups(["a", "b", "b"]).values()) == [0, 1]


def test_a_mean_lift_is_that_of_a_table_worked_out_by_hand():
    # Single sizes: (0.5, 0.5) and (1, 0.5); the mix at any cost scores 0.5. Right choices score 1 at 0.75.
    cost = np.array([[0.5, 1.0]] * 2)
    score = np.array([[1.0, 0.0], [0.0, 1.0]])
    chosen = np.array([[0, 0], [1, 0]])  # first choice: right twice, second: always small
    lift, samples = mean_lift(chosen, cost, score, Bootstrap(2, n_bootstrap=50))
    assert lift == pytest.approx((0.5 + 0.0) / 2)
    assert samples.shape == (50,)

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from zeta_eval.evaluation.attempts import AttemptsReport, ks, pass_at_k
from zeta_eval.outcomes import Outcomes
from zeta_eval.testing import make_outcomes


@pytest.mark.parametrize(("n", "right", "k"), [(5, 2, 1), (5, 2, 3), (5, 0, 5), (5, 5, 2), (4, 1, 4), (6, 3, 4)])
def test_pass_at_k_is_the_share_of_all_choices_of_k_attempts_with_a_right_one(n, right, k):
    drawn = list(itertools.combinations([1] * right + [0] * (n - right), k))
    assert pass_at_k(n, right, k) == pytest.approx(sum(map(any, drawn)) / len(drawn))


def test_pass_at_k_of_fewer_than_k_attempts_is_unknown():
    assert math.isnan(pass_at_k(3, 1, 4)) and ks(5) == (1, 2, 4, 5) and ks(1) == (1,)


def table(scores, responses):
    """A query per row of scores, answered by two sizes of which the second is asked once."""
    words = ["one", "two", "three", "four", "five", "six"]
    rows = [
        {"task": "t", "query_id": str(q), "query": f"Say {words[q]}.", "model": "4B", "attempt": a, "score": s}
        | {"response": responses[q][a]}
        for q, line in enumerate(scores)
        for a, s in enumerate(line)
    ]
    rows += [{**rows[0], "query_id": str(q), "query": f"Say {words[q]}.", "model": "7B"} for q in range(len(scores))]
    return Outcomes.from_frame(pd.DataFrame(rows))


def test_the_majority_is_the_answer_that_most_attempts_give_and_may_beat_their_mean():
    scores = [[1.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    report = AttemptsReport.of(table(scores, [["7", "7", "8"], ["1", "1", "2"], ["3", "4", "5"]]))
    small = report.sizes.set_index("size").loc["4B"]
    assert small["accuracy"] == pytest.approx(4 / 9) and small["pass@3"] == 1.0
    assert small["majority"] == pytest.approx(2 / 3)  # right, wrong, and right because given first
    assert small["agreement"] == pytest.approx((2 / 3 + 2 / 3 + 1 / 3) / 3)
    assert small["agreement_auc"] == pytest.approx(0.25)


def test_attempts_without_a_final_answer_do_not_vote():
    report = AttemptsReport.of(table([[0.0, 0.0, 1.0], [0.0, 0.5, 0.0]], [["", "", "7"], ["", "", ""]]))
    small = report.sizes.set_index("size").loc["4B"]
    assert small["majority"] == pytest.approx((1.0 + 0.5 / 3) / 2)
    assert small["agreement"] == pytest.approx((1 / 3 + 0) / 2)


def test_one_attempt_per_query_has_no_report():
    assert AttemptsReport.of(make_outcomes(20)) is None


def test_intervals_hold_the_truth_at_their_rate():
    words = [f"Say {a} and {b}." for a in "abcdefghij" for b in "klmnopqrst"]
    held = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        p = rng.beta(2, 2, 100)
        right = rng.random((100, 4)) < p[:, None]
        rows = [
            {"task": "t", "query_id": w, "query": w, "model": "4B", "attempt": a, "score": float(right[q, a])}
            for q, w in enumerate(words)
            for a in range(4)
        ]
        found = AttemptsReport.of(Outcomes.from_frame(pd.DataFrame(rows)), seed=seed).sizes.iloc[0]
        truth = 1 - 0.3  # E[(1 - p)^2] of Beta(2, 2) is 3/10
        held += found["pass@2_low"] <= truth <= found["pass@2_high"]
    assert held >= 52  # 95 % of 60 is 57; fewer than 52 has chance .003

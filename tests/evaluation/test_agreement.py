import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from zeta_eval.evaluation.measures.agreement import agreement, kappa


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=3, max_size=40))
def test_kappa_is_that_of_scikit_learn_with_quadratic_weights(pairs):
    a, b = np.array(pairs).T
    found = kappa(a / 4, b / 4)
    if len(set(a) | set(b)) == 1:
        assert math.isnan(found)
    else:
        known = cohen_kappa_score(a, b, weights="quadratic", labels=range(5))
        assert found == pytest.approx(known, abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=3, max_size=40))
def test_of_two_values_it_is_the_unweighted_kappa(pairs):
    a, b = np.array(pairs, dtype=float).T
    if len(set(a) | set(b)) == 2:
        assert kappa(a, b) == pytest.approx(cohen_kappa_score(a, b), abs=1e-9)


def test_the_interval_holds_the_truth_and_answers_to_one_query_count_together():
    rng = np.random.default_rng(0)
    a = (rng.random(200) < 0.5).astype(float)
    b = np.where(rng.random(200) < 0.6, a, (rng.random(200) < 0.5).astype(float))
    found = agreement(a, b, np.arange(200))
    assert found.kappa.low < 0.6 < found.kappa.high and found.n == 200
    assert found.equal.value == pytest.approx((a == b).mean())
    assert found.equal.low < found.equal.value < found.equal.high
    double = agreement(np.tile(a, 2), np.tile(b, 2), np.tile(np.arange(200), 2))
    assert double.kappa == pytest.approx(found.kappa)  # the same labels twice tell nothing new
    assert agreement(a, b, np.arange(200), seed=1).kappa != found.kappa


def test_the_share_of_intervals_that_hold_the_truth_is_near_95_percent():
    from agreement import coverage

    row = coverage("even", 0.7, 100, runs=150, seed=1)
    assert 0.89 <= row["held"] <= 0.99 and abs(row["bias"]) < 0.03


def test_few_labels_without_a_disagreement_prove_no_perfect_agreement():
    a = np.array([0.0] * 20 + [1.0] * 20)
    found = agreement(a, a, np.arange(40)).kappa
    assert found.value == found.high == 1.0 and 0.8 < found.low < 0.95


def test_ratings_that_never_vary_have_no_kappa():
    found = agreement(np.ones(40), np.ones(40), np.arange(40))
    assert all(map(math.isnan, found.kappa)) and found.equal == (1.0, 1.0, 1.0)

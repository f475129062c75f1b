import math

import numpy as np
import pytest

from zeta_eval.evaluation.measures.means import apart, ratio


def test_the_interval_of_a_ratio_covers_the_truth_as_often_as_it_says():
    rng, hits = np.random.default_rng(0), 0
    for _ in range(600):
        whole = (rng.random(300) < 0.8).astype(float)
        part = np.where(rng.random(300) < 0.9, whole, 0.0)
        found = ratio(part, whole)
        hits += found.low <= 0.9 <= found.high
    assert 0.92 < hits / 600 < 0.98


def test_the_interval_of_a_difference_covers_the_truth_as_often_as_it_says():
    rng, hits = np.random.default_rng(1), 0
    for _ in range(600):
        found = apart((rng.random(300) < 0.7).astype(float), (rng.random(100) < 0.6).astype(float))
        hits += found.low <= 0.1 <= found.high
    assert 0.92 < hits / 600 < 0.98


def test_like_queries_widen_both_intervals():
    rng = np.random.default_rng(2)
    families = np.repeat(np.arange(40), 5)
    a, whole = np.repeat(rng.random(40), 5), np.ones(200)
    for alone, together in (
        (ratio(a, whole), ratio(a, whole, families)),
        (apart(a, a), apart(a, a, families, families)),
    ):
        assert together.high - together.low > 1.8 * (alone.high - alone.low)


def test_a_share_of_nothing_is_not_known():
    assert all(math.isnan(x) for x in ratio(np.ones(3), np.zeros(3)))
    assert ratio(np.full(4, 0.3), np.full(4, 0.6)) == pytest.approx((0.5, 0.5, 0.5))

import math

import numpy as np
import pytest
from scipy import stats

from zeta_eval.evaluation.measures import statistics
from zeta_eval.evaluation.measures.statistics import Bootstrap, measure, paired_test, wilson
from zeta_eval.exceptions import InvalidInputError


def test_resampled_means_have_the_mean_and_the_standard_error_of_the_sample():
    x = np.random.default_rng(0).normal(size=(500, 2))
    samples = Bootstrap(500, n_bootstrap=2000, seed=1).means(x)
    assert samples.shape == (2000, 2)
    assert samples.mean(axis=0) == pytest.approx(x.mean(axis=0), abs=0.01)
    assert samples.std(axis=0) == pytest.approx(x.std(axis=0) / math.sqrt(500), rel=0.1)


def test_strategies_share_their_resamples():
    x = np.random.default_rng(0).random((100, 1))
    boot = Bootstrap(100, n_bootstrap=50)
    assert boot.means(x + 0.25) - boot.means(x) == pytest.approx(np.full((50, 1), 0.25))


def test_several_arrays_at_once_and_block_by_block_have_the_same_means(monkeypatch):
    x = np.random.default_rng(0).random((100, 3))
    boot = Bootstrap(100, n_bootstrap=50)
    whole = boot.means(x)
    assert boot.means(x[:, :1], x[:, 1:]) == pytest.approx(whole, rel=1e-12)
    monkeypatch.setattr(statistics, "_BLOCK", 7)
    monkeypatch.setattr(statistics, "_CHUNK", 300)
    assert boot.means(x) == pytest.approx(whole, rel=1e-12)


def test_the_same_seed_gives_the_same_resamples():
    x = np.random.default_rng(0).random((30, 1))
    first, again, other = (Bootstrap(30, n_bootstrap=20, seed=s).means(x) for s in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()


def test_the_interval_covers_the_truth_at_about_its_rate():
    rng = np.random.default_rng(0)
    covered = 0
    for run in range(300):
        x = (rng.random((200, 1)) < 0.7).astype(float)
        m = measure(x.mean(), Bootstrap(200, n_bootstrap=300, seed=run).means(x)[:, 0])
        covered += m.low <= 0.7 <= m.high
    assert 0.90 <= covered / 300 <= 0.98


def test_an_interval_needs_most_of_its_resamples():
    samples = np.array([math.nan, math.nan, math.nan, 1.0])
    assert math.isnan(measure(1.0, samples).low)
    assert measure(1.0, np.array([math.nan, 1.0, 1.0])).low == 1.0


def test_wilson_agrees_with_scipy():
    expected = stats.binomtest(7, 40).proportion_ci(method="wilson")
    assert wilson(7, 40) == pytest.approx((0.175, expected.low, expected.high))
    assert wilson(0, 10).low == pytest.approx(0)
    assert math.isnan(wilson(0, 0).value)


def test_the_paired_test_agrees_with_scipy_on_many_queries():
    rng = np.random.default_rng(0)
    a, b = rng.random(4000), rng.random(4000) - 0.02
    found, expected = paired_test(a, b), stats.ttest_rel(a, b)
    assert found.p_value == pytest.approx(expected.pvalue, rel=0.02)
    assert found.value / found.standard_error == pytest.approx(expected.statistic)


def test_equal_strategies_do_not_differ():
    x = np.random.default_rng(0).random(50)
    assert paired_test(x, x) == (0.0, 0.0, 1.0)


def test_bad_settings_are_refused():
    with pytest.raises(InvalidInputError, match="n_bootstrap is 1"):
        Bootstrap(10, n_bootstrap=1)


def test_like_queries_are_drawn_together():
    boot = Bootstrap(6, n_bootstrap=300, families=np.array([0, 0, 0, 1, 1, 2]))
    means = boot.means(np.array([[1.0], [1.0], [1.0], [0.0], [0.0], [0.0]]))
    assert set(np.round(means[:, 0], 6)) <= {
        0.0,
        1.0,
        0.6,
        0.75,
        round(6 / 7, 6),
        round(6 / 8, 6),
        0.5,
        round(3 / 7, 6),
    }
    assert (boot.n_families, boot.unit) == (3, 2.0)


def test_a_test_of_families_takes_a_family_as_one_observation():
    a = np.repeat(np.random.default_rng(0).normal(size=40), 5)
    alone, together = paired_test(a, np.zeros(200)), paired_test(a, np.zeros(200), np.arange(200) // 5)
    once = paired_test(a[::5], np.zeros(40))
    assert together.standard_error == pytest.approx(once.standard_error)
    assert together.standard_error > 2 * alone.standard_error

import numpy as np
import pytest

from zeta_eval.arrays import logit, sigmoid
from zeta_eval.tuning.fit_cascade import _logistic


def test_signals_that_tell_nothing_leave_the_log_odds_nearly_as_they_were():
    rng = np.random.default_rng(3)
    p = rng.uniform(0.05, 0.95, 300)
    y = (rng.random(300) < p).astype(float)
    x = np.column_stack([logit(p), rng.normal(size=(300, 12))])
    weights, _, after = _logistic(x, y, seed=0)
    assert abs(weights[1:]).max() < 0.1
    assert abs(sigmoid(after) - p).mean() < 0.04


def test_a_signal_that_tells_is_used_out_of_fold_too():
    rng = np.random.default_rng(4)
    p, sign = rng.uniform(0.2, 0.8, 600), rng.normal(size=600)
    y = (rng.random(600) < sigmoid(logit(p) + 2 * sign)).astype(float)
    weights, _, after = _logistic(np.column_stack([logit(p), sign]), y, seed=0)
    assert weights == pytest.approx([1.0, 2.0], abs=0.5)
    assert np.mean((sigmoid(after) - y) ** 2) < 0.8 * np.mean((p - y) ** 2)

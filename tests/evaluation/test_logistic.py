import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from zeta_eval.arrays import sigmoid
from zeta_eval.evaluation.measures.logistic import logistic_toward


def toward(x, y, prior, precision):
    return logistic_toward(x, y, prior, np.array([precision] * (x.shape[1] - 1) + [1e-3]))


def columns(rng, n, d):
    return np.column_stack([rng.normal(size=(n, d)), np.ones(n)])


def test_without_a_prior_weight_the_fit_is_scikit_learns():
    rng = np.random.default_rng(0)
    x = columns(rng, 400, 3)
    y = (rng.random(400) < sigmoid(x @ [1.0, -2.0, 0.0, 0.3])).astype(float)
    found = toward(x, y, np.zeros(4), 2.0)
    model = LogisticRegression(C=1 / 2.0, tol=1e-8, max_iter=1000).fit(x[:, :-1], y)
    assert found == pytest.approx([*model.coef_[0], model.intercept_[0]], abs=1e-3)


def test_graded_scores_weigh_as_that_many_successes_and_failures():
    rng = np.random.default_rng(1)
    x, y = columns(rng, 50, 2), rng.choice([0.0, 0.25, 1.0], 50)
    whole = np.repeat(x, 4, axis=0), np.concatenate([[1.0] * int(4 * s) + [0.0] * (4 - int(4 * s)) for s in y])
    assert toward(x, y, np.zeros(3), 1.0) == pytest.approx(toward(*whole, np.zeros(3), 4.0), abs=2e-3)


@pytest.mark.parametrize("precision", [1e-3, 1.0, 1e6])
def test_columns_that_part_the_outcomes_give_finite_weights(precision):
    x = np.column_stack([np.r_[-np.ones(30), np.ones(30)] * 50, np.ones(60)])
    assert np.isfinite(toward(x, (x[:, 0] > 0).astype(float), np.array([3.0, 0.0]), precision)).all()


def test_the_surer_the_prior_the_nearer_the_weights():
    rng = np.random.default_rng(2)
    x, prior = columns(rng, 200, 2), np.array([1.0, 0.0, 0.0])
    y = (rng.random(200) < 0.5).astype(float)
    away = [abs(toward(x, y, prior, precision)[:2] - prior[:2]).max() for precision in (1e-2, 10.0, 1e3, 1e6)]
    assert away == sorted(away, reverse=True) and away[-1] < 1e-3

import numpy as np
import pytest

from zeta_eval.evaluation.batch.estimate import predict_costs
from zeta_eval.tuning.fit_costs import fit_cost_model

NAMES = ("length", "constant", "noise")


def world(n=1500, seed=0):
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.gamma(3.0, 100.0, n), np.full(n, 0.1 + 0.2), rng.normal(size=n)])
    tasks = rng.choice(np.array(["long", "short"], dtype=object), n)
    expected = np.exp(0.002 * x[:, 0] + np.where(tasks == "long", 1.5, 0.0))
    cost = expected[:, None] * [0.1, 1.0] * rng.lognormal(0.0, 0.8, (n, 2))
    return x, tasks, cost, expected


def test_a_cost_model_finds_what_made_the_costs():
    x, tasks, cost, expected = world()
    got = predict_costs(fit_cost_model(x, NAMES, tasks, cost), x, NAMES, tasks)
    assert np.corrcoef(np.log(got[:, 1]), np.log(expected))[0, 1] > 0.98


def test_the_mean_expected_cost_is_the_mean_cost_of_every_size():
    x, tasks, cost, _ = world()
    x[0, 0] = 50_000.0  # an outlier, whose exponential is far beyond any cost seen
    got = predict_costs(fit_cost_model(x, NAMES, tasks, cost), x, NAMES, tasks)
    assert got.mean(axis=0) == pytest.approx(cost.mean(axis=0), rel=1e-9)
    assert (got <= cost.max(axis=0)).all()


def test_a_constant_feature_is_left_out():
    x, tasks, cost, _ = world(300)
    model = fit_cost_model(x, NAMES, tasks, cost)
    assert set(model.log_cost.weights) == {"length", "noise"}
    assert set(model.log_cost.tasks) == {"long", "short"}


def test_a_free_size_is_expected_to_be_free_and_rare_free_queries_do_no_harm():
    x, tasks, cost, _ = world(400)
    cost[:, 0] = 0.0
    cost[:7, 1] = 0.0
    model = fit_cost_model(x, NAMES, tasks, cost)
    got = predict_costs(model, x, NAMES, tasks)
    assert (got[:, 0] == 0).all()
    assert (model.low, model.high[0]) == ((0.0, 0.0), 0.0)
    assert got[:, 1].mean() == pytest.approx(cost[:, 1].mean())
    assert np.corrcoef(got[:, 1], cost[:, 1])[0, 1] > 0.5


def test_a_size_that_always_costs_the_same_is_expected_to():
    x, tasks, cost, _ = world(100)
    cost[:, 0] = 0.25
    assert predict_costs(fit_cost_model(x, NAMES, tasks, cost), x, NAMES, tasks)[:, 0] == pytest.approx(0.25)


def test_one_size_and_no_task_at_all_can_be_fitted():
    x, _, cost, _ = world(80)
    none = np.full(80, None, dtype=object)
    model = fit_cost_model(x, NAMES, none, cost[:, :1])
    assert model.log_cost.tasks == {}
    assert predict_costs(model, x, NAMES, none).mean() == pytest.approx(cost[:, 0].mean())
    assert predict_costs(model, x, NAMES, np.full(80, "new", dtype=object)).shape == (80, 1)

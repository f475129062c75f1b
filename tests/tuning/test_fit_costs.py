import numpy as np
import pytest
from tables import data, prose

from zeta_eval.evaluation.batch.estimate import costs as served
from zeta_eval.tuning.fit_costs import fit_costs, smearing


def world(n=1200, seed=0, tasks=True):
    """Costs that grow with the length of the text and, where it is named, by the task; both are blurred."""
    rng = np.random.default_rng(seed)
    long = rng.integers(2, 40, n)
    texts = np.array([prose(1, [seed, i], k)[0] for i, k in enumerate(long)], dtype=object)
    named = rng.choice(np.array(["long", "short"], dtype=object), n) if tasks else np.full(n, None, dtype=object)
    expected = np.exp(0.08 * long + np.where(named == "long", 1.5, 0.0))
    cost = expected[:, None] * [0.1, 1.0] * rng.lognormal(0.0, 0.5, (n, 2))
    return texts, named, cost, expected


def fitted(texts, tasks, cost):
    made = data(texts, np.zeros(cost.shape), cost=cost, tasks=tasks)
    return made, fit_costs(made)


@pytest.fixture(scope="module")
def large():
    texts, tasks, cost, expected = world()
    return *fitted(texts, tasks, cost), expected


def correlation(a, b):
    return np.corrcoef(np.log(a), np.log(b))[0, 1]


def test_a_cost_model_finds_what_made_the_costs_of_new_queries(large):
    texts, tasks, cost, expected = world(seed=1)
    new = data(texts, np.zeros(cost.shape), cost=cost, tasks=tasks)
    told = served(large[1].model, new.evaluator.features)
    assert correlation(told[:, 1], expected) > 0.9
    assert correlation(served(large[1].model, new.read)[:, 1], expected) < 0.85  # nobody names the task


def test_expected_costs_out_of_fold_are_as_good_as_those_of_new_queries(large):
    _, found, expected = large
    assert correlation(found.tasked[:, 1], expected) > 0.9
    assert 0.3 < correlation(found.open[:, 1], expected) < 0.85


def test_the_mean_expected_cost_is_the_mean_cost_of_every_size(large):
    made, found, _ = large
    assert found.open.mean(axis=0) == pytest.approx(made.cost.mean(axis=0), rel=1e-9)
    assert found.tasked.mean(axis=0) == pytest.approx(made.cost.mean(axis=0), rel=1e-9)
    for read in (made.read, made.evaluator.features):
        assert served(found.model, read).mean(axis=0) == pytest.approx(made.cost.mean(axis=0), rel=0.1)


def test_an_outlier_moves_no_expected_cost_beyond_what_was_seen(large):
    texts, tasks, cost, _ = world(300)
    cost[0] *= 1e6
    made, found = fitted(texts, tasks, cost)
    assert found.open.mean(axis=0) == pytest.approx(made.cost.mean(axis=0), rel=1e-6)
    assert (found.open <= made.cost.max(axis=0)).all() and (found.open >= made.cost.min(axis=0)).all()


def test_smearing_puts_the_mean_right_where_the_exponential_of_a_mean_does_not():
    logs = np.log(np.array([[1.0], [4.0]]))
    shift = smearing(logs, np.array([5.0]), np.array([0.0]), np.array([8.0]))
    assert shift == pytest.approx([np.log(2)])  # 2 and 8, of mean 5
    clamped = smearing(logs, np.array([5.0]), np.array([0.0]), np.array([6.0]))
    assert clamped == pytest.approx([np.log(4)])  # 4, and 6 for 16


def test_a_free_size_is_expected_to_be_free_and_rare_free_queries_do_no_harm():
    texts, tasks, cost, _ = world(400)
    cost[:, 0] = 0.0
    cost[:7, 1] = 0.0
    made, found = fitted(texts, tasks, cost)
    assert (found.open[:, 0] == 0).all()
    assert (found.model.low, found.model.high[0]) == ((0.0, 0.0), 0.0)
    assert found.open[:, 1].mean() == pytest.approx(made.cost[:, 1].mean())
    assert np.corrcoef(found.tasked[:, 1], made.cost[:, 1])[0, 1] > 0.5


def test_a_size_that_always_costs_the_same_is_expected_to():
    texts, tasks, cost, _ = world(100)
    cost[:, 0] = 0.25
    made, found = fitted(texts, tasks, cost)
    assert found.open[:, 0] == pytest.approx(made.cost[0, 0])
    assert served(found.model, made.read)[:, 0] == pytest.approx(made.cost[0, 0], rel=2e-3)


def test_one_size_and_no_task_at_all_can_be_fitted():
    texts, _, cost, _ = world(80, tasks=False)
    made, found = fitted(texts, ["only"] * 80, cost[:, :1])
    assert found.model.tasks.of_task == {}
    assert found.open.mean() == pytest.approx(1.0)
    assert served(found.model, made.read.of_tasks(np.full(80, "new", dtype=object))).shape == (80, 1)

import numpy as np
import pytest

from zeta_eval.tuning.fit_tasks import fit_tasks


def folds(n, k=5):
    at = np.arange(n) % k
    return [(np.flatnonzero(at != i), np.flatnonzero(at == i)) for i in range(k)]


def named(*counts):
    return np.array([f"t{i}" if c >= 0 else None for i, c in enumerate(counts) for _ in range(abs(c))], dtype=object)


def test_a_task_that_differs_gets_its_mean_error_held_back_by_the_prior():
    tasks = named(500, 500)
    estimate = np.full((1000, 2), 0.5)
    target = np.where((tasks == "t0")[:, None], [0.9, 0.5], [0.1, 0.5])
    found, out = fit_tasks(estimate, target, tasks, folds(1000))
    assert found.of_task["t0"] == pytest.approx((0.4 * 500 / 600, 0.0))  # without noise the weakest prior wins
    assert out[tasks == "t0", 0] == pytest.approx(np.full(500, 0.5 + 0.4 * 400 / 500))  # the 400 of the other folds


def test_a_task_of_few_queries_is_held_back_more_than_one_of_many():
    tasks = named(10, 600, 600)
    target = np.where((tasks == "t2")[:, None], 0.1, 0.9)
    found, _ = fit_tasks(np.full((1210, 1), 0.5), target, tasks, folds(1210))
    few, many = (found.of_task[name][0] for name in ("t0", "t1"))
    assert 0 < few < 0.1 * 0.4 < many < 0.4


def test_queries_without_a_task_get_nothing_and_move_no_task():
    tasks = named(300, -300, 300)
    target = np.where((tasks == "t0")[:, None], 0.8, np.where((tasks == "t2")[:, None], 0.2, 1.0))
    found, out = fit_tasks(np.full((900, 1), 0.5), target, tasks, folds(900))
    assert set(found.of_task) == {"t0", "t2"}
    assert (out[300:600] == 0.5).all()
    assert found.of_task["t0"][0] == pytest.approx(0.3 * 300 / 400)


@pytest.mark.parametrize("seed", range(3))
def test_tasks_that_differ_by_chance_add_next_to_nothing(seed):
    rng = np.random.default_rng(seed)
    tasks, target = named(*[20] * 50), rng.random((1000, 2)).round()
    by_task = np.array([target[tasks == f"t{i}"].mean(axis=0) - 0.5 for i in range(50)])
    found, _ = fit_tasks(np.full((1000, 2), 0.5), target, tasks, folds(1000))
    added = np.array(list(found.of_task.values())) if found.of_task else np.zeros(1)
    assert abs(added).max() < 0.2 * abs(by_task).max()


def test_tasks_that_do_not_differ_at_all_are_left_out():
    found, out = fit_tasks(np.full((1000, 2), 0.5), np.full((1000, 2), 0.5), named(500, 500), folds(1000))
    assert found.of_task == {} and (out == 0.5).all()

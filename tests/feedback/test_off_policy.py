import numpy as np
import pytest

from zeta_eval.feedback.off_policy import difference, one_hot

N, M = 2000, 3


def world(seed, epsilon=0.3):
    """Queries whose scores are known in expectation, logged by an epsilon-greedy policy that likes size 0."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, N)
    truth = 1 / (1 + np.exp(-(np.arange(M) - 1.0 - 2 * x[:, None])))
    greedy = np.where(x < 0.3, 0, 2)
    behaviour = np.full((N, M), epsilon / M) + (1 - epsilon) * one_hot(greedy, M)
    chosen = (rng.random(N)[:, None] > behaviour.cumsum(axis=1)).sum(axis=1)
    score = (rng.random(N) < truth[np.arange(N), chosen]).astype(float)
    logged = chosen, score, behaviour[np.arange(N), chosen]
    return logged, one_hot(np.where(x < -0.3, 0, 1), M), one_hot(greedy, M), truth


def value(target, truth):
    return float((target * truth).sum(axis=1).mean())


COST = np.broadcast_to(np.array([0.0, 0.1, 0.3]), (N, M))


@pytest.mark.parametrize("model", ["right", "wrong"])
def test_a_difference_is_right_on_average_and_its_interval_holds_the_truth(model):
    gaps, held = [], 0
    for seed in range(100):
        logged, target, greedy, truth = world(seed)
        p = truth if model == "right" else np.full((N, M), 0.5)
        made, low, high = difference(*logged, greedy, target, p, COST)
        known = value(target, truth - COST) - value(greedy, truth - COST)
        gaps.append(made - known)
        held += low <= known <= high
    assert abs(np.mean(gaps)) < 4 * np.std(gaps) / 10
    assert held >= 88
    assert difference(*logged, target, target, truth, COST)[0] == 0


def test_a_right_model_saves_wrong_propensities():
    errors = []
    for seed in range(60):
        logged, target, greedy, truth = world(seed)
        careless = *logged[:2], np.full(N, 0.9)
        known = value(target, truth) - value(greedy, truth)
        errors.append(difference(*careless, greedy, target, truth, np.zeros((N, M)))[0] - known)
    assert abs(np.mean(errors)) < 4 * np.std(errors) / np.sqrt(60)

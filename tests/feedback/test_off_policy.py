import numpy as np
import pytest

from zeta_eval.feedback.off_policy import LEAST, Log, Side, difference, sides

N, M = 2000, 3
ROWS = np.arange(N)


def world(seed, epsilon=0.3):
    """Queries whose scores are known in expectation, logged by an epsilon-greedy policy that likes size 0."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, N)
    truth = 1 / (1 + np.exp(-(np.arange(M) - 1.0 - 2 * x[:, None])))
    greedy = np.where(x < 0.3, 0, 2)
    behaviour = np.full((N, M), epsilon / M) + (1 - epsilon) * np.eye(M)[greedy]
    chosen = (rng.random(N)[:, None] > behaviour.cumsum(axis=1)).sum(axis=1)
    score = (rng.random(N) < truth[ROWS, chosen]).astype(float)
    return Log(chosen, score, behaviour[ROWS, chosen]), greedy, np.where(x < -0.3, 0, 1), truth


COST = np.broadcast_to(np.array([0.0, 0.1, 0.3]), (N, M))


@pytest.mark.parametrize("model", ["right", "wrong"])
def test_a_difference_is_right_on_average_and_its_interval_holds_the_truth(model):
    gaps, held = [], 0
    for seed in range(100):
        log, greedy, target, truth = world(seed)
        p = truth if model == "right" else np.full((N, M), 0.5)
        made, low, high = difference(log, greedy, target, p, COST)
        known = ((truth - COST)[ROWS, target] - (truth - COST)[ROWS, greedy]).mean()
        gaps.append(made - known)
        held += low <= known <= high
    assert abs(np.mean(gaps)) < 4 * np.std(gaps) / 10
    assert held >= 90
    assert difference(log, target, target, truth, COST) == (0, 0, 0)


def test_a_right_model_saves_wrong_propensities():
    errors = []
    for seed in range(60):
        log, greedy, target, truth = world(seed)
        careless = log._replace(propensity=np.full(N, 0.9))
        known = (truth[ROWS, target] - truth[ROWS, greedy]).mean()
        errors.append(difference(careless, greedy, target, truth, np.zeros((N, M)))[0] - known)
    assert abs(np.mean(errors)) < 4 * np.std(errors) / np.sqrt(60)


def rare(seed, n, epsilon, right=0.5):
    """Equally good policies that differ on a fifth of the queries, and a model too sure of the new size just there."""
    rng = np.random.default_rng(seed)
    old, new = np.zeros(n, dtype=int), (rng.random(n) < 0.2).astype(int)
    behaviour = np.array([1 - epsilon + epsilon / M, *[epsilon / M] * (M - 1)])
    chosen = rng.choice(M, n, p=behaviour)
    score = (rng.random(n) < right).astype(float)
    p = np.full((n, M), right)
    p[new == 1, 1] = min(1.0, right + 0.3)
    return Log(chosen, score, behaviour[chosen]), old, new, p


@pytest.mark.parametrize(("n", "epsilon", "right"), [(300, 0.3, 0.5), (1000, 0.1, 0.5), (3000, 0.1, 0.7)])
def test_a_model_that_is_too_sure_where_policies_differ_shows_nothing(n, epsilon, right):
    false = told = 0
    for seed in range(500):
        log, old, new, p = rare(seed, n, epsilon, right)
        if min(side.answers for side in sides(log, old, new, p)) >= LEAST:
            told += 1
            false += difference(log, old, new, p, np.zeros((n, M)))[1] > 0
    assert told > 250 and false <= 0.03 * 500


def test_answers_where_the_policies_agree_correct_nothing():
    log, old, new, p = rare(0, 3000, 0.3)
    found = difference(log, old, new, p, np.zeros_like(p))
    flattered = log._replace(score=np.where(old == new, 1.0, log.score))
    assert difference(flattered, old, new, p, np.zeros_like(p)) == pytest.approx(found)


def test_answers_count_by_their_weight():
    even, odd = Side(np.zeros(10), np.ones(10)), Side(np.zeros(10), np.array([91.0, *[1.0] * 9]))
    assert even.answers == 10 and 1 < odd.answers < 1.3
    assert Side(np.zeros(0), np.zeros(0)).answers == 0


def test_a_few_answers_without_a_failure_are_no_certainty():
    log = Log(np.r_[np.ones(5, int), np.zeros(200, int)], np.ones(205), np.r_[np.full(5, 0.05), np.full(200, 0.9)])
    old, new, p = np.zeros(205, int), np.ones(205, int), np.full((205, 2), 0.5)
    value, low, high = difference(log, old, new, p, np.zeros((205, 2)))
    assert value == pytest.approx(0) and low < -0.4 and high > 0.4

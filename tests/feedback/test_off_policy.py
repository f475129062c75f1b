import numpy as np
import pytest

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.feedback.off_policy import Logged, difference, doubly_robust, ips, one_hot, snips

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
    logged = Logged(chosen=chosen, score=score, propensity=behaviour[np.arange(N), chosen])
    return logged, one_hot(np.where(x < -0.3, 0, 1), M), one_hot(greedy, M), truth


def value(target, truth):
    return float((target * truth).sum(axis=1).mean())


WRONG = np.full((N, M), 0.5)


@pytest.mark.parametrize(
    ("name", "estimate"),
    [
        ("ips", lambda log, target, truth: ips(log, target)),
        ("snips", lambda log, target, truth: snips(log, target)),
        ("dr, wrong model", lambda log, target, truth: doubly_robust(log, target, WRONG)),
        ("dr, right model", lambda log, target, truth: doubly_robust(log, target, truth)),
    ],
)
def test_an_estimate_is_right_on_average_and_its_interval_holds_the_truth(name, estimate):
    errors, held = [], 0
    for seed in range(200):
        logged, target, _, truth = world(seed)
        made, known = estimate(logged, target, truth), value(target, truth)
        errors.append(made.value - known)
        held += made.interval[0] <= known <= made.interval[1]
    assert abs(np.mean(errors)) < 4 * np.std(errors) / np.sqrt(200)
    assert 0.9 <= held / 200 <= 0.99


def test_doubly_robust_and_snips_are_more_precise_than_ips():
    logged, target, _, truth = world(0)
    assert doubly_robust(logged, target, truth).error < ips(logged, target).error
    assert snips(logged, target).error < ips(logged, target).error


def test_right_propensities_save_a_wrong_model_and_a_right_model_saves_wrong_propensities():
    errors, naive = [], []
    for seed in range(60):
        logged, target, _, truth = world(seed)
        careless = Logged(chosen=logged.chosen, score=logged.score, propensity=np.full(N, 0.9))
        errors.append(doubly_robust(careless, target, truth).value - value(target, truth))
        naive.append(ips(careless, target).value - value(target, truth))
    assert abs(np.mean(errors)) < 4 * np.std(errors) / np.sqrt(60)
    assert abs(np.mean(naive)) > 0.1


def test_the_difference_of_two_policies_is_paired():
    gaps, held = [], 0
    cost = np.broadcast_to(np.array([0.0, 0.1, 0.3]), (N, M))
    for seed in range(100):
        logged, target, greedy, truth = world(seed)
        made = difference(logged, greedy, target, truth, cost)
        known = value(target, truth - cost) - value(greedy, truth - cost)
        gaps.append(made.value - known)
        held += made.interval[0] <= known <= made.interval[1]
    assert abs(np.mean(gaps)) < 4 * np.std(gaps) / 10
    assert held >= 88
    assert difference(logged, target, target, truth, cost).value == 0


def test_without_exploration_the_other_choices_are_unsupported():
    logged, target, greedy, truth = world(1, epsilon=0.0)
    assert (logged.propensity == 1).all()
    assert doubly_robust(logged, greedy, truth).unsupported == 0
    made = doubly_robust(logged, target, WRONG)
    assert made.unsupported == pytest.approx((target != greedy).any(axis=1).mean())
    assert abs(made.value - value(target, truth)) > 0.05  # and indeed it is wrong
    assert np.isnan(snips(logged, one_hot(np.full(N, 1), M)).value)


def test_a_log_that_can_not_be_is_refused():
    one = np.zeros(1, dtype=int)
    with pytest.raises(InvalidInputError, match="as many of each"):
        Logged(chosen=one, score=np.zeros(2), propensity=np.ones(1))
    with pytest.raises(InvalidInputError, match=r"not in \(0, 1\]"):
        Logged(chosen=one, score=np.zeros(1), propensity=np.zeros(1))

import numpy as np
import pytest

from zeta_eval.evaluation.measures.lift import excess, lift
from zeta_eval.evaluation.measures.statistics import Bootstrap


def rare(rng, n, share, *, cascading=False, graded=False):
    """A policy of no worth that leaves one size for another on a small share of the queries, by lot."""
    score = (rng.random((n, 2)) < [0.6, 0.75]).astype(float)
    if graded:
        score = np.clip(np.abs(score - rng.beta(1, 4, score.shape)), 0, 1)
    cost = np.array([0.4, 1.0]) * np.exp(0.3 * rng.normal(size=(n, 1)))
    kept = np.where(rng.random(n) < share, 1, 0) if cascading else np.where(rng.random(n) < share, 0, 1)
    paid = np.where(kept == 1, cost.sum(axis=1), cost[:, 0]) if cascading else cost[np.arange(n), kept]
    return score[np.arange(n), kept], paid, kept, score, cost


@pytest.mark.parametrize(("n", "share"), [(200, 0.02), (200, 0.05), (712, 0.01)])
@pytest.mark.parametrize("kind", ["plain", "cascading", "graded"])
def test_a_policy_that_is_worth_nothing_is_seldom_proven_however_rarely_it_deviates(n, share, kind):
    lows = []
    for seed in range(200):
        made = rare(np.random.default_rng(seed), n, share, cascading=kind == "cascading", graded=kind == "graded")
        lows.append(lift(excess(*made), Bootstrap(n, n_bootstrap=400, seed=seed), seed=seed).low)
    assert np.mean(np.array(lows) > 1e-9) <= 0.025 + 2 * np.sqrt(0.025 * 0.975 / 200)


def test_a_policy_that_divides_queries_well_is_proven_and_its_lift_is_that_above_the_mix():
    rng = np.random.default_rng(0)
    score = (rng.random((400, 2)) < [0.6, 0.75]).astype(float)
    cost = np.tile([0.4, 1.0], (400, 1))
    kept = np.where(score[:, 0] >= score[:, 1], 0, 1)
    got, paid = score[np.arange(400), kept], cost[np.arange(400), kept]
    found = lift(excess(got, paid, kept, score, cost), Bootstrap(400))
    share = (paid.mean() - 0.4) / 0.6
    mixed = (1 - share) * score[:, 0].mean() + share * score[:, 1].mean()
    assert found.value == pytest.approx(got.mean() - mixed)
    assert 0 < found.low < found.value < found.high


@pytest.mark.parametrize("size", [0, 1])
def test_one_size_for_every_query_has_no_lift_and_no_error(size):
    score, cost = np.array([[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]]), np.tile([0.4, 1.0], (3, 1))
    found = excess(score[:, size], cost[:, size], np.full(3, size), score, cost)
    assert lift(found, Bootstrap(3)) == pytest.approx((0, 0, 0))

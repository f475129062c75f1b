import numpy as np
import pytest

from zeta_eval.arrays import sigmoid
from zeta_eval.tuning.fit_heuristic import FitSettings, fit_heuristic


@pytest.fixture(scope="module")
def world():
    """A world that is exactly the model: difficulty 2 x0 - x1, three sizes."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 4))
    d = 2 * x[:, 0] - x[:, 1]
    ability, slope = np.array([-1.0, 0.5, 2.0]), np.array([1.0, 1.5, 1.0])
    p = sigmoid(slope * (ability - d[:, None]))
    score = (rng.random(p.shape) < p).astype(float)
    return x, p, score, np.tile([0.1, 0.3, 1.0], (4000, 1))


def test_a_fit_finds_the_difficulty_that_made_the_scores(world):
    x, p, score, cost = world
    found = fit_heuristic(x, score, cost, cost, FitSettings(ridge=1.0))
    direction = found.weights / np.linalg.norm(found.weights)
    assert direction == pytest.approx(np.array([2, -1, 0, 0]) / np.sqrt(5), abs=0.05)
    predicted = sigmoid(found.slope * (found.ability - (x @ found.weights)[:, None]))
    assert np.abs(predicted - p).mean() < 0.02


def test_a_fit_on_utility_chooses_no_worse_than_one_on_likelihood_alone(world):
    x, _, score, cost = world

    def utility(settings):
        found = fit_heuristic(x[:2000], score[:2000], cost[:2000], cost[:2000], settings)
        p = sigmoid(found.slope * (found.ability - (x[2000:] @ found.weights)[:, None]))
        size = (p - 0.2 * cost[2000:]).argmax(1)
        return (score[2000:] - 0.2 * cost[2000:])[np.arange(2000), size].mean()

    assert utility(FitSettings(ridge=1.0, utility=20.0)) > utility(FitSettings(ridge=1.0)) - 0.005

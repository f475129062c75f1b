import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeta_eval.evaluation.batch.choice import choose, curve_weights
from zeta_eval.evaluation.measures.metrics import hull_value, mix
from zeta_eval.router import best

COST = np.array([[0.1, 0.3, 1.0]])


def test_the_choice_weighs_success_against_cost():
    p = np.array([[0.5, 0.6, 0.9]])
    assert [int(choose(p, COST, w)[0]) for w in (0.0, 0.4, 0.45, 5.0, np.inf)] == [2, 2, 1, 0, 0]


def test_a_tie_goes_to_the_cheaper_size():
    assert choose(np.array([[0.7, 0.7, 0.7]]), COST, 0.0).tolist() == [0]
    assert choose(np.array([[0.2, 0.7, 0.7]]), COST, 0.0).tolist() == [1]
    assert choose(np.array([[0.2, 0.7, 0.7]]), np.array([[0.5, 0.5, 0.5]]), np.inf).tolist() == [0]


@given(st.integers(0, 10_000), st.floats(0, 10), st.integers(1, 5))
def test_the_choice_is_the_routers_for_every_query(seed, weight, sizes):
    rng = np.random.default_rng(seed)
    p, cost = rng.integers(0, 4, (20, sizes)) / 4, rng.integers(0, 4, (20, sizes)) / 4  # coarse, so that ties occur
    expected = [best(p[q].tolist(), cost[q].tolist(), weight) for q in range(20)]
    assert choose(p, cost, weight).tolist() == expected


def test_curve_weights_span_from_the_best_to_the_cheapest_size():
    rng = np.random.default_rng(0)
    p, cost = np.sort(rng.random((500, 3)), axis=1), np.tile(COST, (500, 1))
    weights = curve_weights(p, cost)
    assert weights[0] == 0
    assert weights[-1] == np.inf
    assert len(weights) <= 50
    assert (np.diff(weights) > 0).all()
    spent = [np.take_along_axis(cost, choose(p, cost, w)[:, None], 1).mean() for w in weights]
    assert spent[0] == pytest.approx(1.0, abs=0.01)
    assert spent[-1] == pytest.approx(0.1)
    assert max(-np.diff(spent)) < 0.12  # no long jump between neighbours


def test_curve_weights_of_constant_estimates_are_the_two_ends_and_the_ties():
    assert curve_weights(np.full((9, 2), 0.5), np.tile([0.2, 1.0], (9, 1))).tolist() == [0, np.inf]
    one = curve_weights(np.tile([0.4, 0.8], (9, 1)), np.tile([0.2, 1.0], (9, 1)))
    assert one == pytest.approx([0, 0.5, np.inf])


def test_a_mix_spends_exactly_the_cost_on_the_best_two_sizes():
    points = np.array([[1.0, 0.4], [2.0, 0.45], [5.0, 0.8]])
    assert mix(points, 3.0) == pytest.approx([0.5, 0, 0.5])
    assert mix(points, 0.5) == pytest.approx([1, 0, 0])
    assert mix(points, 9.0) == pytest.approx([0, 0, 1])
    assert mix(np.array([[1.0, 0.9], [5.0, 0.8]]), 3.0) == pytest.approx([1, 0])


@given(
    st.lists(st.tuples(st.floats(0.01, 10), st.floats(0, 1)), min_size=1, max_size=5),
    st.floats(0, 12),
)
def test_the_mix_reaches_the_hull_of_the_single_sizes(points, cost):
    points = np.array(points)
    shares = mix(points, cost)
    assert shares.sum() == pytest.approx(1)
    assert (shares >= 0).all()
    assert shares @ points[:, 1] == pytest.approx(hull_value(points, np.float64(cost)), abs=1e-6)
    assert shares @ points[:, 0] <= max(cost, points[:, 0].min()) + 1e-6

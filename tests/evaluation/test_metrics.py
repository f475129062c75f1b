import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeta_eval.evaluation.measures.metrics import (
    apgr,
    area,
    break_even,
    cost_to_keep,
    cpt,
    detectable_lift,
    hull,
    hull_value,
    pair_shares,
    pgr,
    regret,
)

SINGLES = np.array([[1.0, 0.4], [3.0, 0.8]])
"""The small size costs 1 and scores 0.4; the large one costs 3 and scores 0.8."""
CURVE = np.array([[1.0, 0.4], [2.0, 0.7], [3.0, 0.8]])
ORACLE = np.array([[1.0, 0.4], [2.0, 0.9], [3.0, 0.9]])

clouds = st.lists(st.tuples(st.floats(0, 10), st.floats(0, 1)), min_size=1, max_size=12).map(
    lambda points: np.round(points, 6)
)


def test_the_hull_leaves_out_dented_and_falling_points():
    points = np.array([[3.0, 0.8], [1.0, 0.4], [2.0, 0.5], [4.0, 0.7], [1.0, 0.3]])
    assert hull(points).tolist() == [[1.0, 0.4], [3.0, 0.8]]


@given(clouds)
def test_the_hull_is_concave_and_rising_and_above_its_points(points):
    corners = hull(points)
    steps = np.diff(corners, axis=0)
    assert (steps >= 0).all()
    slopes = steps[:, 1] / steps[:, 0]
    assert (np.diff(slopes) <= 1e-9 * (1 + slopes[:-1])).all()
    heights = hull_value(np.broadcast_to(points, (len(points), *points.shape)), points[:, 0])
    assert (heights >= points[:, 1] - 1e-9).all()


def test_steps_of_next_to_no_cost_do_no_harm():
    points = np.array([[0.0, 0.0], [5e-324, 0.5], [1.0, 0.6]])
    assert hull_value(points[None], np.array([0.5])) == pytest.approx([0.55])
    assert float(area(points, points)) == pytest.approx(0.55)


def test_the_hull_is_read_off_between_and_beyond_its_corners():
    at = np.array([0.5, 1.0, 2.0, 3.0, 9.0])
    values = hull_value(np.broadcast_to(SINGLES, (5, 2, 2)), at)
    assert values == pytest.approx([0.4, 0.4, 0.6, 0.8, 0.8])


def test_areas_of_a_table_worked_out_by_hand():
    # trapezoids over [1, 3]: random (0.4+0.8)/2 = 0.6; curve (0.55 + 0.75)/2 = 0.65; oracle (0.65 + 0.9)/2 = 0.775
    assert float(area(SINGLES, SINGLES)) == pytest.approx(0.6)
    assert float(area(CURVE, SINGLES)) == pytest.approx(0.65)
    assert float(area(ORACLE, SINGLES)) == pytest.approx(0.775)


def test_the_area_counts_only_costs_between_the_cheapest_and_the_dearest_size():
    beyond = np.array([[0.0, 0.2], [2.0, 0.6], [4.0, 1.0]])  # on a straight line: 0.4 at 1, 0.8 at 3
    assert float(area(beyond, SINGLES)) == pytest.approx(0.6)
    assert float(area(np.array([[2.0, 0.6]]), SINGLES)) == pytest.approx((0.5 + 0.6) / 2)


def test_costs_that_are_all_equal_have_no_area():
    assert math.isnan(float(area(CURVE, np.array([[1.0, 0.4], [1.0, 0.8]]))))


def test_the_cost_to_keep_a_score_is_where_the_curve_first_reaches_it():
    dented = np.array([[3.0, 0.8], [1.0, 0.4], [2.0, 0.7], [2.5, 0.6]])
    assert cost_to_keep(dented, 0.65) == 2.0
    assert cost_to_keep(dented, 0.75) == 3.0
    assert math.isnan(cost_to_keep(dented, 0.81))


def test_the_area_agrees_with_numpy_on_the_hulls_corners():
    rng = np.random.default_rng(1)
    curve, singles = rng.random((30, 2)), np.array([[0.0, 0.0], [1.0, 0.5]])
    corners = np.vstack([hull(np.vstack([curve, singles[:1]])), [[1.0, curve[:, 1].max()]]])
    assert float(area(curve, singles)) == pytest.approx(np.trapezoid(corners[:, 1], corners[:, 0]))


def test_performance_gap_recovered():
    assert float(pgr(0.7, 0.4, 0.8)) == pytest.approx(0.75)
    assert math.isnan(float(pgr(0.7, 0.8, 0.8)))


def test_apgr_of_a_random_mix_is_one_half_and_of_a_table_worked_out_by_hand():
    weak, strong = SINGLES
    assert apgr(SINGLES, weak, strong) == pytest.approx(0.5)
    assert apgr(CURVE, weak, strong) == pytest.approx((0.375 + 0.875) / 2)  # PGR 0.75 half of the way
    assert math.isnan(apgr(CURVE, strong, weak))


def test_cpt_is_the_least_share_that_recovers_the_level():
    weak, strong = SINGLES
    assert cpt(SINGLES, weak, strong, 0.8) == pytest.approx(0.8)
    assert cpt(CURVE, weak, strong, 0.5) == pytest.approx(0.5 * 0.5 / 0.75)
    assert cpt(CURVE, weak, strong, 0.0) == 0
    assert math.isnan(cpt(CURVE, strong, weak, 0.5))


def test_the_four_shares_of_a_pair_sum_to_one():
    score = np.array([[0, 1], [1, 0], [1, 1], [0, 0], [0, 1]], dtype=float)
    (pair,) = pair_shares(score, np.tile([1.0, 2.0], (5, 1)), ("4B", "14B"))
    assert (pair.rescue, pair.loss, pair.safe, pair.hard) == pytest.approx((0.4, 0.2, 0.2, 0.2))
    assert (pair.small, pair.large, pair.cost_ratio, pair.break_even) == ("4B", "14B", 2.0, 2.0)


def test_break_even_of_a_cascade():
    assert break_even(7 / 4) == pytest.approx(7 / 3)  # 4B -> 7B by parameters
    assert break_even(14 / 4) == pytest.approx(1.4)
    assert break_even(1.0) == math.inf
    assert math.isnan(break_even(math.nan))


def test_regret_is_the_utility_left_to_the_best_size():
    score, cost = np.array([[0.0, 1.0], [1.0, 1.0]]), np.array([[0.2, 1.0], [0.2, 1.0]])
    small, escalated = cost[:, 0], cost.sum(axis=1)
    assert regret(score, cost, score[:, 0], small, 0.5) == pytest.approx([0.6, 0.0])
    assert regret(score, cost, score[:, 1], escalated, 0.5) == pytest.approx([0.1, 0.5])


def test_the_detectable_lift_is_2_8_standard_errors():
    assert detectable_lift(0.01) == pytest.approx(0.01 * (1.959964 + 0.841621), rel=1e-5)

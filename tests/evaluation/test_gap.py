import math

import numpy as np
import pytest

from zeta_eval.evaluation.batch.choice import choose, curve_weights
from zeta_eval.evaluation.measures import gap
from zeta_eval.evaluation.measures.gap import Frame, closed, curve_area, interval, mix_area, mix_corners


def world(rng, n, seen, *, family=None, correlation=0.9):
    """Scores and costs of three sizes, and what a policy expects that sees a share of each query's difficulty."""

    def draw(k):
        if family is None:
            return rng.normal(size=(n, k))
        shared = np.repeat(rng.normal(size=(n // family, k)), family, axis=0)
        return math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * rng.normal(size=(n, k))

    noise = draw(6)
    hard, luck, cost, blur = noise[:, 0], noise[:, 1:4], noise[:, 4:5], noise[:, 5]
    ability = np.array([-0.2, 0.5, 1.3])

    def chance(difficulty):
        return 1 / (1 + np.exp(-(ability - 1.3 * difficulty[:, None])))

    rank = np.array([math.erf(x / math.sqrt(2)) for x in luck.ravel()]).reshape(luck.shape) / 2 + 0.5
    score = (rank < chance(hard)).astype(float)
    expected = np.tile([0.25, 0.45, 1.0], (n, 1))
    return score, expected * np.exp(0.3 * cost), chance(seen * hard + math.sqrt(1 - seen**2) * blur), expected


def walk(score, cost, p, expected):
    def at(weights):
        chosen = np.column_stack([choose(p, expected, w) for w in weights])
        return np.take_along_axis(cost, chosen, axis=1), np.take_along_axis(score, chosen, axis=1)

    return at


def measured(score, cost, p, expected, families=None):
    frame = Frame.of(cost, score)
    corners = mix_corners(np.column_stack([cost.mean(axis=0), score.mean(axis=0)]))
    mix = mix_area(frame, cost, score, corners)
    curve = curve_area(frame, curve_weights(p, expected), walk(score, cost, p, expected))
    oracle = curve_area(frame, curve_weights(score, cost), walk(score, cost, score, cost))
    return interval(*closed(curve, mix, oracle), families)


@pytest.mark.parametrize("seen", [0.0, 0.75])
def test_the_interval_covers_a_known_truth_and_nothing_is_added_by_chance(seen):
    truth = measured(*world(np.random.default_rng(0), 200_000, seen)).value
    found = [measured(*world(np.random.default_rng(seed), 300, seen)) for seed in range(1, 201)]
    assert np.mean([m.value for m in found]) == pytest.approx(truth, abs=0.01)
    assert np.mean([m.low <= truth <= m.high for m in found]) >= 0.91
    assert np.mean([m.low > truth for m in found]) <= 0.06


def test_families_of_like_queries_widen_the_interval_to_the_truth():
    seen, n = 0.75, 600
    truth = measured(*world(np.random.default_rng(0), 200_000, seen)).value
    found = {True: 0, False: 0}
    for seed in range(1, 121):
        drawn = world(np.random.default_rng(seed), n, seen, family=5)
        for by_family in found:
            m = measured(*drawn, families=np.arange(n) // 5 if by_family else None)
            found[by_family] += m.low <= truth <= m.high
    assert found[True] >= 0.9 * 120 > found[False]


def test_each_query_s_influence_is_what_the_area_moves_by_when_it_counts_more():
    score, cost, p, expected = world(np.random.default_rng(3), 80, 0.5)
    weights = curve_weights(p, expected)

    def area(rows):
        at = walk(score[rows], cost[rows], p[rows], expected[rows])
        return curve_area(Frame.of(cost[rows], score[rows]), weights, at)

    influence, repeats = area(np.arange(80)).influence, 500
    for i in (0, 17, 79):
        more = np.concatenate([np.repeat(np.arange(80), repeats), [i]])
        moved = (area(more).value - area(np.arange(80)).value) * len(more)
        assert moved == pytest.approx(influence[i], rel=0.02, abs=1e-3)


def test_an_area_worked_out_by_hand_counts_a_step_back_and_stops_at_the_dearest_size():
    cost, score = np.array([[1.0, 3.0]]), np.array([[0.4, 0.8]])
    points = np.array([[2.0, 0.7], [1.5, 0.9], [4.0, 0.8]])  # by falling weight: forward, back, beyond the dearest
    area = curve_area(
        Frame.of(cost, score), np.array([3.0, 2.0, 1.0]), lambda w: tuple(points[(3 - w).astype(int)].T[:, None])
    )
    assert area.value == pytest.approx((0.55 - 0.5 * 0.8 + 1.5 * 0.85) / 2)
    assert area.points.tolist() == points.tolist()


def test_the_mix_closes_nothing_the_oracle_everything_and_no_room_is_no_number():
    score, cost, _p, _expected = world(np.random.default_rng(1), 200, 0.5)
    frame = Frame.of(cost, score)
    mix = mix_area(frame, cost, score, [0, 2])
    oracle = curve_area(frame, curve_weights(score, cost), walk(score, cost, score, cost))
    assert closed(mix, mix, oracle)[0] == 0 and closed(oracle, mix, oracle)[0] == 1
    assert interval(*closed(oracle, mix, oracle)) == pytest.approx((1, 1, 1))
    assert math.isnan(closed(mix, mix, mix)[0])


def test_a_curve_traced_in_parts_is_the_same(monkeypatch):
    score, cost, p, expected = world(np.random.default_rng(2), 50, 0.5)
    args = Frame.of(cost, score), curve_weights(p, expected), walk(score, cost, p, expected)
    whole = curve_area(*args)
    monkeypatch.setattr(gap, "_HELD", 1)
    parts = curve_area(*args)
    assert parts.value == pytest.approx(whole.value)
    np.testing.assert_allclose(parts.influence, whole.influence)

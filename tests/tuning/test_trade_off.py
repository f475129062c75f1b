import numpy as np
import pytest
from tables import data, drawn, prose

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.tuning.cascade import Curve
from zeta_eval.tuning.settings import TuningSettings
from zeta_eval.tuning.trade_off import Grid, choose_cost_weight, trade_off

WEIGHTS = np.array([0.0, 0.1, 0.2, 0.4])


def grid(cost, scores, largest, unit_cost=2.0):
    """A strategy at four cost weights."""
    return Grid(
        weights=WEIGHTS, cost=np.array(cost), scores=np.array(scores), largest=np.array(largest), unit_cost=unit_cost
    )


def right(n, total=1000):
    """A score per query: the first n are right."""
    return (np.arange(total) < n).astype(float)


@pytest.fixture
def falling():
    """The largest size is right on 900 of 1000; the strategy on 900, 892, 850 and 700, at less and less cost."""
    scores = np.column_stack([right(n) for n in (900, 892, 850, 700)])
    return grid([1.0, 0.7, 0.5, 0.3], scores, right(900))


@pytest.mark.parametrize(
    ("settings", "weight"),
    [
        ({}, 0.1),  # 892 of 900 is 99 %
        ({"min_score": 0.85}, 0.2),
        ({"min_score": 0.7}, 0.4),
        ({"max_cost": 1.2}, 0.2),  # in the table's unit, of which the largest size costs 2
        ({"max_cost": 10.0}, 0.0),
    ],
)
def test_the_cheapest_cost_weight_that_does_what_is_asked_is_chosen(falling, settings, weight):
    assert choose_cost_weight(falling, TuningSettings(**settings)) == weight


def test_what_can_not_be_done_is_said_with_what_can(falling):
    with pytest.raises(InvalidInputError, match=r"the cheapest costs 0\.6\. Raise --max-cost"):
        choose_cost_weight(falling, TuningSettings(max_cost=0.5))
    with pytest.raises(InvalidInputError, match=r"the best scores 0\.900\. Lower --min-score"):
        choose_cost_weight(falling, TuningSettings(min_score=0.95))


def test_a_strategy_that_never_keeps_99_percent_is_used_where_it_comes_nearest():
    scores = np.column_stack([right(n) for n in (600, 640, 500, 400)])
    assert choose_cost_weight(grid([1.0, 0.7, 0.5, 0.3], scores, right(900)), TuningSettings()) == 0.1


def test_a_share_is_aimed_at_with_the_margin_that_its_certificate_needs(falling):
    narrow, wide = (trade_off(falling, 0.92, 0.95, n) for n in (300, 20_000))
    assert narrow.likely and narrow.cost_weight == 0.1  # 850 of 900 is .944, too near to .92 for 300 new queries
    assert wide.likely and wide.cost_weight == 0.2
    few = trade_off(falling, 0.99, 0.95, 30)
    assert not few.likely and few.cost_weight == 0.1  # no margin is likely: it keeps the share without one


def test_cost_weights_at_which_a_cascade_costs_more_than_the_largest_size_are_left_out():
    made = data(prose(100), drawn(np.tile([0.5, 0.9], (100, 1))))
    cost = np.tile([1.4, 1.1, 0.9, 0.4], (100, 1))
    curve = Curve(weights=WEIGHTS, cost=cost, score=np.ones((100, 4)))
    assert Grid.of(curve, made).weights.tolist() == [0.2, 0.4]
    dear = Curve(weights=WEIGHTS, cost=cost + 1, score=np.ones((100, 4)))
    assert Grid.of(dear, made).weights.tolist() == WEIGHTS.tolist()
    assert (Grid.of(curve, made).largest == made.score[:, 1]).all()

import dataclasses
import math

import pytest
from forests import forest
from hypothesis import given
from hypothesis import strategies as st

from zeta_eval.exceptions import PolicyError
from zeta_eval.router.estimators.costs import CostModel
from zeta_eval.router.estimators.tasks import TaskOffsets

MODEL = CostModel(
    log_cost=forest(["words"], ("words", 1.0, [0.0, 0.0], [-2.0, 0.0], [-1.5, 1.0])),
    shift=(0.5, -0.25),
    tasks=TaskOffsets(of_task={"chat": (0.0, -0.5)}),
    low=(0.0, 0.5),
    high=(0.5, 2.0),
)


@pytest.mark.parametrize(
    ("words", "task", "logs"), [(0.0, None, (-1.5, -0.25)), (2.0, "chat", (-1.0, 0.25)), (0.0, "new", (-1.5, -0.25))]
)
def test_a_cost_is_exp_of_the_forest_the_shift_and_the_tasks_offset(words, task, logs):
    assert MODEL.cost({"words": words}, task) == pytest.approx([math.exp(x) for x in logs])


@given(st.floats(-60000, 60000), st.floats(-60000, 60000))
def test_a_cost_stays_within_the_range_that_was_seen(a, b):
    model = dataclasses.replace(MODEL, log_cost=forest([], [a, b]))
    assert all(x <= c <= y for c, x, y in zip(model.cost({}, None), model.low, model.high, strict=True))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"low": (-0.1, 0.5)}, "range of costs"),
        ({"low": (0.6, 0.5)}, "range of costs"),
        ({"low": (math.nan, 0.5)}, "range of costs"),
        ({"high": (0.5, math.inf)}, "range of costs"),
        ({"shift": (0.5,)}, "do not fit each other"),
        ({"shift": (0.5, math.nan)}, "do not fit each other"),
        ({"log_cost": forest([], [0.0])}, "do not fit each other"),
        ({"tasks": TaskOffsets(of_task={"chat": (0.0,)})}, "wrong number of offsets"),
    ],
)
def test_a_cost_model_that_makes_no_sense_is_refused_in_one_line(changes, says):
    with pytest.raises(PolicyError, match=says) as e:
        dataclasses.replace(MODEL, **changes)
    assert "\n" not in str(e.value)


def test_a_cost_model_comes_back_from_its_json_values():
    assert CostModel.of(dataclasses.asdict(MODEL)) == MODEL

import dataclasses
import math

import pytest
from forests import forest
from hypothesis import given
from hypothesis import strategies as st

from zeta_eval.exceptions import PolicyError
from zeta_eval.router.complexity import TextView, extract
from zeta_eval.router.estimators import estimator_choices, estimator_of, estimator_to_dict
from zeta_eval.router.estimators.heuristic import LEAST, Heuristic, Learned, Level
from zeta_eval.router.estimators.tables import encode
from zeta_eval.router.estimators.tasks import TaskOffsets
from zeta_eval.router.estimators.words import Words

FOREST = forest(["numbers"], ("numbers", 0.0, [0.5, 0.75], [0.625, 0.875], [0.25, 0.5]))
HEURISTIC = Heuristic(
    forest=FOREST,
    usual={"numbers": 0.2},
    level=Level(mean=0.5, stretch=1.5),
    tasks=TaskOffsets(of_task={"sums": (0.25, -0.125)}),
)
WORDS = Words(bits=1, n_sizes=2, constant=(0.5, 0.25), table=encode([(0.0, 0.0)] * 2))
LEARNED = Learned(
    forest=FOREST,
    usual=HEURISTIC.usual,
    level=Level(mean=0.5, stretch=1.0),
    tasks=HEURISTIC.tasks,
    words=WORDS,
    weight=0.25,
)


def chances(model, text, task=None):
    return model.chances(TextView.of(text), extract(text), task)


def test_the_mean_over_the_sizes_is_stretched_and_the_difference_kept():
    # The forest says 0.625 and 0.875, whose mean is 0.25 above the level's.
    assert chances(HEURISTIC, "no digits") == pytest.approx([0.75, 1 - LEAST])
    # And 0.25 and 0.5 beside a digit, 0.125 below it.
    assert chances(HEURISTIC, "7") == pytest.approx([0.1875, 0.4375])


def test_a_known_task_moves_each_size_after_the_stretch():
    assert chances(HEURISTIC, "7", "sums") == pytest.approx([0.4375, 0.3125])
    assert chances(HEURISTIC, "7", "new") == chances(HEURISTIC, "7")


@given(st.text(max_size=40), st.floats(0.01, 1e6), st.floats(-1e6, 1e6))
def test_chances_stay_within_what_may_be_told(text, stretch, mean):
    model = dataclasses.replace(HEURISTIC, level=Level(mean=mean, stretch=stretch))
    assert all(LEAST <= p <= 1 - LEAST for p in chances(model, text, "sums"))


def test_words_count_by_their_weight_and_the_forest_for_the_rest():
    assert chances(LEARNED, "7") == pytest.approx([0.25 + 0.25 * 0.25, 0.5 - 0.25 * 0.25])
    assert chances(dataclasses.replace(LEARNED, weight=0.0), "7") == [0.25, 0.5]
    assert chances(dataclasses.replace(LEARNED, weight=1.0), "7") == [0.5, 0.25]


def test_shares_say_how_much_likelier_the_smallest_size_is_to_fail_and_whether_there_is_more_than_usual():
    assert HEURISTIC.shares(extract("7")) == {"numbers": (0.25, True)}
    assert HEURISTIC.shares(extract("no digits")) == {"numbers": (-0.125, False)}


@pytest.mark.parametrize(
    ("mean", "stretch"), [(math.nan, 1.0), (0.5, 0.0), (0.5, -1.0), (0.5, math.inf), ("0.5", 1.0), (0.5, None)]
)
def test_a_level_that_does_not_stretch_is_refused_in_one_line(mean, stretch):
    with pytest.raises(PolicyError, match="no stretch; tune the policy again") as e:
        Level(mean=mean, stretch=stretch)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"usual": {}}, "means of the features"),
        ({"usual": {"numbers": 0.0, "words": 0.0}}, "means of the features"),
        ({"usual": {"numbers": math.nan}}, "means of the features"),
        ({"tasks": TaskOffsets(of_task={"sums": (0.0,)})}, "wrong number of offsets"),
        ({"weight": -0.1}, "words do not fit"),
        ({"weight": 1.1}, "words do not fit"),
        ({"weight": math.nan}, "words do not fit"),
        ({"words": Words(bits=1, n_sizes=1, constant=(0.0,), table=encode([(0.0,)] * 2))}, "words do not fit"),
    ],
)
def test_parts_that_do_not_fit_are_refused_in_one_line(changes, says):
    with pytest.raises(PolicyError, match=says) as e:
        dataclasses.replace(LEARNED, **changes)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("model", [HEURISTIC, LEARNED])
def test_an_estimator_comes_back_from_its_json_values_by_its_kind(model):
    data = estimator_to_dict(model)
    assert data["kind"] == {Heuristic: "heuristic", Learned: "learned"}[type(model)]
    assert estimator_of(data) == model and type(estimator_of(data)) is type(model)
    assert data["kind"] in estimator_choices()

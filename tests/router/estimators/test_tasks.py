import math

import pytest

from zeta_eval.exceptions import PolicyError
from zeta_eval.router.estimators.tasks import TaskOffsets

OFFSETS = TaskOffsets(of_task={"sums": (0.25, -0.5), "": (1.0, 1.0)})


@pytest.mark.parametrize(
    ("task", "expected"), [("sums", [0.75, 0.0]), ("", [1.5, 1.5]), ("new", [0.5, 0.5]), (None, [0.5, 0.5])]
)
def test_only_a_known_task_adds_something(task, expected):
    assert OFFSETS.added([0.5, 0.5], task) == expected


def test_values_are_not_changed_in_place():
    values = [0.5, 0.5]
    OFFSETS.added(values, "sums")
    assert values == [0.5, 0.5]


@pytest.mark.parametrize("row", [(0.0,), (0.0, 0.0, 0.0), (0.0, math.nan), (math.inf, 0.0), ("0", 0.0)])
def test_offsets_that_fit_no_size_or_are_not_finite_are_refused_in_one_line(row):
    OFFSETS.check(2)
    with pytest.raises(PolicyError, match="tune the policy again") as e:
        TaskOffsets(of_task={"sums": row}).check(2)
    assert "\n" not in str(e.value)


def test_offsets_come_back_from_their_json_values():
    assert TaskOffsets.of({"of_task": {"sums": [0.25, -0.5], "": [1.0, 1.0]}}) == OFFSETS

import base64
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeta_eval.exceptions import PolicyError
from zeta_eval.router.domain import STEPS, Domain, buckets, counted_cost


def domain(**changes):
    values = {"tasks": ("sums",), "base": (0.0, 1.0), "transfer": 0.2, "near": 1.0, "far": 3.0, "bits": 8}
    values |= {"table": base64.b64encode(bytes([32]) * 256).decode()} | changes
    return Domain(**values)


def test_a_known_task_is_trusted_fully_and_a_new_one_as_far_as_transfer():
    assert domain().familiarity([], "sums") == 1.0
    assert domain().familiarity(["any", "words"], "proofs") == 0.2


def test_a_text_without_task_is_trusted_by_the_mean_rarity_of_its_words():
    # All words have the rarity 32 / STEPS = 2, halfway between near and far.
    assert domain().familiarity(["a", "b"], None) == pytest.approx(0.2 + 0.8 * 0.5)
    assert domain(near=32 / STEPS, far=3.0).familiarity(["a"], None) == 1.0
    assert domain(near=0.5, far=32 / STEPS).familiarity(["a"], None) == pytest.approx(0.2)


def test_a_text_without_words_is_trusted_least():
    assert domain().familiarity([], None) == pytest.approx(0.2)


def test_words_count_once():
    assert sorted(buckets(["add", "x", "add"], 8)) == sorted(buckets(["x", "add"], 8))
    assert len(buckets(["add", "add"], 8)) == 1


@given(st.lists(st.floats(0, 5), min_size=1, max_size=5), st.floats(0, 1), st.floats(0, 1))
def test_a_saving_against_the_largest_size_counts_as_far_as_the_trust(cost, low, high):
    low, high = sorted((low, high))
    less, more = counted_cost(cost, low), counted_cost(cost, high)
    assert counted_cost(cost, 1.0) == tuple(cost)
    assert counted_cost(cost, 0.0) == pytest.approx((cost[-1],) * len(cost))
    for c, a, b in zip(cost, less, more, strict=True):
        assert abs(cost[-1] - a) <= abs(cost[-1] - b) + 1e-9
        assert math.isclose(cost[-1] - a, low * (cost[-1] - c), abs_tol=1e-9)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"table": "***"}, "can't be read"),
        ({"table": base64.b64encode(b"1").decode()}, "wrong length"),
        ({"bits": 21}, "wrong length"),
        ({"transfer": 1.2}, "out of range"),
        ({"near": 3.0}, "out of range"),
        ({"base": (math.nan, 0.0)}, "not finite"),
    ],
)
def test_a_domain_that_makes_no_sense_is_refused(changes, says):
    with pytest.raises(PolicyError, match=says):
        domain(**changes)

import dataclasses
import math

import pytest
from forests import floats, forest, indices, random_forest, text
from hypothesis import given, settings
from hypothesis import strategies as st

from zeta_eval.exceptions import PolicyError
from zeta_eval.router.estimators.forest import LEAF, Forest
from zeta_eval.router.estimators.tables import encode

HAND = forest(
    ["words", "numbers"],
    ("words", 2.0, [0.5, 0.5], ("numbers", 0.0, [0.75, 0.25], [1.0, 0.0], [0.5, 0.5]), [0.25, 0.75]),
    ("numbers", 1.0, [0.5, 0.5], [0.0, 1.0], [1.0, 0.0]),
)
"""Two trees: nodes 0 to 4, and 5 to 7."""


def at(words, numbers):
    return {"words": words, "numbers": numbers, "unused": 9.0}


@pytest.mark.parametrize(
    ("words", "numbers", "leaves", "expected"),
    [
        (1.0, 0.0, [(1.0, 0.0), (0.0, 1.0)], [0.5, 0.5]),
        (2.0, 1.0, [(0.5, 0.5), (0.0, 1.0)], [0.25, 0.75]),  # a feature at its threshold goes left
        (2.5, 1.0, [(0.25, 0.75), (0.0, 1.0)], [0.125, 0.875]),
        (2.5, 1.5, [(0.25, 0.75), (1.0, 0.0)], [0.625, 0.375]),
        (-1e300, 1e300, [(0.5, 0.5), (1.0, 0.0)], [0.75, 0.25]),
    ],
)
def test_a_text_comes_to_the_leaves_worked_out_by_hand(words, numbers, leaves, expected):
    assert HAND.leaves(at(words, numbers)) == leaves
    assert HAND.mean(at(words, numbers)) == expected


def test_shares_are_the_moves_on_the_way_by_the_feature_asked_for():
    # Tree 1: 0.5 -> 0.75 by words -> 1.0 by numbers. Tree 2: 0.5 -> 0.0 by numbers.
    assert HAND.shares(at(1.0, 0.0), 0) == {"words": 0.125, "numbers": (0.25 - 0.5) / 2}
    assert HAND.shares(at(2.5, 1.5), 1) == {"words": 0.125, "numbers": -0.25}


def test_a_feature_that_moves_nothing_has_no_share():
    assert forest(["words"], [0.5]).shares({"words": 1.0}, 0) == {}
    flat = forest(["words"], ("words", 0.0, [0.5], [0.5], [0.5]))
    assert flat.shares({"words": 1.0}, 0) == {}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(-3, 3), st.floats(-3, 3))
def test_shares_and_the_mean_at_the_roots_add_up_to_the_forests_number(seed, words, numbers):
    import numpy as np

    made, features = random_forest(np.random.default_rng(seed), 2, ["words", "numbers"]), at(words, numbers)
    for k in (0, 1):
        root = sum(made.value_of[start][k] for start in made.starts) / len(made.starts)
        assert root + sum(made.shares(features, k).values()) == pytest.approx(made.mean(features)[k])


def test_a_forest_of_single_leaves_reads_no_feature():
    made = forest([], [0.25, 1.0], [0.75, 0.0])
    assert made.mean({}) == [0.5, 0.5]
    assert made.features == ()


def test_a_forest_comes_back_from_its_json_values():
    data = dataclasses.asdict(HAND) | {"features": ["words", "numbers"], "starts": [0, 5]}
    assert Forest.of(data) == HAND


ASKED = [0, 1, LEAF, LEAF, LEAF, 1, LEAF, LEAF]
RIGHT = [4, 3, 0, 0, 0, 7, 0, 0]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"asked": text(bytes(ASKED[:-1]))}, "differ in their length"),
        ({"asked": ""}, "differ in their length"),
        ({"thresholds": floats(*[0.0] * 7)}, "differ in their length"),
        ({"thresholds": floats(*[0.0] * 9)}, "differ in their length"),
        ({"right": indices(*RIGHT, 0)}, "differ in their length"),
        ({"values": encode([[0.0, 0.0]] * 7)}, "differ in their length"),
        ({"values": encode([*[[0.0, 0.0]] * 7, [0.0]])}, "differ in their length"),
        ({"values": encode([])}, "differ in their length"),
        ({"n_values": 1}, "differ in their length"),
        ({"n_values": 0}, "no numbers"),
        ({"n_values": -2}, "no numbers"),
        ({"features": ("words", 3)}, "without names"),
        ({"features": tuple(f"f{i}" for i in range(255))}, "differ in their length"),
        ({"starts": ()}, "differ in their length"),
        ({"starts": (1, 5)}, "differ in their length"),
        ({"starts": (0, 5, 5)}, "do not follow one another"),
        ({"starts": (0, 5, 2)}, "do not follow one another"),
        ({"starts": (0, 8)}, "do not follow one another"),
        ({"starts": (0, 99)}, "do not follow one another"),
        ({"starts": (0, 6)}, "do not follow one another"),  # the first tree would end at a node that asks
        ({"starts": (0, 3)}, "leads nowhere"),  # its right child would lie in the next tree
        ({"asked": text(bytes([*ASKED[:-1], 0]))}, "do not follow one another"),
        ({"asked": text(bytes([2, *ASKED[1:]]))}, "leads nowhere"),  # there are two features
        ({"right": indices(0, *RIGHT[1:])}, "leads nowhere"),  # a loop
        ({"right": indices(4, 1, *RIGHT[2:])}, "leads nowhere"),  # a node that is its own child
        ({"right": indices(1, *RIGHT[1:])}, "leads nowhere"),  # both children the same
        ({"right": indices(5, *RIGHT[1:])}, "leads nowhere"),  # into the next tree
        ({"right": indices(*RIGHT[:5], 8, 0, 0)}, "leads nowhere"),  # beyond the last node
        ({"right": indices(2**32 - 1, *RIGHT[1:])}, "leads nowhere"),
        ({"thresholds": floats(math.nan, *[0.0] * 7)}, "no number"),
        ({"thresholds": floats(*[0.0] * 7, math.nan)}, "no number"),
        ({"values": encode([[math.nan, 0.0], *[[0.0, 0.0]] * 7])}, "not finite"),
        ({"values": encode([[math.inf, 0.0], *[[0.0, 0.0]] * 7])}, "not finite"),
        ({"thresholds": "%%"}, "no base64"),
        ({"right": "AAA="}, "wrong length"),
        ({"values": "AA=="}, "no float16"),
    ],
)
def test_a_table_that_leads_astray_is_refused_in_one_line(changes, says):
    assert list(HAND.asked_of) == ASKED and list(HAND.right_of) == RIGHT
    with pytest.raises(PolicyError, match=says) as e:
        dataclasses.replace(HAND, **changes)
    assert "\n" not in str(e.value) and "again" in str(e.value)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from([0, 1, LEAF]), min_size=1, max_size=8),
    st.lists(st.integers(0, 9), min_size=8, max_size=8),
    st.sets(st.integers(1, 8), max_size=3),
    st.floats(-1, 3),
)
def test_whatever_is_not_refused_comes_to_a_leaf_of_every_tree(asked, right, starts, words):
    n = len(asked)
    try:
        made = Forest(
            features=("words", "numbers"),
            n_values=1,
            starts=(0, *sorted(starts)),
            asked=text(bytes(asked)),
            thresholds=floats(*[1.0] * n),
            right=indices(*right[:n]),
            values=encode([[float(i)] for i in range(n)]),
        )
    except PolicyError:
        return
    found = [int(node) for (node,) in made.leaves(at(words, 1.0))]
    ends = [*made.starts[1:], n]
    assert all(a <= i < b and asked[i] == LEAF for i, a, b in zip(found, made.starts, ends, strict=True))

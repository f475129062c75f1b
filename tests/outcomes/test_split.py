import string

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeta_eval.outcomes import SPLITS, Outcomes, split_name
from zeta_eval.outcomes.split import LARGE, families, split_names

WORDS = st.text(string.ascii_lowercase, min_size=4, max_size=12)


def table(queries):
    rows = {"query_id": [f"id{i}" for i in range(len(queries))], "query": queries, "task": "t"}
    sizes = [pd.DataFrame(rows | {"model": size, "score": 1.0, "gpu_s": cost}) for size, cost in (("4B", 1), ("7B", 2))]
    return Outcomes.from_frame(pd.concat(sizes)).with_order(["4B", "7B"])


def sums(n, *, templates=1, seed=0):
    """Queries of a few templates, each with two numbers of three digits."""
    rng = np.random.default_rng(seed)
    openings = ["".join(rng.choice(list(string.ascii_lowercase), 8)) for _ in range(templates)]
    return [f"{openings[i % templates]} {a} and {b}" for i, (a, b) in enumerate(rng.integers(100, 1000, (n, 2)))]


def shares(names):
    return [float((names == split).mean()) for split in SPLITS]


@given(st.lists(WORDS, min_size=1, max_size=4), st.data())
def test_queries_that_differ_in_their_digits_share_a_split_and_a_family(words, data):
    numbers = [data.draw(st.lists(st.integers(10, 99), min_size=len(words), max_size=len(words))) for _ in range(2)]
    one, other = (" ".join(f"{w} {x}" for w, x in zip(words, drawn, strict=True)) for drawn in numbers)
    assert split_name(one) == split_name(other)
    assert families([one, other, "something else"]).tolist() == [0, 0, 1]


def test_numbers_of_other_lengths_make_another_family():
    assert families(["12 plus 7?", "3 plus 4?", "35 plus 4"]).tolist() == [0, 1, 0]


def test_no_family_lies_in_two_splits_where_each_is_small():
    outcomes = table(sums(600, templates=100))
    family = families(outcomes.queries)
    assert family.max() == 99
    assert pd.Series(outcomes.splits).groupby(family).nunique().max() == 1
    assert outcomes.splits.tolist() == [split_name(q) for q in outcomes.queries]
    assert [len(outcomes.split(s)) for s in SPLITS] == [int((outcomes.splits == s).sum()) for s in SPLITS]


@pytest.mark.parametrize("templates", [1, 2, 3, 7, 20, 40])
@pytest.mark.parametrize("n", [150, 400])
def test_no_split_is_too_small_to_tune_on_however_few_the_templates(n, templates):
    for seed in range(20):
        tune, validate, test = shares(split_names(sums(n, templates=templates, seed=seed)))
        assert tune > 0.4 and min(validate, test) > 0.05


def test_a_few_queries_of_one_template_stay_together():
    assert len(set(split_names(sums(99)))) == 1
    assert len(set(split_names(sums(100)))) == 3


def test_only_large_families_are_divided():
    texts = sums(300) + [f"{opening} {i}" for opening in sums(30, templates=30, seed=1) for i in range(5)]
    names = split_names(texts)
    assert len(set(names[:300])) == 3
    assert names[300:].tolist() == [split_name(t) for t in texts[300:]]


def test_a_part_of_a_table_is_split_as_the_whole_one():
    outcomes = table(sums(300))
    for split in SPLITS:
        part = outcomes.split(split)
        assert set(part.splits) == {split} and len(part.split(split)) == len(part)
    one = outcomes.take(np.arange(120))
    np.testing.assert_array_equal(one.splits, outcomes.splits[:120])


def test_a_table_that_is_one_split_of_a_larger_one_stays_whole():
    test = table(sums(1000, templates=150)).split("test")
    alone = Outcomes.from_frame(test.frame)
    assert len(alone) > 100 and families(alone.queries).max() < 1 / LARGE
    assert len(alone.split("test")) == len(alone)

import numpy as np
import pytest
from replay_tables import length_policy, random_outcomes

from zeta_eval.evaluation.bins import binned, by_complexity, reliability


def test_bins_hold_every_query_once_and_equal_values_together():
    rng = np.random.default_rng(0)
    x, score = rng.integers(0, 7, 500).astype(float), rng.random(500)
    table = binned(x, score, 20)
    assert table["n"].sum() == 500 and len(table) <= 7
    assert (table["n"] * table["accuracy"]).sum() == pytest.approx(score.sum())
    assert (table["x"] == table["x"].round()).all()  # one value per bin
    assert (table["accuracy_low"] <= table["accuracy"]).all() and (table["accuracy"] <= table["accuracy_high"]).all()


def test_many_values_give_bins_of_as_many_queries():
    x = np.random.default_rng(0).random(1000)
    assert set(binned(x, x, 10)["n"]) == {100}
    assert binned(x, x, 10)["x"].is_monotonic_increasing


def test_a_family_of_like_queries_counts_as_one_in_the_interval_of_a_bin():
    score = np.random.default_rng(0).integers(0, 2, 20).astype(float)
    alone, tripled = binned(np.ones(20), score, 5), binned(np.ones(60), np.repeat(score, 3), 5, np.repeat(range(20), 3))
    assert tripled["n"].tolist() == [60]
    interval = ["accuracy", "accuracy_low", "accuracy_high"]
    assert tripled[interval].to_numpy() == pytest.approx(alone[interval].to_numpy())


def test_one_value_is_one_bin():
    assert binned(np.ones(5), np.ones(5), 8)["n"].tolist() == [5]


def test_accuracy_falls_with_the_complexity_that_a_fitting_policy_sees():
    table = by_complexity(length_policy(), random_outcomes(3000), split="all", bins=5)
    for size in ("1B", "4B"):
        part = table[table["size"] == size]
        assert part["accuracy"].iloc[0] > part["accuracy"].iloc[-1] + 0.3


def test_reliability_has_a_part_for_each_size():
    table = reliability(length_policy(), random_outcomes(600), split="all")
    assert table.groupby("size")["n"].sum().to_dict() == {"1B": 600, "4B": 600, "14B": 600}
    assert table["x"].between(0, 1).all()

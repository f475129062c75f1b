import math

import numpy as np
import pytest
from intervals import world
from tuned_worlds import table

from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.measures.gap import mix_corners
from zeta_eval.evaluation.measures.statistics import Measure
from zeta_eval.tuning.search_gain import SearchGain, gap_gain

BLIND, SIGHTED = 0.0, 0.95
"""Shares of the difficulty that estimates see."""


def gain(seed, n, better, worse):
    """Gain of estimates that see more over ones that see less, on the same queries of one world."""
    made = [world(np.random.default_rng(seed), n, seen, 2.1) for seen in (better, worse)]
    score, cost = made[0][:2]
    data = Evaluator(table(score, cost), "cost_usd")
    return gap_gain(data, *(m[2:] for m in made), corners=mix_corners(data.singles))


def test_estimates_that_see_more_are_shown_to_gain_and_the_same_gain_exactly_nothing():
    assert gain(0, 800, SIGHTED, BLIND).low > 0.05
    assert gain(0, 800, BLIND, SIGHTED).high < -0.05
    assert gain(0, 800, SIGHTED, SIGHTED) == (0, 0, 0)


def test_the_interval_covers_the_true_gain_as_often_as_it_says():
    truth = gain(1, 40_000, 0.9, 0.5).value
    found = [gain([2, s], 400, 0.9, 0.5) for s in range(80)]
    assert 0.87 < np.mean([m.low <= truth <= m.high for m in found]) <= 1


def said(configurations, *ends, out_of_fold=0.0123):
    gap_closed = Measure(*ends)
    return SearchGain(n_trials=20, configurations=configurations, out_of_fold=out_of_fold, gap_closed=gap_closed).text()


def test_a_kept_start_is_said_to_have_gained_nothing():
    assert said(0, 0, 0, 0) == (
        "The search gained nothing that is sure (+0.012 of the gap closed, on queries that did not choose): the "
        "untuned start was kept."
    )


def test_where_the_gain_has_no_value_no_number_is_told():
    text = said(0, 0, 0, 0, out_of_fold=float("nan"))
    assert "can't be told" in text and "untuned start was kept" in text and "nan" not in text


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        (
            (0.02, -0.01, 0.05),
            "closes 0.020 more of the gap on test than the untuned start (difference +0.020 [-0.010, +0.050]; no gain",
        ),
        (
            (-0.02, -0.03, -0.01),
            "closes 0.020 less of the gap on test than the untuned start (difference -0.020 [-0.030, -0.010]; that is "
            "shown to be a loss).",
        ),
        ((0.02, 0.01, 0.03), "than the untuned start (difference +0.020 [+0.010, +0.030])."),
        ((math.nan,) * 3, "can't be told"),
    ],
)
def test_what_the_search_gained_is_said_in_words(ends, words):
    text = said(7, *ends)
    assert words in text
    assert math.isnan(ends[0]) or text.startswith("The heuristic that the search found (7 trials together) closes ")

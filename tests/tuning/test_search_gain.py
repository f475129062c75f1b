import math

import numpy as np
import pytest
from intervals import world
from tuned_worlds import table

from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.measures.gap import mix_corners
from zeta_eval.evaluation.measures.statistics import Measure
from zeta_eval.tuning.search_gain import SearchGain, gap_gain, plain_fit

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


def said(plain, *ends):
    return SearchGain(trial=7, n_trials=20, start="likelihood", plain=plain, gap_closed=Measure(*ends)).text()


def test_a_kept_start_is_said_to_have_gained_nothing():
    assert said("likelihood", 0, 0, 0) == "The search gained nothing: the untuned start was kept."
    other = said("gain", 0.02, -0.01, 0.05)
    assert other.startswith(
        "The search itself gained nothing: the plain fit 'gain' was kept, which has +0.020 [-0.010,"
    )


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ((0.02, -0.01, 0.05), "over the untuned start ('likelihood'); no gain is shown."),
        ((-0.02, -0.03, -0.01), "over the untuned start ('likelihood'); that is shown to be a loss."),
        ((0.02, 0.01, 0.03), "over the untuned start ('likelihood')."),
        ((math.nan,) * 3, "can't be told"),
    ],
)
def test_what_a_searched_trial_gained_is_said_in_words(ends, words):
    text = said(None, *ends)
    assert text.startswith("The heuristic that the search found (trial 7) has ") and words in text


def test_a_plain_fit_is_told_by_its_parameters_whatever_its_cost_weight():
    neutral = {"start": "likelihood", "weight_words": 1.0, "cost_weight": 0.1}
    assert plain_fit({**neutral, "start": "gain", "cost_weight": 0.8}, neutral) == "gain"
    assert plain_fit({**neutral, "weight_words": 1.1}, neutral) is None

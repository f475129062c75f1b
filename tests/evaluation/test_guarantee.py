import dataclasses
import math

import numpy as np
import pytest
from scipy.stats import binom

from zeta_eval.evaluation.measures.guarantee import betting, certify
from zeta_eval.evaluation.measures.planning import POWER
from zeta_eval.exceptions import InvalidInputError

ACCURACY = 0.73
ALPHA = 0.05
LEVEL = binom.ppf(0.999, 600, ALPHA) / 600  # of 600 runs at a true rate of 5 %, nearly never more than this share


def draw(rng, n, runs, *, kept, alone=0.02, accuracy=ACCURACY, exact=False):
    """Scores (n, runs) of a policy that keeps a share of the largest size's accuracy, and of the largest size.

    `alone` is the share of queries that only the policy gets right. Shares are those of the sample where `exact`, else
    those of the population.
    """
    lost = alone + (1 - kept) * accuracy
    u = rng.permuted(np.tile((np.arange(n) + 0.5)[:, None] / n, runs), axis=0) if exact else rng.random((n, runs))
    largest = (u >= alone) & (u < alone + accuracy)
    policy = u < alone + accuracy - lost
    return policy.astype(float), largest.astype(float)


def rate(n, *, kept, keep=0.95, runs=600, seed=0, **how):
    """Share of runs in which a test certifies."""
    policy, largest = draw(np.random.default_rng(seed), n, runs, kept=kept, **how)
    return float((betting(policy, largest, np.full(runs, keep), ALPHA) <= ALPHA).mean())


def sample(n, *, kept, seed=0, **how):
    """Scores of the policy and of the largest size, each (n,)."""
    policy, largest = draw(np.random.default_rng(seed), n, 1, kept=kept, **how)
    return policy[:, 0], largest[:, 0]


def certified(policy, largest, **settings):
    return certify(policy, largest, **{"cost_weight": 0.1, "keep": 0.95, "confidence": 0.95, **settings})


@pytest.mark.parametrize("n", [60, 500])
@pytest.mark.parametrize("alone", [0.0, 0.02, 0.1])
def test_a_policy_that_just_misses_the_share_is_certified_no_oftener_than_promised(n, alone):
    assert rate(n, kept=0.95, alone=alone, seed=n) <= LEVEL


def test_the_promise_holds_at_other_shares_and_accuracies():
    for kept in (0.5, 0.8, 1.0):
        for accuracy in (0.1, 0.9):
            assert rate(300, kept=kept, keep=kept, alone=0.05, accuracy=accuracy) <= LEVEL


def test_the_promise_holds_for_graded_scores():
    rng = np.random.default_rng(0)
    largest = rng.beta(2, 1, (300, 600))
    policy = np.clip(rng.beta(0.9, 0.1, (300, 600)) * largest, 0, 1)  # keeps 90 % on average
    assert (betting(policy, largest, np.full(600, 0.9), ALPHA) <= ALPHA).mean() <= LEVEL


def test_the_promise_holds_when_many_queries_are_bet_on_in_blocks():
    assert rate(5000, kept=0.95, runs=300) <= binom.ppf(0.999, 300, ALPHA) / 300


def test_the_lower_bound_is_true_as_often_as_promised():
    wrong = 0
    for seed in range(400):
        found = certified(*sample(120, kept=0.955, seed=seed, alone=0.0), keep=0.9, confidence=0.9)
        wrong += found.lower_bound > 0.955
    assert wrong <= binom.ppf(0.999, 400, 0.1)


def test_power_rises_with_the_number_of_queries():
    few, some, many = (rate(n, kept=0.99, alone=0.0, runs=300) for n in (60, 240, 8000))
    assert few <= some < many
    assert many > 0.9


def test_betting_needs_as_many_queries_as_its_documentation_says():
    assert rate(540, kept=0.99) == pytest.approx(POWER, abs=0.05)


def test_the_same_seed_gives_the_same_certificate_and_is_written_into_it():
    scores = sample(300, kept=0.98)
    first, again = (certified(*scores, seed=3) for _ in range(2))
    assert first == again
    assert first.seed == 3


def test_a_table_sorted_by_outcome_is_no_easier_to_certify():
    policy, largest = sample(400, kept=0.9, alone=0.1)
    order = np.argsort(largest - policy, kind="stable")  # the policy's wins first
    assert not certified(policy[order], largest[order]).certified


def test_too_few_queries_say_how_many_would_do_and_these_do():
    how = {"kept": 1.0, "alone": 0.0, "accuracy": 0.75}
    found = certified(*sample(40, **how, exact=True))
    assert not found.certified
    assert found.cost_weight is None
    assert found.p_value > 0.05
    assert found.lower_bound < 0.95
    assert "40 held-out queries are too few" in found.text
    assert f"about {found.queries_needed:,} would do" in found.text
    assert rate(int(1.1 * found.queries_needed), **how, runs=200) > 0.75


@pytest.mark.parametrize("kept", [0.98, 1.0])
@pytest.mark.parametrize("alone", [0.02, 0.08])
def test_the_number_of_queries_needed_gives_four_chances_in_five(kept, alone):
    how = {"kept": kept, "alone": alone, "accuracy": 0.5}
    found = certified(*sample(100, **how, exact=True))
    assert rate(found.queries_needed, **how) == pytest.approx(POWER, abs=0.08)


def test_one_query_certifies_nothing():
    found = certified(np.ones(1), np.ones(1))
    assert not found.certified
    assert found.queries_needed > 1


def test_a_policy_that_falls_short_needs_no_more_queries_but_another_aim():
    found = certified(*sample(500, kept=0.8, alone=0.0))
    assert not found.certified
    assert found.queries_needed is None
    assert 0.7 < found.lower_bound < 0.8
    assert "leaves no margin above the 95 % asked for" in found.text


def test_all_of_the_accuracy_can_be_certified_only_by_doing_better():
    same = certified(*sample(500, kept=1.0, alone=0.0), keep=1.0, confidence=0.95)
    assert not same.certified
    assert same.queries_needed is None
    assert same.lower_bound >= 0.98
    assert "keeps 100 %" in same.text
    better = certified(*sample(500, kept=1.1, alone=0.1), keep=1.0, confidence=0.95)
    assert better.certified
    assert better.lower_bound == 1.0


def test_equal_scores_certify_by_their_number_where_right_and_never_where_wrong():
    ones, zeros = np.ones(60), np.zeros(60)  # 0.95 ** 59 < 0.05: an exact binomial needs 59
    assert certified(ones, ones).certified
    assert not certified(ones[:57], ones[:57]).certified
    found = certified(zeros, zeros)
    assert (found.certified, found.p_value, found.queries_needed) == (False, 1.0, None)


def test_one_weight_may_be_shown_to_keep_more_than_was_asked_for():
    found = certified(*sample(2000, kept=1.0, alone=0.0), keep=0.9, confidence=0.95)
    assert found.cost_weight == 0.1
    assert found.lower_bound >= 0.98
    assert "keeps at least 99 %" in found.text


def test_a_certificate_is_frozen():
    found = certified(*sample(50, kept=1.0))
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.certified = True


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keep": 0.0}, "keep is 0; give a share above 0"),
        ({"keep": 95.0}, "keep is 95"),
        ({"confidence": 1.0}, "confidence is 1"),
        ({"policy": np.ones(0), "largest": np.ones(0)}, "nothing to certify on"),
        ({"largest": np.ones(3)}, "don't fit"),
        ({"policy": np.full(9, math.nan)}, "not in"),
        ({"largest": np.full(9, 1.5)}, "not in"),
    ],
)
def test_bad_input_is_refused(change, message):
    with pytest.raises(InvalidInputError, match=message):
        certified(**{"policy": np.ones(9), "largest": np.ones(9), **change})

import dataclasses
import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from zeta_eval.evaluation.measures.guarantee import METHODS, POWER, certify
from zeta_eval.exceptions import InvalidInputError, UnknownNameError

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


def rate(method, n, *, kept, keep=0.95, runs=600, seed=0, **how):
    """Share of runs in which a test certifies."""
    policy, largest = draw(np.random.default_rng(seed), n, runs, kept=kept, **how)
    return float((METHODS[method](policy, largest, np.full(runs, keep), ALPHA) <= ALPHA).mean())


def sample(n, *, kept, weights=1, seed=0, **how):
    """Scores (n, weights), (n,) and the cost weights."""
    policy, largest = draw(np.random.default_rng(seed), n, 1, kept=kept, **how)
    return np.repeat(policy, weights, axis=1), largest[:, 0], np.arange(float(weights))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [60, 500])
@pytest.mark.parametrize("alone", [0.0, 0.02, 0.1])
def test_a_policy_that_just_misses_the_share_is_certified_no_oftener_than_promised(method, n, alone):
    assert rate(method, n, kept=0.95, alone=alone, seed=n) <= LEVEL


def test_the_promise_holds_at_other_shares_and_accuracies():
    for kept in (0.5, 0.8, 1.0):
        for accuracy in (0.1, 0.9):
            assert rate("betting", 300, kept=kept, keep=kept, alone=0.05, accuracy=accuracy) <= LEVEL


def test_the_promise_holds_for_graded_scores():
    rng = np.random.default_rng(0)
    largest = rng.beta(2, 1, (300, 600))
    policy = np.clip(rng.beta(0.9, 0.1, (300, 600)) * largest, 0, 1)  # keeps 90 % on average
    for method in ("betting", "hoeffding-bentkus"):
        assert (METHODS[method](policy, largest, np.full(600, 0.9), ALPHA) <= ALPHA).mean() <= LEVEL


def test_the_promise_holds_when_many_queries_are_bet_on_in_blocks():
    assert rate("betting", 5000, kept=0.95, runs=300) <= binom.ppf(0.999, 300, ALPHA) / 300


def test_the_promise_holds_over_all_weights_together():
    # Every query has a worst affordable size: accuracy falls with the weight, and weights 2, 3, ... break the promise.
    kept, n, runs = np.array([1.0, 0.97, 0.95, 0.945, 0.94, 0.9]), 150, 400
    rng, wrong = np.random.default_rng(0), 0
    for _ in range(runs):
        largest = rng.random(n) < ACCURACY
        policy = largest[:, None] & (rng.random((n, 1)) < kept)
        found = certify(policy.astype(float), largest.astype(float), np.arange(6.0), keep=0.96, confidence=0.9)
        wrong += found.certified and found.cost_weight >= 2
    assert wrong <= binom.ppf(0.999, runs, 0.1)


def test_the_lower_bound_is_true_as_often_as_promised():
    wrong = 0
    for seed in range(400):
        found = certify(*sample(120, kept=0.955, seed=seed, alone=0.0), keep=0.9, confidence=0.9)
        wrong += found.lower_bound > 0.955
    assert wrong <= binom.ppf(0.999, 400, 0.1)


@pytest.mark.parametrize("method", METHODS)
def test_power_rises_with_the_number_of_queries(method):
    few, some, many = (rate(method, n, kept=0.99, alone=0.0, runs=300) for n in (60, 240, 8000))
    assert few <= some < many
    assert many > 0.9


def test_betting_needs_the_fewest_queries_of_the_three():
    n = 540
    assert rate("betting", n, kept=0.99) == pytest.approx(POWER, abs=0.05)
    assert rate("binomial", n, kept=0.99) < 0.4
    assert rate("hoeffding-bentkus", n, kept=0.99) < 0.02
    assert rate("binomial", 2500, kept=0.99) == pytest.approx(POWER, abs=0.07)
    assert rate("hoeffding-bentkus", 6100, kept=0.99) == pytest.approx(POWER, abs=0.07)


def test_the_binomial_test_agrees_with_scipy():
    policy, largest, _ = sample(400, kept=0.98)
    right = largest == 1
    expected = binomtest(int(policy[right].sum()), int(right.sum()), 0.95, alternative="greater").pvalue
    found = METHODS["binomial"](policy, largest[:, None], np.array([0.95]), ALPHA)
    assert found == pytest.approx([expected])


def test_the_hoeffding_bentkus_test_agrees_with_a_calculation_by_hand():
    policy, largest = np.ones((100, 1)), np.concatenate([np.ones(50), np.zeros(50)])[:, None]
    loss, limit = 0.25, 0.5  # with share 1: z is 0 on half of the queries and 1 on the others, so (1 - z) / 2 is 0.25
    divergence = loss * math.log(loss / limit) + (1 - loss) * math.log((1 - loss) / (1 - limit))
    expected = min(math.exp(-100 * divergence), math.e * binom.cdf(25, 100, limit))
    assert METHODS["hoeffding-bentkus"](policy, largest, np.ones(1), ALPHA) == pytest.approx([expected])
    assert METHODS["hoeffding-bentkus"](0 * policy, largest, np.ones(1), ALPHA) == pytest.approx([1.0])


def test_the_cheapest_weight_before_the_first_failure_is_certified():
    largest = np.tile([1.0, 1.0, 1.0, 0.0], 250)
    bad = largest * (np.arange(1000) % 5 > 0)
    policy = np.column_stack([largest, largest, bad, largest])
    found = certify(policy, largest, np.array([0.0, 0.1, 0.2, math.inf]), keep=0.95, confidence=0.95)
    assert (found.certified, found.cost_weight, found.lower_bound) == (True, 0.1, 0.95)
    assert found.p_value <= 0.05
    assert found.queries_needed is None
    assert found.text == (
        "With 95 % confidence, the policy at cost weight 0.1 keeps at least 95 % of the largest size's accuracy "
        "on queries like the 1,000 held out."
    )


def test_weights_may_come_in_any_order():
    largest = np.tile([1.0, 1.0, 1.0, 0.0], 250)
    bad = largest * (np.arange(1000) % 5 > 0)
    found = certify(np.column_stack([bad, largest]), largest, np.array([0.3, 0.1]), keep=0.95, confidence=0.95)
    assert found.cost_weight == 0.1


def test_the_same_seed_gives_the_same_certificate_and_is_written_into_it():
    scores = sample(300, kept=0.98)
    first, again = (certify(*scores, keep=0.95, confidence=0.95, seed=3) for _ in range(2))
    assert first == again
    assert first.seed == 3


def test_a_table_sorted_by_outcome_is_no_easier_to_certify():
    policy, largest, weights = sample(400, kept=0.9, alone=0.1)
    order = np.argsort(largest - policy[:, 0], kind="stable")  # the policy's wins first
    assert not certify(policy[order], largest[order], weights, keep=0.95, confidence=0.95).certified


@pytest.mark.parametrize("method", METHODS)
def test_too_few_queries_say_how_many_would_do_and_these_do(method):
    how = {"kept": 1.0, "alone": 0.0, "accuracy": 0.75}
    found = certify(*sample(40, **how, exact=True), keep=0.95, confidence=0.95, method=method)
    assert not found.certified
    assert found.cost_weight is None
    assert found.p_value > 0.05
    assert found.lower_bound < 0.95
    assert "40 held-out queries are too few" in found.text
    assert f"about {found.queries_needed:,} would do" in found.text
    assert rate(method, int(1.1 * found.queries_needed), **how, runs=200) > 0.75


@pytest.mark.parametrize("kept", [0.98, 1.0])
@pytest.mark.parametrize("alone", [0.02, 0.08])
def test_the_number_of_queries_needed_gives_four_chances_in_five(kept, alone):
    how = {"kept": kept, "alone": alone, "accuracy": 0.5}
    found = certify(*sample(100, **how, exact=True), keep=0.95, confidence=0.95)
    assert rate("betting", found.queries_needed, **how) == pytest.approx(POWER, abs=0.08)


def test_one_query_certifies_nothing():
    found = certify(np.ones((1, 1)), np.ones(1), np.zeros(1), keep=0.95, confidence=0.95)
    assert not found.certified
    assert found.queries_needed > 1


def test_a_policy_that_falls_short_needs_no_more_queries_but_another_aim():
    found = certify(*sample(500, kept=0.8, alone=0.0), keep=0.95, confidence=0.95)
    assert not found.certified
    assert found.queries_needed is None
    assert 0.7 < found.lower_bound < 0.8
    assert "leaves no margin above the 95 % asked for" in found.text


def test_all_of_the_accuracy_can_be_certified_only_by_doing_better():
    same = certify(*sample(500, kept=1.0, alone=0.0), keep=1.0, confidence=0.95)
    assert not same.certified
    assert same.queries_needed is None
    assert same.lower_bound >= 0.98
    assert "keeps 100 %" in same.text
    better = certify(*sample(500, kept=1.1, alone=0.1), keep=1.0, confidence=0.95)
    assert better.certified
    assert better.lower_bound == 1.0


def test_equal_scores_certify_by_their_number_where_right_and_never_where_wrong():
    ones, zeros = np.ones((60, 1)), np.zeros((60, 1))  # 0.95 ** 59 < 0.05: an exact binomial needs 59
    assert certify(ones, ones[:, 0], np.zeros(1), keep=0.95, confidence=0.95).certified
    assert not certify(ones[:57], ones[:57, 0], np.zeros(1), keep=0.95, confidence=0.95).certified
    for method in METHODS:
        found = certify(zeros, zeros[:, 0], np.zeros(1), keep=0.95, confidence=0.95, method=method)
        assert (found.certified, found.p_value, found.queries_needed) == (False, 1.0, None)


def test_one_weight_may_be_shown_to_keep_more_than_was_asked_for():
    found = certify(*sample(2000, kept=1.0, alone=0.0), keep=0.9, confidence=0.95)
    assert found.cost_weight == 0.0
    assert found.lower_bound >= 0.98
    assert "keeps at least 99 %" in found.text


def test_a_certificate_is_frozen():
    found = certify(*sample(50, kept=1.0), keep=0.95, confidence=0.95)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.certified = True


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keep": 0.0}, "keep is 0; give a share above 0"),
        ({"keep": 95.0}, "keep is 95"),
        ({"confidence": 1.0}, "confidence is 1"),
        ({"score_policy": np.ones((0, 1)), "score_largest": np.ones(0)}, "nothing to certify on"),
        ({"score_largest": np.ones(3)}, "don't fit"),
        ({"score_policy": np.full((9, 1), math.nan)}, "not in"),
        ({"score_largest": np.full(9, 1.5)}, "not in"),
        ({"weights": np.array([-1.0])}, "at least 0, got -1"),
        ({"score_policy": np.full((9, 1), 0.5), "method": "binomial"}, "graded"),
    ],
)
def test_bad_input_is_refused(change, message):
    good = {"score_policy": np.ones((9, 1)), "score_largest": np.ones(9), "weights": np.zeros(1)}
    with pytest.raises(InvalidInputError, match=message):
        certify(**{**good, "keep": 0.95, "confidence": 0.95, **change})


def test_an_unknown_test_is_named_with_the_nearest_known():
    with pytest.raises(UnknownNameError, match="Did you mean 'betting'"):
        certify(*sample(9, kept=1.0), keep=0.95, confidence=0.95, method="beting")

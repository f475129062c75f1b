import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeta_eval.exceptions import PolicyError
from zeta_eval.models import Completion
from zeta_eval.router import best
from zeta_eval.router.cascade import Look, Posterior, after, answer_signals, engine_signals, indexed, next_size, values
from zeta_eval.router.signals import SIGNALS, read_answer
from zeta_eval.router.walk import given_with

chances = st.lists(st.floats(0, 1), min_size=1, max_size=4)
prices = st.lists(st.floats(0.01, 1), min_size=4, max_size=4).map(sorted)
spreads = st.floats(0, 2)


def at(ran, spread):
    """A look at the answer of the last of some sizes, given by index."""
    return Look(ran=tuple(map(str, ran)), spread=spread, posteriors=())


def everywhere(m, spread):
    """Looks after every set of sizes, all with one spread."""
    sets = [()]
    for k in range(m - 1):
        sets += [(*s, k) for s in sets]
    return {s: at(s, spread) for s in sets if s}


@given(chances, prices, st.floats(0.01, 5))
def test_answers_that_tell_nothing_leave_plain_routing(p, cost, weight):
    cost = [x + 0.01 * i for i, x in enumerate(cost[: len(p)])]
    utility = sorted((a - weight * c for a, c in zip(p, cost, strict=True)), reverse=True)
    plain = best(p, cost, weight)
    assert next_size(p, cost, weight, (), {}) == plain
    if len(p) == 1 or utility[0] - utility[1] > 1e-6:
        assert next_size(p, cost, weight, (), everywhere(len(p), 0.0)) == plain


@given(chances, prices, st.floats(0, 5), spreads, spreads)
def test_being_free_to_go_on_is_worth_more_the_more_an_answer_tells(p, cost, weight, a, b):
    less, more = sorted((a, b))
    plain, low, high = (
        values(p, cost, weight, (), looks) for looks in ({}, everywhere(len(p), less), everywhere(len(p), more))
    )
    for k, utility in plain.items():
        assert utility == p[k] - weight * cost[k]
        assert utility - 1e-9 <= low[k] <= high[k] + 1e-9


@pytest.mark.parametrize(
    ("p", "weight", "spread"), [((0.5, 0.9), 0.3, 0.8), ((0.6, 0.7), 0.3, 1.2), ((0.2, 0.9), 0.1, 0.1), ((0, 1), 1, 2)]
)
def test_the_value_of_a_plan_is_the_mean_over_what_its_answer_may_tell(p, weight, spread):
    """One look, two sizes: draw how far the answer moves the difference, and take the better of keeping and going."""
    cost = (0.125, 1.0)
    moved = np.random.default_rng(0).normal(size=2_000_000) * spread * math.sqrt(p[0] * (1 - p[0]))
    keep, go = p[0], p[1] - weight * cost[1] + moved
    drawn = np.maximum(keep, go).mean() - weight * cost[0]
    found = values(p, cost, weight, (), {(0,): at((0,), spread)})
    assert found[0] == pytest.approx(drawn, abs=1e-3)
    assert found[1] == p[1] - weight * cost[1]


def test_a_plan_over_three_sizes_looks_ahead_to_plans_over_two():
    p, cost, weight = (0.5, 0.6, 0.9), (0.1, 0.3, 1.0), 0.4
    looks = {s: at(s, 0.7) for s in [(0,), (1,), (0, 1)]}
    ahead = values(p, cost, weight, (0,), {(0, 1): looks[0, 1]})
    moved = np.random.default_rng(1).normal(size=2_000_000) * 0.7 * 0.5
    drawn = np.maximum(0.5, max(ahead.values()) + moved).mean() - weight * cost[0]
    assert values(p, cost, weight, (), looks)[0] == pytest.approx(drawn, abs=1e-3)


def test_a_cheap_size_runs_first_only_where_its_answer_can_change_the_choice():
    p, cost, weight = (0.6, 0.9), (0.1, 1.0), 0.2
    assert next_size(p, cost, weight, (), {}) == 1
    assert next_size(p, cost, weight, (), {(0,): at((0,), 1.0)}) == 0
    assert next_size(p, cost, weight, (), {(0,): at((0,), 0.01)}) == 1


@given(chances, st.floats(0, 5))
def test_where_nothing_costs_anything_the_likeliest_size_is_the_one_kept(p, weight):
    free = [0.0] * len(p)
    assert p[next_size(p, free, weight, (), {})] == max(p)
    for k in range(len(p)):
        further = next_size(p, free, weight, (k,), {})
        assert (further is not None) == (max(p[k:]) > p[k])


def test_ties_keep_the_answer_and_else_go_to_the_cheaper_size():
    assert next_size((0.5, 0.5, 0.5), (0.0,) * 3, 1.0, (), {}) == 0
    assert next_size((0.5, 0.5, 0.5), (0.0,) * 3, 1.0, (0,), {}) is None
    assert next_size((0.4, 0.5, 0.5), (0.0,) * 3, 1.0, (0,), {}) == 1


def test_after_a_failure_some_larger_size_runs_however_dear_it_is():
    p, cost = (0.9, 0.1, 0.2), (0.0, 1.0, 1.0)
    assert next_size(p, cost, 5.0, (0,), {}) is None
    assert next_size(p, cost, 5.0, (0,), {}, failed=True) == 2
    assert next_size(p, cost, 5.0, (0,), {}, [1], failed=True) == 1
    assert next_size(p, cost, 5.0, (2,), {}, failed=True) is None


def test_only_allowed_sizes_run():
    p, cost = (0.1, 0.5, 0.9), (0.1, 0.2, 0.3)
    assert next_size(p, cost, 0.1, (), {}, [0, 1]) == 1
    assert next_size(p, cost, 0.1, (1,), {}, [0, 1]) is None


LOOK = Look(
    ran=("s", "m"),
    spread=0.5,
    posteriors=(
        Posterior(size="m", bias=0.5, prior=2.0, own=0.0, weights={"mean_logprob": 1.0, "agree s": -1.0}),
        Posterior(size="l", bias=0.0, prior=1.0, own=0.5, weights={"mean_logprob": -0.5}),
    ),
)


def test_an_answer_moves_log_odds_by_hand():
    log_odds = math.log(0.75 / 0.25)
    found = after(LOOK, ("s", "m", "l"), (0.3, 0.75, 0.5), {"mean_logprob": -2.0, "agree s": 1.0, "words": 9.0})
    middle, large = 0.5 + 2 * log_odds - 2.0 - 1.0, 0.5 * log_odds + 1.0
    assert found == pytest.approx((0.3, 1 / (1 + math.exp(-middle)), 1 / (1 + math.exp(-large))))


@pytest.mark.parametrize("signals", [{}, {"mean_logprob": -1.0}, {"agree s": 0.0}])
def test_a_signal_that_is_missing_leaves_every_chance_as_it_was(signals):
    p = (0.3, 0.75, 0.5)
    assert after(LOOK, ("s", "m", "l"), p, signals) == p
    assert after(None, ("s", "m", "l"), p, {"mean_logprob": -1.0, "agree s": 1.0}) == p


def test_an_answers_signals_are_its_texts_its_log_probabilities_and_agreement():
    view, same, other = read_answer("The answer is 4."), read_answer("#### 4"), read_answer("5")
    found = answer_signals(view, engine_signals(-0.5, -2.0, 3), {"s": same, "m": other, "x": None})
    assert set(found) == {*SIGNALS, "mean_logprob", "min_logprob", "answer_log_odds", "agree s", "agree m"}
    assert (found["agree s"], found["agree m"], found["min_logprob"]) == (1.0, 0.0, -2.0)


def test_what_is_not_known_of_an_answer_is_no_signal():
    assert answer_signals(None, engine_signals(None, -math.inf, 4), {"s": read_answer("4")}) == {}
    assert answer_signals(None, engine_signals(-0.5, math.nan, None), {}) == {"mean_logprob": -0.5}


def test_a_confidence_beside_the_answer_is_a_signal_where_there_is_one():
    assert given_with(Completion(text="4", mean_logprob=-0.5, confidence=0.0)) == {
        "mean_logprob": -0.5,
        "confidence": 0.0,
    }
    assert given_with(Completion(text="4")) == {}
    bare = SimpleNamespace(text="4", mean_logprob=None, min_logprob=-2.0, completion_tokens=None, error=None)
    assert given_with(bare) == {"min_logprob": -2.0}


@pytest.mark.parametrize("confidence", [math.nan, -0.1, 1.5, math.inf])
def test_a_confidence_that_is_none_is_no_signal(confidence):
    assert engine_signals(None, None, None, confidence) == {}


@pytest.mark.parametrize(("mean", "tokens"), [(-0.2, 3), (-0.01, 40), (-1.5, 2)])
def test_an_answers_log_odds_are_those_of_all_its_tokens_together(mean, tokens):
    chance = math.exp(mean) ** tokens
    found = engine_signals(mean, None, tokens)["answer_log_odds"]
    assert found == pytest.approx(math.log(chance / (1 - chance)))


def test_a_hopeless_and_a_certain_answer_have_finite_log_odds():
    low, high = (engine_signals(mean, None, 500)["answer_log_odds"] for mean in (-3.0, 0.0))
    assert -10 < low < 0 < high < 10


def test_looks_are_found_by_the_sizes_that_ran():
    assert indexed([LOOK], ("s", "m", "l")) == {(0, 1): LOOK}


@pytest.mark.parametrize("spread", [-0.1, math.nan, math.inf])
def test_a_spread_that_is_none_is_refused(spread):
    with pytest.raises(PolicyError, match="The spread after s \\+ m is"):
        Look(ran=("s", "m"), spread=spread, posteriors=())


def test_a_posterior_that_is_not_finite_is_refused():
    with pytest.raises(PolicyError, match="A look gives size 's' a chance that is not finite"):
        Posterior(size="s", bias=0.0, prior=1.0, own=0.0, weights={"words": math.nan})

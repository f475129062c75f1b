"""Reading a query by the smallest size before the first call: the rule, the policy file and the router."""

import dataclasses
import hashlib
import json
import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeta_eval.cascade import Look, Peek, Posterior, after, reading_gain, reading_signals
from zeta_eval.exceptions import GenerationError, PolicyError
from zeta_eval.models import Completion
from zeta_eval.policy import RoutingPolicy, Rung
from zeta_eval.replay.cascade import ARRAYS
from zeta_eval.router import ZetaDynamicRouter

SIZES = ("small", "middle", "large")
MARGIN = {"prefill_margin": 8.0}


def peek(*, cost=0.02, spread=0.5, sizes=SIZES, weights=MARGIN):
    """A margin below one half speaks against the small size, one above for it; the others it tells nothing of."""
    small, *others = sizes
    posteriors = (
        Posterior(size=small, bias=-4.0, prior=1.0, own=0.0, weights=weights),
        *(Posterior(size=s, bias=0.0, prior=1.0, own=0.0, weights={}) for s in others),
    )
    return Peek(size=small, cost=cost, spread=spread, posteriors=posteriors)


def policy(**changes):
    rungs = tuple(
        Rung(size=s, ability=a, slope=2.0, cost=c)
        for s, a, c in zip(SIZES, (0.0, 1.0, 2.0), (0.1, 0.3, 1.0), strict=True)
    )
    plain = RoutingPolicy(
        name="t",
        rungs=rungs,
        weights={"words": 1.0},
        bias=-2.0,
        cost_weight=0.3,
        cut_points=(0.0, 1.0),
        default_size="middle",
        peek=peek(),
    )
    return dataclasses.replace(plain, **changes)


def read(margin, entropy=0.1):
    """A function that reads: it gives these signals and notes what it read."""

    def reads(text):
        reads.texts.append(text)
        return Completion(text="", prefill_margin=margin, prefill_entropy=entropy)

    reads.texts = []
    return reads


ANSWER = {size: lambda text, size=size: Completion(text=size) for size in SIZES}
UNSURE = "word " * 3
"""A text for which the policy is not sure which size to take."""


@pytest.mark.parametrize(
    ("p", "weight"), [((0.5, 0.6), 0.1), ((0.3, 0.9, 0.91), 0.4), ((0.5, 0.5, 0.5), 0.0), ((0.2, 0.8, 0.9, 0.7), 1.0)]
)
def test_reading_gains_what_it_is_worth_on_average_to_turn_the_choice_around(p, weight):
    cost = (0.1, 0.4, 1.0, 1.5)[: len(p)]
    told = peek(cost=0.05, spread=0.7)
    best, second = sorted((a - weight * c for a, c in zip(p, cost, strict=True)), reverse=True)[:2]
    moved = np.random.default_rng(0).normal(size=2_000_000) * 0.7 * math.sqrt(p[0] * (1 - p[0]))
    drawn = np.maximum(0.0, second - best + moved).mean() - weight * 0.05
    assert reading_gain(told, p, cost, weight, {}) == pytest.approx(drawn, abs=1e-3)


def test_the_formula_is_the_expected_improvement_by_hand():
    """Lead d = 0.1, sigma = 0.4 * 0.5: EI = sigma (phi(1/2) - (1/2) (1 - Phi(1/2))) = 0.2 (0.35207 - 0.15427)."""
    found = reading_gain(peek(cost=0.03, spread=0.4), (0.5, 0.4), (0.0, 0.0), 0.5, {})
    assert found == pytest.approx(0.2 * (0.3520653 - 0.5 * 0.3085375) - 0.5 * 0.03, abs=2e-6)


chances = st.lists(st.floats(0, 1), min_size=2, max_size=4)
prices = st.lists(st.floats(0.01, 1), min_size=4, max_size=4).map(sorted)


@given(chances, prices, st.floats(0, 3), st.floats(0, 2), st.booleans())
def test_the_rule_is_the_same_for_a_query_and_for_arrays(p, cost, weight, spread, looking):
    told, cost = peek(spread=spread), cost[: len(p)]
    looks = {(0,): Look(ran=("small",), spread=0.4, posteriors=())} if looking else {}
    one = reading_gain(told, p, cost, weight, looks)
    p_many, cost_many = ([np.array([x, 0.5]) for x in values] for values in (p, cost))
    assert reading_gain(told, p_many, cost_many, weight, looks, ARRAYS)[0] == pytest.approx(one, abs=1e-12)


@given(chances, prices, st.floats(0, 3), st.floats(0, 2), st.floats(0, 1))
def test_reading_gains_less_the_more_it_costs_and_the_less_it_tells(p, cost, weight, spread, price):
    cost = cost[: len(p)]
    gain = reading_gain(peek(cost=price, spread=spread), p, cost, weight, {})
    assert gain >= reading_gain(peek(cost=price + 0.1, spread=spread), p, cost, weight, {})
    assert gain >= reading_gain(peek(cost=price, spread=spread / 2), p, cost, weight, {}) - 1e-9
    assert reading_gain(peek(cost=price, spread=0.0), p, cost, weight, {}) <= 0


def test_only_sizes_that_may_run_count():
    p, cost = (0.5, 0.52, 0.1), (0.1, 0.1, 0.1)
    every = reading_gain(peek(), p, cost, 0.1, {})
    assert reading_gain(peek(), p, cost, 0.1, {}, allowed=[0, 1]) == every
    assert reading_gain(peek(), p, cost, 0.1, {}, allowed=[0, 2]) < every


def test_a_reading_moves_log_odds_by_hand_and_a_missing_signal_moves_nothing():
    p = (0.5, 0.6, 0.7)
    moved = after(peek(), SIZES, p, reading_signals(0.75, None))
    assert moved == pytest.approx((1 / (1 + math.exp(-2.0)), 0.6, 0.7))
    assert after(peek(), SIZES, p, reading_signals(None, 0.3)) == p
    assert after(peek(), SIZES, p, reading_signals(math.nan, 0.3)) == p


def test_a_policy_file_keeps_what_reading_tells_and_one_without_it_loads(tmp_path):
    path = policy().save(tmp_path / "p.json")
    assert RoutingPolicy.load(path) == policy()
    assert policy().cascades and not policy().without_looks().cascades
    plain = policy(peek=None)
    data = json.loads(plain.save(path).read_text())
    assert data["peek"] is None
    del data["peek"], data["checksum"]
    content = json.dumps(data, sort_keys=True, separators=(",", ":")).encode()
    path.write_text(json.dumps(data | {"checksum": hashlib.sha256(content).hexdigest()}))
    assert RoutingPolicy.load(path) == plain


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (peek(sizes=("middle", "small", "large")), "it must be by the smallest"),
        (peek(sizes=("small", "middle")), "it must be by the smallest of two sizes or more and tell of each"),
        (peek(weights={"words": 1.0}), "Reading gives a signal 'words'"),
    ],
)
def test_a_policy_refuses_a_reading_that_does_not_fit_it(told, says):
    with pytest.raises(PolicyError, match=says):
        policy(peek=told)


@pytest.mark.parametrize("changes", [{"cost": -1.0}, {"cost": math.nan}, {"spread": math.inf}, {"spread": -0.1}])
def test_a_reading_with_a_number_that_is_none_is_refused(changes):
    with pytest.raises(PolicyError, match="Reading by small has cost"):
        peek(**changes)


def test_what_reading_tells_decides_the_first_size():
    router = ZetaDynamicRouter(policy())
    sure, unsure = read(1.0), read(0.0)
    assert router.generate(UNSURE, ANSWER, peek=sure).size == "small"
    assert router.generate(UNSURE, ANSWER, peek=unsure).size == "middle"
    assert sure.texts == unsure.texts == [UNSURE]


def test_a_reading_is_measured_and_told():
    routed = ZetaDynamicRouter(policy()).generate(UNSURE, ANSWER, peek=read(1.0))
    assert routed.read_s > 0
    assert routed.latency_s == routed.read_s + routed.steps[0].latency_s
    first, kept = routed.reasons
    assert first.startswith("small read the query first, at a price of 0.006: estimated chances of being right went")
    assert "middle 0.96 to 0.96" in first and kept.startswith("kept small")
    assert routed.decision == ZetaDynamicRouter(policy()).route(UNSURE)  # the choice before anything was read


@pytest.mark.parametrize(
    ("rule", "text", "answer"),
    [
        (policy(peek=None), UNSURE, ANSWER),
        (policy(peek=peek(cost=0.9)), UNSURE, ANSWER),
        (policy(peek=peek(spread=0.0)), UNSURE, ANSWER),
        (policy(), "!?", ANSWER),
        (policy(), "Embed this sentence: hello", ANSWER),
        (policy(), UNSURE, {"middle": ANSWER["middle"]}),
    ],
)
def test_a_query_is_not_read_where_that_is_not_worth_its_price_or_can_change_nothing(rule, text, answer):
    reader = read(1.0)
    routed = ZetaDynamicRouter(rule).generate(text, answer, peek=reader)
    assert (reader.texts, routed.read_s) == ([], None)
    assert len(routed.reasons) == len(routed.steps)


def test_without_a_function_that_reads_nothing_is_read():
    routed = ZetaDynamicRouter(policy()).generate(UNSURE, ANSWER)
    assert routed.read_s is None and routed.size == routed.decision.size


def test_a_reading_without_signals_is_paid_for_and_changes_nothing():
    routed = ZetaDynamicRouter(policy()).generate(UNSURE, ANSWER, peek=read(None, None))
    assert routed.read_s is not None and routed.size == routed.decision.size
    assert routed.reasons[0].endswith("it gave no signal")


def test_the_time_of_reading_counts_against_the_latency_limit():
    def slow(text):
        time.sleep(0.05)
        return read(1.0)(text)

    router, failing = ZetaDynamicRouter(policy()), ANSWER | {"small": lambda text: Completion(text="", error="broken")}
    assert router.generate(UNSURE, failing, peek=slow).size == "middle"
    with pytest.raises(GenerationError, match="the last, small, said: broken"):
        router.generate(UNSURE, failing, peek=slow, max_latency_s=0.04)

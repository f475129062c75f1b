import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeta_eval.router.complexity import Complexity, extract
from zeta_eval.router.decision import best
from zeta_eval.router.estimators.base import Share
from zeta_eval.router.estimators.seed import Seed
from zeta_eval.router.policy import Estimate, RoutingPolicy
from zeta_eval.router.reasons import reasons
from zeta_eval.router.rules_of_thumb import rules_without_costs

SEED = RoutingPolicy.seed()
SIZES = ("1B", "3B", "7B", "70B")
FOUR = RoutingPolicy.seed(SIZES)


def estimate(p, cost=(0.3, 0.6, 1.0), *, text="hi", familiarity=1.0):
    complexity = Complexity(score=1 - p[0], label="complex", features=extract(text))
    return Estimate(complexity=complexity, p=p, cost=cost, familiarity=familiarity, forced=None)


@pytest.mark.parametrize(("p", "hopeless"), [((0.02, 0.03, 0.05), True), ((0.4, 0.97, 0.98), False)])
def test_a_hard_query_is_called_hopeless_only_where_no_size_is_likely_to_be_right(p, hopeless):
    told = reasons(SEED, estimate(p), "7B", 0.2)
    assert any("so hard" in reason for reason in told) == hopeless


def test_both_neighbours_are_said_to_be_worth_less():
    told = reasons(SEED, estimate((0.5, 0.8, 0.85), (0.2, 0.4, 1.0)), "7B", 0.5)
    assert told[-3:] == (
        "7B is expected to answer 8 in 10 such queries right",
        "4B costs 50 % less, but is expected to fail 5 in 10 such queries rather than 2 in 10",
        "14B is expected to fail 15 in 100 such queries rather than 20 in 100, but costs 2.5 times as much",
    )


def test_a_jump_is_measured_against_the_best_smaller_size_and_not_the_next_one():
    told = reasons(FOUR, estimate((0.6, 0.1, 0.2, 0.9), (0.1, 0.3, 0.5, 1.0)), "70B", 0.2)
    assert told[-1] == "1B costs 90 % less, but is expected to fail 4 in 10 such queries rather than 1 in 10"
    told = reasons(FOUR, estimate((0.6, 0.1, 0.2, 0.7), (0.1, 0.3, 0.5, 1.0)), "1B", 0.2)
    assert told[-1] == "70B is expected to fail 3 in 10 such queries rather than 4 in 10, but costs 10 times as much"


def test_money_is_named_where_the_ladder_has_prices():
    priced = replace(SEED, cost_unit="cost_usd", unit_cost=0.0007)
    told = reasons(priced, estimate((0.5, 0.8, 0.85), (0.2, 0.4, 1.0)), "7B", 0.5)
    assert told[-1].endswith("but costs 2.5 times as much; 7B saves $0.42 per 1,000 queries")
    assert "$" not in told[-2]  # the smaller size would have saved
    cents = replace(priced, unit_cost=0.00001)
    assert reasons(cents, estimate((0.5, 0.8, 0.85), (0.2, 0.4, 1.0)), "7B", 0.5)[-1].endswith(
        "$0.006 per 1,000 queries"
    )


CHANCE = st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 0.5, 0.5001, 1.0]))
COST = st.one_of(st.floats(0.0, 3.0), st.sampled_from([0.1, 1.0]))


def share(text):
    """The share that a count tells, and half of one of its steps."""
    n, of = re.fullmatch(r"(?:fewer than |more than )?(\d+) in (\d+)", text).groups()
    return int(n) / int(of), 1.0 / int(of)


@given(
    st.lists(CHANCE, min_size=4, max_size=4),
    st.lists(COST, min_size=4, max_size=4),
    st.sampled_from([0.0, 0.1, 0.5, 3.0]),
)
def test_what_is_said_of_other_sizes_holds_in_the_numbers(p, cost, weight):
    i = best(p, cost, weight)
    told = reasons(FOUR, estimate(tuple(p), tuple(cost)), SIZES[i], weight)
    lines = [line for line in told if re.match(r"\d+B (is expected to (fail|be)|costs) ", line)]
    named = [SIZES.index(line.split()[0]) for line in lines]
    worth = [a - weight * c for a, c in zip(p, cost, strict=True)]
    for others in (range(i), range(i + 1, 4)):
        found = [j for j in named if j in others]
        assert len(found) == bool(others) and all(worth[j] == max(worth[k] for k in others) for j in found)
    for line, j in zip(lines, named, strict=True):
        if m := re.search(r"costs ([\d.,]+) times as much", line):
            assert float(m[1].replace(",", "")) == pytest.approx(cost[j] / cost[i], rel=0.06)
        elif m := re.search(r"costs (\d+) % (less|more)", line):
            sign = 1 if m[2] == "more" else -1
            assert sign * int(m[1]) == pytest.approx(100 * (cost[j] / cost[i] - 1), abs=0.51)
        if "no more often" in line:
            assert p[j] <= p[i] and cost[j] >= cost[i]
            assert line.endswith("no less") == (cost[j] <= 1.01 * cost[i])
            continue
        assert (cost[j] > cost[i]) == line.startswith(f"{SIZES[j]} is expected to fail")
        if m := re.search(r"fail ((?:\w+ than )?\d+ in \d+) such queries rather than ((?:\w+ than )?\d+ in \d+)", line):
            for said, k in ((m[1], j), (m[2], i)):
                value, step = share(said)
                assert abs(value - (1 - p[k])) <= step
            assert m[1] != m[2]
        else:
            assert "fail as often" in line and abs(p[i] - p[j]) <= 0.0011


class Told(Seed):
    """Shares given by hand."""

    def shares(self, features):
        return {
            "reversal_letters_work": Share(-0.2, False),
            "cue_reversal": Share(-0.1, False),
            "longest_number": Share(0.25, True),
            "words": Share(0.004, True),
            "cue_code": Share(0.01, False),
            "asks": Share(-0.006, False),
        }


def test_features_are_told_by_what_they_do_and_what_is_not_asked_for_once():
    seed = SEED.estimator
    policy = replace(SEED, estimator=Told(weights=seed.weights, bias=0.0, ability=seed.ability, slope=seed.slope))
    told = reasons(policy, estimate((0.5, 0.8, 0.85), text="is 12345 even"), "7B", 0.5)
    up, down = "longer numbers than usual, no words of code", "no reversal asked for"
    assert told[0] == f"harder than an average query: {up}; but easier: {down}"


def test_where_rules_of_thumb_decide_no_chance_is_claimed():
    policy = replace(SEED, fallback=rules_without_costs(3))
    told = reasons(policy, estimate((1.0, 1.0, 1.0), familiarity=0.0), "4B", 0.2)
    assert told[0] == "unlike the queries this policy was tuned on, so rules of thumb decide"
    assert told[-1] == "4B is the smallest size that the rules take to be able enough"
    assert not any("chance" in reason or " in 10" in reason for reason in told)


@given(st.text(max_size=20), st.sampled_from([0.0, 0.5, 1.5, 10.0]), st.booleans())
def test_a_size_is_called_the_smallest_able_one_only_where_it_is(text, weight, ruled):
    rules = rules_without_costs(3)
    policy = replace(SEED, fallback=rules if ruled else None)
    found = estimate((0.0, 0.0, 1.0), text=text, familiarity=0.0)
    if ruled:
        p = tuple(rules.chances(None, found.complexity.features, None))
        found = replace(found, p=p)
    i = best(found.p, found.cost, weight)
    told = reasons(policy, found, policy.sizes[i], weight)
    able = found.p[i] >= 0.5 and not any(x >= 0.5 for x in found.p[:i])
    assert ("able enough" in told[-1]) == (able and ruled) and ("only size that is trusted" in told[-1]) == (
        able and not ruled
    )
    assert ("so the largest size answers" in told[0]) == (not ruled and i == 2)

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
    told = reasons(SEED, estimate((0.5, 0.8, 0.85)), "7B", 0.5)
    assert told[-2:] == (
        "4B would save cost worth 0.15 in accuracy, but is expected to be right less often by 0.30",
        "14B is expected to be right more often by 0.05 only, for extra cost worth 0.20 in accuracy",
    )


def test_a_jump_is_measured_against_the_best_smaller_size_and_not_the_next_one():
    told = reasons(FOUR, estimate((0.6, 0.1, 0.2, 0.9), (0.1, 0.3, 0.5, 1.0)), "70B", 0.2)
    assert told[-1] == "1B would save cost worth 0.18 in accuracy, but is expected to be right less often by 0.30"
    told = reasons(FOUR, estimate((0.6, 0.1, 0.2, 0.7), (0.1, 0.3, 0.5, 1.0)), "1B", 0.2)
    assert told[-1] == "70B is expected to be right more often by 0.10 only, for extra cost worth 0.18 in accuracy"


CHANCE = st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 0.5, 0.5001, 1.0]))
COST = st.one_of(st.floats(0.0, 3.0), st.sampled_from([0.1, 1.0]))


@given(
    st.lists(CHANCE, min_size=4, max_size=4),
    st.lists(COST, min_size=4, max_size=4),
    st.sampled_from([0.0, 0.1, 0.5, 3.0]),
)
def test_what_is_said_of_other_sizes_holds_in_the_numbers(p, cost, weight):
    i = best(p, cost, weight)
    told = reasons(FOUR, estimate(tuple(p), tuple(cost)), SIZES[i], weight)
    named = [SIZES.index(line.split()[0]) for line in told if re.match(r"\d+B (is|would) ", line)]
    worth = [a - weight * c for a, c in zip(p, cost, strict=True)]
    for others in (range(i), range(i + 1, 4)):
        found = [j for j in named if j in others]
        assert len(found) == bool(others) and all(worth[j] == max(worth[k] for k in others) for j in found)
    for line, j in zip(told[-len(named) :], named, strict=True):
        better, dearer = p[j] - p[i], cost[j] - cost[i]
        if m := re.fullmatch(
            r"\S+ is expected to be right more often by (\S+) only, for extra cost worth (\S+) .*", line
        ):
            assert 0 < better < weight * dearer and float(m[1]) < float(m[2])
            assert float(m[1]) == pytest.approx(better, abs=0.005) and float(m[2]) == pytest.approx(
                weight * dearer, abs=0.005
            )
        elif m := re.fullmatch(r"\S+ would save cost worth (\S+) .* less often by (\S+)", line):
            assert better < weight * dearer <= 0 > dearer and float(m[1]) < float(m[2])
            assert float(m[1]) == pytest.approx(-weight * dearer, abs=0.005) and float(m[2]) == pytest.approx(
                -better, abs=0.005
            )
        elif "no more often, and costs no less" in line:
            assert better <= 0 <= dearer
        else:
            assert line == f"{SIZES[j]} is worth no more, at this cost weight" and better - weight * dearer <= 1e-6


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
    assert told[0] == f"complexity 0.50, labelled complex by the size chosen: raised by {up}; lowered by {down}"


def test_where_rules_of_thumb_decide_no_chance_is_claimed():
    policy = replace(SEED, fallback=rules_without_costs(3))
    told = reasons(policy, estimate((1.0, 1.0, 1.0), familiarity=0.0), "4B", 0.2)
    assert told[0] == "unlike the queries this policy was tuned on, so rules of thumb decide"
    assert told[-1] == "4B is the smallest size that the rules take to be able enough"
    assert not any("chance" in reason for reason in told)


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

import dataclasses
import math

import pytest

from zeta_eval.exceptions import PolicyError
from zeta_eval.router.complexity import FEATURES, TextView, extract
from zeta_eval.router.estimators import ESTIMATORS, estimator_choices, estimator_of, estimator_to_dict
from zeta_eval.router.estimators.seed import USUAL, Seed
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.router.rules_of_thumb import rules_of_thumb, rules_without_costs

SEED = Seed(weights={"words": 2.0, "asks": -1.0}, bias=0.5, ability=(0.0, 1.0), slope=(2.0, 0.5))


def chances(model, text, task=None):
    return model.chances(TextView.of(text), extract(text), task)


def test_chances_follow_the_two_parameter_logistic_model_whatever_the_task():
    d = 0.5 + 2.0 * math.log1p(2) - 1.0
    assert SEED.difficulty(extract("who knows?")) == pytest.approx(d)
    expected = [1 / (1 + math.exp(2.0 * d)), 1 / (1 + math.exp(0.5 * (d - 1.0)))]
    assert chances(SEED, "who knows?") == pytest.approx(expected)
    assert chances(SEED, "who knows?", "sums") == chances(SEED, "who knows?")


def test_shares_say_which_features_the_text_has_more_of_than_the_usual_one_and_what_they_weigh():
    shares, longer = SEED.shares(extract("who knows")), SEED.shares(extract("who knows " * 6))
    assert shares["words"] == (pytest.approx(2.0 * (math.log1p(2) - USUAL["words"])), False)  # few words are easier
    assert longer["words"] == (pytest.approx(2.0 * (math.log1p(12) - USUAL["words"])), True)
    assert shares["asks"] == (0.0, False)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"bias": math.nan}, "not finite"),
        ({"weights": {"words": math.inf}}, "not finite"),
        ({"ability": (0.0, "1")}, "not finite"),
        ({"ability": (0.0,)}, "an ability and a slope"),
        ({"slope": (1.0, 0.0)}, "slope above zero"),
        ({"slope": (1.0, -1.0)}, "slope above zero"),
    ],
)
def test_rules_that_make_no_sense_are_refused_in_one_line(changes, says):
    with pytest.raises(PolicyError, match=says) as e:
        dataclasses.replace(SEED, **changes)
    assert "\n" not in str(e.value)


def test_rules_come_back_from_their_json_values_and_are_nothing_to_tune():
    assert estimator_of(estimator_to_dict(SEED)) == SEED
    assert ESTIMATORS["seed"] is Seed and "seed" not in estimator_choices()


@pytest.mark.parametrize(
    ("make", "n"), [*((rules_of_thumb, n) for n in range(1, 5)), *((rules_without_costs, n) for n in range(1, 11))]
)
def test_rules_of_thumb_rank_no_smaller_size_above_a_larger(make, n):
    model = make(n)
    assert model.n_sizes == n and set(model.features) <= set(FEATURES)
    for text in ("", "Hi!", "What is 12 times 4?", "Prove and analyse the theorem of Gauss. " * 50):
        p = chances(model, text)
        assert p == sorted(p)


@pytest.mark.parametrize("n", range(2, 21))
def test_without_outcomes_the_last_two_sizes_share_out_the_queries_of_any_ladder(n):
    policy = RoutingPolicy.seed(tuple(f"{i}B" for i in range(1, n + 1)))
    for text, size in (("Hi", n - 1), ("thanks!", n - 1), ("Prove the theorem and analyse each proof.", n)):
        p, cost = policy.estimate(text).p, policy.estimate(text).cost
        worth = [a - policy.cost_weight * c for a, c in zip(p, cost, strict=True)]
        assert worth.index(max(worth)) + 1 == size


def test_rules_without_costs_choose_alike_at_any_usual_cost_weight():
    cost = (0.3, 0.65, 1.0)
    for text in ("Hi", "What is the capital of France?", "Prove the theorem and analyse each proof."):
        p = chances(rules_without_costs(3), text)
        assert len({max(range(3), key=lambda m: (p[m] - w * cost[m], -m)) for w in (0.02, 0.1, 0.3)}) == 1

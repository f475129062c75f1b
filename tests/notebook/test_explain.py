import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from zeta_eval.notebook.explain import chosen_at, explain
from zeta_eval.router import ZetaDynamicRouter, best
from zeta_eval.router.estimators.seed import USUAL
from zeta_eval.router.policy import RoutingPolicy

NUMBERS = st.floats(0, 1).map(lambda x: round(x, 3))


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=4), st.floats(1e-3, 50))
def test_the_cost_weights_of_a_size_are_those_at_which_the_router_chooses_it(sizes, weight):
    p, cost = ({str(i): pair[k] for i, pair in enumerate(sizes)} for k in (0, 1))
    spans = chosen_at(p, cost)
    chosen = str(best(list(p.values()), list(cost.values()), weight))
    edges = [edge for span in spans.values() if span for edge in span if edge > 0]
    if all(abs(weight - edge) > 1e-9 for edge in edges):
        assert [size for size, span in spans.items() if span and span[0] < weight < span[1]] == [chosen]
    assert min(span[0] for span in spans.values() if span) == 0
    assert max(span[1] for span in spans.values() if span) == math.inf


def test_the_shares_of_a_policy_that_was_not_tuned_are_those_of_its_rules():
    policy = RoutingPolicy.seed()
    decision = ZetaDynamicRouter(policy).route("Prove why the integral of x^2 is x^3 / 3 and explain each step.")
    found, features = explain(policy, decision), decision.complexity.features
    usual = policy.estimator.difficulty(dict.fromkeys(features, 0.0) | USUAL)
    assert math.isclose(usual + sum(found.shares.values()), policy.estimator.difficulty(features))
    assert list(found.shares.values()) == sorted(found.shares.values(), key=lambda s: -abs(s))
    assert found.shares["cue_proof"] > 0


def test_of_a_query_unlike_all_others_the_rules_of_thumb_are_explained(tuned):
    policy = tuned[1].policy
    decision = ZetaDynamicRouter(policy).route("Wer reitet so sp\u00e4t durch Nacht und Wind?")
    assert decision.familiarity == 0
    features = decision.complexity.features
    expected = {name: s.raises for name, s in policy.fallback.shares(features).items() if s.raises}
    assert explain(policy, decision).shares == expected


def test_a_rule_is_told_apart_from_a_choice():
    policy = RoutingPolicy.seed()
    assert explain(policy, ZetaDynamicRouter(policy).route("Embed this sentence: a proof by induction.")).forced
    assert not explain(policy, ZetaDynamicRouter(policy).route("What is a proof by induction?")).forced


def test_no_cost_weight_chooses_a_size_that_can_t_hold_the_query():
    policy = RoutingPolicy.seed()
    policy = replace(policy, rungs=(replace(policy.rungs[0], context=128), *policy.rungs[1:]))
    weights = explain(policy, ZetaDynamicRouter(policy).route("word " * 400)).weights
    assert list(weights) == list(policy.sizes) and weights["4B"] is None
    assert weights["7B"][1] == math.inf  # the smallest that may be chosen

import math

from hypothesis import given
from hypothesis import strategies as st

from zeta_eval.notebook.explain import chosen_at, explain
from zeta_eval.router import ZetaDynamicRouter, best
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


def test_the_shares_add_up_to_the_difficulty():
    policy = RoutingPolicy.seed()
    decision = ZetaDynamicRouter(policy).route("Prove why the integral of x^2 is x^3 / 3 and explain each step.")
    found = explain(policy, decision)
    assert math.isclose(found.bias + sum(found.shares.values()), decision.complexity.score)
    assert list(found.shares.values()) == sorted(found.shares.values(), key=lambda s: -abs(s))


def test_a_feature_that_turns_the_decision_is_named():
    policy = RoutingPolicy.seed()
    decision = ZetaDynamicRouter(policy).route("Explain why a cat sleeps all day and why dogs do not.")
    assert decision.size == "14B"
    assert explain(policy, decision).turning == {"cue_reasoning": "7B"}


def test_a_rule_is_not_turned_by_any_feature():
    policy = RoutingPolicy.seed()
    found = explain(policy, ZetaDynamicRouter(policy).route("Embed this sentence: a proof by induction."))
    assert found.forced and not found.turning

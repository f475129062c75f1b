from dataclasses import replace

import pytest

from zeta_eval.router.complexity import Complexity, extract
from zeta_eval.router.policy import Estimate, RoutingPolicy
from zeta_eval.router.reasons import reasons
from zeta_eval.router.rules_of_thumb import rules_without_costs


@pytest.mark.parametrize(("p", "hopeless"), [((0.02, 0.03, 0.05), True), ((0.4, 0.97, 0.98), False)])
def test_a_hard_query_is_called_hopeless_only_where_no_size_is_likely_to_be_right(p, hopeless):
    policy = RoutingPolicy.seed()
    complexity = Complexity(score=1 - p[0], label="complex", features=dict.fromkeys(policy.estimator.features, 0.0))
    estimate = Estimate(complexity=complexity, p=p, cost=(0.3, 0.6, 1.0), familiarity=1.0, forced=None)
    told = reasons(policy, estimate, "7B", 0.2)
    assert any("so hard" in reason for reason in told) == hopeless


def test_where_rules_of_thumb_decide_no_chance_is_claimed():
    policy = replace(RoutingPolicy.seed(), fallback=rules_without_costs(3))
    complexity = Complexity(score=0.0, label="trivial", features=extract("hi"))
    estimate = Estimate(complexity=complexity, p=(1.0, 1.0, 1.0), cost=(0.3, 0.6, 1.0), familiarity=0.0, forced=None)
    told = reasons(policy, estimate, "4B", 0.2)
    assert told[0] == "unlike the queries this policy was tuned on, so rules of thumb decide"
    assert told[-1] == "4B is the smallest size that the rules take to be able enough"
    assert not any("chance" in reason for reason in told)

import pytest

from zeta_eval.router.complexity import Complexity
from zeta_eval.router.policy import Estimate, RoutingPolicy
from zeta_eval.router.reasons import reasons


@pytest.mark.parametrize(("p", "hopeless"), [((0.02, 0.03, 0.05), True), ((0.4, 0.97, 0.98), False)])
def test_a_hard_query_is_called_hopeless_only_where_no_size_is_likely_to_be_right(p, hopeless):
    policy = RoutingPolicy.seed()
    complexity = Complexity(score=1 - p[0], label="complex", features=dict.fromkeys(policy.estimator.features, 0.0))
    estimate = Estimate(complexity=complexity, p=p, cost=(0.3, 0.6, 1.0), familiarity=1.0, forced=None)
    told = reasons(policy, estimate, "7B", 0.2, None)
    assert any("so hard" in reason for reason in told) == hopeless

import base64
import dataclasses
from itertools import pairwise

import pytest

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.feedback.online import Online, OnlineSettings
from zeta_eval.models import Completion
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.domain import Domain, Ramp
from zeta_eval.router.policy import RoutingPolicy

TEXT = "Prove that the square root of two is irrational and explain every step of the proof"


@pytest.fixture
def policy():
    # Every word has the rarity 3 nats, so that a text of no known task is a tenth as familiar.
    table = base64.b64encode(bytes([48] * 16)).decode()
    domain = Domain(tasks=("sums",), rarity=Ramp(near=2.1, far=3.1), bits=4, table=table)
    seed = RoutingPolicy.seed()
    return dataclasses.replace(seed, domain=domain, fallback=seed.estimator)


def test_a_new_task_gains_trust_with_its_labels(policy):
    router = ZetaDynamicRouter(policy, online=Online(policy))
    familiarities = []
    for _ in range(400):
        decision = router.route(TEXT, task="proofs")
        familiarities.append(decision.familiarity)
        router.learn(decision, decision.size, decision.p[decision.size])
    assert (
        all(b > a - 1e-6 for a, b in pairwise(familiarities))
        and familiarities[0] == pytest.approx(0.1)
        and familiarities[-1] > 0.85
    )
    n = OnlineSettings().familiarity_ratings
    assert familiarities[int(n)] == pytest.approx(0.1 + 0.9 / 2, abs=0.01)
    assert router.route(TEXT, task="another").familiarity == pytest.approx(0.1)


def test_a_trusted_task_saves_where_a_smaller_size_proves_itself(policy):
    router = ZetaDynamicRouter(policy, online=Online(policy))
    assert router.route(TEXT, task="proofs").size == "14B"
    for _ in range(60):
        decision = router.route(TEXT, task="proofs")
        router.learn(decision, "7B", 1.0)
        router.learn(decision, "14B", 0.5)
    assert router.route(TEXT, task="proofs").size == "7B"


def test_exploration_records_the_probability_of_every_choice(policy):
    router = ZetaDynamicRouter(policy, explore=0.3, explore_cost=0.7, seed=3)
    decisions = [router.route(TEXT, task="sums") for _ in range(4000)]
    best = ZetaDynamicRouter(policy).route(TEXT, task="sums").size
    assert best == "14B"
    share = {s: sum(d.size == s for d in decisions) / 4000 for s in policy.sizes}
    told = {d.size: d.propensity for d in decisions}
    assert told == pytest.approx({"4B": 0.15, "7B": 0.15, "14B": 0.7})
    assert share == pytest.approx(told, abs=0.03)
    assert all(d.explored for d in decisions if d.size != best)
    assert any(d.explored for d in decisions) and not all(d.explored for d in decisions)
    assert "drawn by lot: 30 % of queries explore" in next(d for d in decisions if d.explored).reasons[-1]


def test_exploration_never_goes_beyond_its_cost_and_repeats_by_its_seed(policy):
    query = "Hi there"
    chosen = []
    for _ in range(2):
        router = ZetaDynamicRouter(policy, explore=0.9, explore_cost=0.31, seed=1)
        chosen.append([router.route(query, task="sums").size for _ in range(200)])
    assert chosen[0] == chosen[1] and set(chosen[0]) == {"4B", "7B"}
    nothing = ZetaDynamicRouter(policy, explore=0.9, explore_cost=0.0, seed=1)
    assert {(d.size, d.propensity) for d in (nothing.route(query, task="sums") for _ in range(50))} == {("7B", 1.0)}


def test_embedding_requests_are_not_explored_with(policy):
    router = ZetaDynamicRouter(policy, explore=0.9, seed=0)
    assert {(d.size, d.propensity) for d in (router.route("Embed this: pears") for _ in range(50))} == {("4B", 1.0)}


def test_generate_starts_with_the_size_that_exploration_chose(policy):
    router = ZetaDynamicRouter(policy, explore=0.9, seed=0)
    answer = {s: lambda text: Completion(text="yes") for s in policy.sizes}
    runs = [router.generate(TEXT, answer, task="sums") for _ in range(30)]
    assert all(r.steps[0].size == r.decision.size for r in runs)
    assert {r.decision.explored for r in runs} == {True, False}


@pytest.mark.parametrize("wrong", [{"explore": 1.0}, {"explore": -0.1}, {"explore_cost": -1.0}])
def test_a_bad_exploration_is_refused(policy, wrong):
    with pytest.raises(InvalidInputError, match=next(iter(wrong))):
        ZetaDynamicRouter(policy, **wrong)

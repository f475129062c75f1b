import dataclasses
import json
import math

import pytest

from zeta_eval.exceptions import PolicyError
from zeta_eval.router.cascade import Look, Posterior
from zeta_eval.router.estimators.linear import CostModel, Linear, logit, sigmoid
from zeta_eval.router.policy import RoutingPolicy, Rung, Verdict

UNKNOWN = Posterior(size="large", bias=0.0, prior=1.0, own=0.0, weights={"no such signal": 1.0})


@pytest.fixture
def policy():
    return RoutingPolicy(
        name="p",
        rungs=(
            Rung(size="small", ability=0.0, slope=2.0, cost=0.2, latency_s=0.1),
            Rung(size="large", ability=2.0, slope=1.0, cost=1.0),
        ),
        weights={"words": 1.0, "numbers": 0.1 + 0.2},
        bias=-2.0,
        cost_weight=0.25,
        cut_points=(-math.inf,),
        default_size="large",
        looks=(
            Look(
                ran=("small",),
                spread=0.4,
                posteriors=(Posterior(size="large", bias=0.1, prior=1.0, own=0.5, weights={"mean_logprob": 2.0}),),
            ),
        ),
        verdict=Verdict(status="proven", text="keeps all", best_single_size="large", lift=0.1, lift_ci=(0.05, 0.15)),
        provenance={"seed": 0},
    )


def test_a_saved_policy_comes_back_equal(policy, tmp_path):
    loaded = RoutingPolicy.load(policy.save(tmp_path / "deep" / "policy.json"))
    assert loaded == policy
    assert loaded.checksum == policy.checksum
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["policy.json"]


def test_success_follows_the_two_parameter_logistic_model(policy):
    estimate = policy.estimate("one two three 4")
    d = -2.0 + math.log1p(3) + (0.1 + 0.2) * math.log1p(1)
    assert estimate.complexity.score == pytest.approx(d)
    assert estimate.p == pytest.approx((1 / (1 + math.exp(2 * d)), 1 / (1 + math.exp(d - 2))))
    assert estimate.cost == (0.2, 1.0)
    assert (estimate.familiarity, estimate.forced) == (1.0, None)


def test_expected_costs_follow_the_text_and_stay_within_what_was_seen(policy):
    logs = Linear(bias=(-2.0, 0.0), weights={"words": (0.5, 9.0)}, tasks={"chat": (0.25, 0.0)})
    policy = dataclasses.replace(policy, costs=CostModel(log_cost=logs, low=(0.0, 0.5), high=(1.0, 1.5)))
    small = math.exp(-2.0 + 0.5 * math.log1p(3))
    assert policy.estimate("one two three 4").cost == pytest.approx((small, 1.5))
    assert policy.estimate("one two three 4", "chat").cost == pytest.approx((small * math.exp(0.25), 1.5))


def change(path, edit):
    data = json.loads(path.read_text())
    edit(data)
    path.write_text(json.dumps(data))


def test_a_damaged_file_is_refused(policy, tmp_path):
    path = policy.save(tmp_path / "p.json")
    change(path, lambda d: d.update(bias=-1.0))
    with pytest.raises(PolicyError, match="checksum does not fit"):
        RoutingPolicy.load(path)


def test_another_schema_version_is_refused_by_its_number(policy, tmp_path):
    path = policy.save(tmp_path / "p.json")
    change(path, lambda d: d.update(schema_version=99))
    with pytest.raises(PolicyError, match="schema version 99, this version reads 2"):
        RoutingPolicy.load(path)


@pytest.mark.parametrize(
    ("content", "words"), [("{", "is no JSON"), ("[]", "no schema_version"), ('"x"', "no schema_version")]
)
def test_a_file_of_something_else_is_refused(tmp_path, content, words):
    (tmp_path / "p.json").write_text(content)
    with pytest.raises(PolicyError, match=words):
        RoutingPolicy.load(tmp_path / "p.json")


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(PolicyError, match="zeta tune TABLE --out"):
        RoutingPolicy.load(tmp_path / "none.json")


@pytest.mark.parametrize(
    "wrong",
    [
        {"default_size": "huge"},
        {"weights": {"no_such_feature": 1.0}},
        {"weights": {"words": math.nan}},
        {"cost_weight": -1.0},
        {"cost_weight": math.inf},
        {"cut_points": ()},
        {"looks": (Look(ran=("huge",), spread=0.0, posteriors=()),)},
        {"unit_cost": 0.0},
        {"rungs": ()},
        {"cut_points": (math.nan,)},
        {"looks": (Look(ran=(), spread=0.0, posteriors=()),)},
        {"looks": 2 * (Look(ran=("small",), spread=0.0, posteriors=()),)},
        {"looks": (Look(ran=("small",), spread=0.0, posteriors=(UNKNOWN,)),)},
        {"embedding_size": 3},
    ],
)
def test_an_inconsistent_policy_is_refused(policy, wrong):
    with pytest.raises(PolicyError):
        dataclasses.replace(policy, **wrong)


@pytest.mark.parametrize("wrong", [{"ability": math.nan}, {"slope": 0.0}, {"cost": -1.0}])
def test_a_size_with_numbers_that_make_no_sense_is_refused(policy, wrong):
    with pytest.raises(PolicyError, match=f"Size '{policy.rungs[0].size}'"):
        dataclasses.replace(policy.rungs[0], **wrong)


def test_the_logistic_function_is_safe_far_out():
    assert sigmoid(-1000) == 0.0 and sigmoid(1000) == 1.0
    assert logit(sigmoid(1.5)) == pytest.approx(1.5)
    assert math.isfinite(logit(0.0)) and math.isfinite(logit(1.0))

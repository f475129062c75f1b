import dataclasses
import json
import math

import pytest
from forests import forest

from zeta_eval.exceptions import InvalidInputError, PolicyError
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.cascade import Look, Posterior
from zeta_eval.router.estimators.costs import CostModel
from zeta_eval.router.estimators.seed import Seed
from zeta_eval.router.estimators.tables import logit, sigmoid
from zeta_eval.router.estimators.tasks import TaskOffsets
from zeta_eval.router.policy import RoutingPolicy, Rung, Verdict

THUMB = {"weights": {"words": 1.0, "numbers": 0.1 + 0.2}, "bias": -2.0, "ability": (0.0, 2.0), "slope": (2.0, 1.0)}
UNKNOWN = Posterior(size="large", bias=0.0, prior=1.0, own=0.0, weights={"no such signal": 1.0})


@pytest.fixture
def policy():
    return RoutingPolicy(
        name="p",
        rungs=(
            Rung(size="small", cost=0.2, latency_s=0.1),
            Rung(size="large", cost=1.0),
        ),
        estimator=Seed(**THUMB),
        cost_weight=0.25,
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
    assert estimate.complexity.score == 1 - estimate.p[0]
    assert estimate.p == pytest.approx((1 / (1 + math.exp(2 * d)), 1 / (1 + math.exp(d - 2))))
    assert estimate.cost == (0.2, 1.0)
    assert (estimate.familiarity, estimate.forced) == (1.0, None)


def test_expected_costs_follow_the_text_and_stay_within_what_was_seen(policy):
    logs = forest(["words"], ("words", 1.0, [0.0, 0.0], [-3.0, 0.0], [-2.0, 9.0]))
    costs = CostModel(
        log_cost=logs,
        shift=(0.5, 0.0),
        tasks=TaskOffsets(of_task={"chat": (0.25, 0.0)}),
        low=(0.0, 0.5),
        high=(1.0, 1.5),
    )
    policy = dataclasses.replace(policy, costs=costs)
    assert policy.estimate("one two three 4").cost == pytest.approx((math.exp(-1.5), 1.5))
    assert policy.estimate("one two three 4", "chat").cost == pytest.approx((math.exp(-1.25), 1.5))
    assert policy.estimate("one").cost == pytest.approx((math.exp(-2.5), 1.0))


def change(path, edit):
    data = json.loads(path.read_text())
    edit(data)
    path.write_text(json.dumps(data))


def test_a_damaged_file_is_refused(policy, tmp_path):
    path = policy.save(tmp_path / "p.json")
    change(path, lambda d: d.update(cost_weight=0.1))
    with pytest.raises(PolicyError, match="checksum does not fit"):
        RoutingPolicy.load(path)


def test_another_schema_version_is_refused_by_its_number(policy, tmp_path):
    path = policy.save(tmp_path / "p.json")
    change(path, lambda d: d.update(schema_version=99))
    with pytest.raises(PolicyError, match="schema version 99, this version reads 3"):
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
        {"estimator": Seed(**THUMB | {"weights": {"no_such_feature": 1.0}})},
        {"estimator": Seed(**THUMB | {"ability": (0.0,), "slope": (1.0,)})},
        {"fallback": Seed(**THUMB | {"weights": {"no_such_feature": 1.0}})},
        {"fallback": Seed(**THUMB | {"ability": (0.0,), "slope": (1.0,)})},
        {"cost_weight": -1.0},
        {"cost_weight": math.inf},
        {"looks": (Look(ran=("huge",), spread=0.0, posteriors=()),)},
        {"unit_cost": 0.0},
        {"rungs": ()},
        {"looks": (Look(ran=(), spread=0.0, posteriors=()),)},
        {"looks": 2 * (Look(ran=("small",), spread=0.0, posteriors=()),)},
        {"looks": (Look(ran=("small",), spread=0.0, posteriors=(UNKNOWN,)),)},
        {"embedding_size": 3},
    ],
)
def test_an_inconsistent_policy_is_refused(policy, wrong):
    with pytest.raises(PolicyError):
        dataclasses.replace(policy, **wrong)


@pytest.mark.parametrize("name", ["", " ", None, 7, ["4B"]])
def test_a_size_without_a_name_is_refused_in_one_line(policy, name):
    rungs = (dataclasses.replace(policy.rungs[0], size=name), *policy.rungs[1:])
    with pytest.raises(PolicyError, match="each with a name of its own") as e:
        dataclasses.replace(policy, rungs=rungs)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("cost", [-1.0, math.nan, math.inf, "0.2", None])
def test_a_size_with_a_cost_that_makes_no_sense_is_refused(policy, cost):
    with pytest.raises(PolicyError, match=f"Size '{policy.rungs[0].size}' costs"):
        dataclasses.replace(policy.rungs[0], cost=cost)


def test_the_logistic_function_is_safe_far_out():
    assert sigmoid(-1000) == 0.0 and sigmoid(1000) == 1.0
    assert logit(sigmoid(1.5)) == pytest.approx(1.5)
    assert math.isfinite(logit(0.0)) and math.isfinite(logit(1.0))


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ({"cost_weight": 10**400}, "cost_weight is 1000"),
        ({"cost_weight": 10**5000}, "cost_weight is a int too large to show"),
        ({"cost_weight": math.nan}, "cost_weight is nan"),
        ({"cost_weight": 1e308}, r"cost_weight is 1e\+308"),
        ({"task": ["sums"]}, r"The task is \['sums'\]"),
    ],
)
def test_odd_arguments_of_route_are_refused_in_one_line(odd, said):
    with pytest.raises(InvalidInputError, match=said) as e:
        ZetaDynamicRouter().route("What is 2 + 2?", **odd)
    assert len(str(e.value)) <= 300

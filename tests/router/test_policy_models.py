"""A policy file with every model a policy may hold: an estimator, a fallback, costs, a domain, looks."""

import base64
import dataclasses
import hashlib
import json
import math

import numpy as np
import pytest
from forests import forest, random_forest

from zeta_eval.exceptions import PolicyError
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.cascade import Look, Posterior
from zeta_eval.router.domain import Domain, Everyday, Ramp
from zeta_eval.router.estimators.costs import CostModel
from zeta_eval.router.estimators.heuristic import Learned, Level
from zeta_eval.router.estimators.tables import encode
from zeta_eval.router.estimators.tasks import TaskOffsets
from zeta_eval.router.estimators.words import Words
from zeta_eval.router.policy import RoutingPolicy

SIZES = ("4B", "7B", "14B")


def full(bits=6, n_trees=4):
    """A policy for three sizes with all models, of random numbers."""
    rng = np.random.default_rng(0)

    def row():
        return tuple(rng.random(3).tolist())

    made = random_forest(rng, 3, ["words", "numbers"], n_trees=n_trees, depth=7 if n_trees > 9 else 3)
    rarities = base64.b64encode(rng.integers(0, 128, 16, dtype=np.uint8).tobytes()).decode()
    tasks = TaskOffsets(of_task={"sums": row()})
    words = Words(bits=bits, n_sizes=3, constant=row(), table=encode(rng.normal(size=(1 << bits, 3)).tolist()))
    everyday = Everyday(forest=random_forest(rng, 1, ["words"]), ramp=Ramp(near=0.5, far=1.5))
    posteriors = tuple(
        Posterior(size=s, bias=0.1, prior=0.2, own=0.3, weights={"words": 1 / 3, "min_logprob": -2.0}) for s in SIZES
    )
    return dataclasses.replace(
        RoutingPolicy.seed(SIZES),
        estimator=Learned(
            forest=made,
            usual={"words": 1.5, "numbers": 0.2},
            level=Level(mean=0.5, stretch=1.25),
            tasks=tasks,
            words=words,
            weight=0.4,
        ),
        fallback=RoutingPolicy.seed(SIZES).estimator,
        costs=CostModel(log_cost=made, shift=row(), tasks=tasks, low=(0.0, 0.1, 0.2), high=(0.5, 1.0, 3.0)),
        domain=Domain(tasks=("sums",), rarity=Ramp(near=1.0, far=4.5), bits=4, table=rarities, everyday=everyday),
        looks=(
            Look(ran=("4B",), spread=0.25, posteriors=posteriors),
            Look(ran=("4B", "7B"), spread=0.0, posteriors=posteriors[1:]),
        ),
    )


def test_a_policy_with_every_model_comes_back_equal(tmp_path):
    policy = full()
    loaded = RoutingPolicy.load(policy.save(tmp_path / "p.json"))
    assert loaded == policy and loaded.checksum == policy.checksum
    for task in (None, "sums", "other"):
        assert loaded.estimate("Add 1 and 2.", task) == policy.estimate("Add 1 and 2.", task)


def test_without_looks_everything_else_stays():
    policy = full()
    plain = dataclasses.replace(policy, looks=())
    assert plain.looks == () and dataclasses.replace(plain, looks=policy.looks) == policy


def test_a_policy_file_of_full_length_is_small_and_loads(tmp_path):
    path = full(bits=13, n_trees=60).save(tmp_path / "p.json")
    assert path.stat().st_size <= 1_000_000
    assert ZetaDynamicRouter.load(path).route("Add 1 and 2.").size in SIZES


def resealed(tmp_path, place, value):
    """Write a policy with one changed value and a checksum that fits, as a program would that gets a value wrong."""
    path = full().save(tmp_path / "p.json")
    data = json.loads(path.read_text())
    at = data
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    path.write_text(json.dumps(data))
    del data["checksum"]
    return path, data


UNFIT = "no JSON that can be used .the number"
"""What is said of a file with a number that is not finite or fits no float, wherever it stands."""


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("estimator words table", "%%%", "can't be read"),
        ("estimator words table", "é", "can't be read"),
        ("estimator words table", "AAA", "can't be read"),
        ("estimator words table", "AAAA", "can't be read"),  # three bytes are no float16
        ("estimator words table", encode([(0.0, 0.0, 0.0)]), "wrong length"),
        ("estimator words table", encode([(math.nan,) * 3] * 64), "not finite"),
        ("estimator words table", 5, "lacks or misnames a field"),
        ("estimator words bits", 7, "wrong length"),
        ("estimator words bits", "6", "lacks or misnames a field"),
        ("estimator words n_sizes", 2, "wrong length"),
        ("estimator words constant", [0.0, 0.0], "finite constant for each size"),
        ("estimator words constant", [1e308] * 3, "finite constant for each size"),
        ("estimator words constant", ["x", 0.0, 0.0], "finite constant for each size"),
        ("estimator weight", 1.5, "words do not fit"),
        ("estimator weight", None, "words do not fit"),
        ("estimator kind", "linear", "of kind 'linear', not one of"),
        ("estimator kind", None, "of kind None, not one of"),
        ("estimator usual", {"words": 1.0}, "means of the features do not fit"),
        ("estimator usual", {"words": 1.0, "numbers": math.nan}, "means of the features do not fit"),
        ("estimator level stretch", 0.0, "level of the estimator is no stretch"),
        ("estimator level mean", "x", "level of the estimator is no stretch"),
        ("estimator tasks of_task", {"sums": [0.0, 0.0]}, "A task has a wrong number"),
        ("estimator tasks of_task", None, "lacks or misnames a field"),
        ("estimator tasks", [], "lacks or misnames a field"),
        ("estimator forest asked", "", "differ in their length"),
        ("estimator forest features", ["words"], "leads nowhere|do not fit"),
        ("estimator forest features", ["nope", "numbers"], "do not fit"),
        ("estimator forest n_values", 0, "or no numbers"),
        ("estimator forest n_values", 2, "differ in their length"),
        ("estimator forest starts", [], "differ in their length"),
        ("estimator forest starts", ["0"], "lacks or misnames a field|differ in their length"),
        ("fallback kind", "no such", "of kind 'no such', not one of"),
        ("fallback slope", [1.0, 1.0], "needs an ability and a slope"),
        ("fallback weights", {"nope": 1.0}, "'nope' is not registered"),
        ("fallback weights", {"words": 1e308, "latex": -1e308}, "not finite"),
        ("fallback bias", math.nan, "not finite"),
        ("costs shift", [10**400, 0.0, 0.0], "do not fit each other"),
        ("costs low", [9.0, 9.0, 9.0], "range of costs"),
        ("costs low", [-1.0, 0.0, 0.0], "range of costs"),
        ("costs high", [0.5, 1.0, 10**400], "range of costs"),
        ("costs high", [1.0], "lacks or misnames a field"),
        ("costs shift", [0.0, 0.0], "do not fit each other"),
        ("costs shift", [math.nan, 0.0, 0.0], "do not fit each other"),
        ("costs tasks of_task", {"sums": [math.nan, 0.0, 0.0]}, "not finite"),
        ("costs log_cost features", ["nope", "numbers"], "'nope' is not registered"),
        ("costs log_cost features", [["words"], "numbers"], "features without names"),
        ("domain rarity near", 9.0, "limits of familiarity"),
        ("domain rarity", None, "lacks or misnames a field"),
        ("domain everyday ramp far", math.inf, "limits of familiarity"),
        ("domain everyday forest right", "AAAA", "wrong length"),
        ("domain everyday forest features", ["nope"], "'nope' is not registered"),
        ("domain everyday", {}, "lacks or misnames a field"),
        ("domain bits", 5, "wrong length"),
        ("domain tasks", [["sums"]], "has no name"),
        ("rungs 0 cost", None, "costs None"),
        ("rungs 0 cost", 10**400, "give a finite cost"),
        ("cost_weight", 10**400, "give a finite number"),
        ("unit_cost", 10**400, "give a finite cost"),
        ("provenance", None, "lacks or misnames a field"),
        ("provenance", {"n_trials": math.nan}, UNFIT),
        ("provenance", ["zeta"], "lacks or misnames a field"),
        ("looks 0 spread", -1.0, "The spread after 4B is -1.0"),
        ("looks 0 spread", 10**400, "The spread after 4B"),
        ("looks 0 ran", ["9B"], "names size '9B', which the policy lacks"),
        ("looks 0 posteriors 0 size", "9B", "names size '9B', which the policy lacks"),
        ("looks 0 posteriors 0 weights", {"words": math.inf}, "not finite"),
        ("looks 0 posteriors 0 bias", 10**400, "not finite"),
        ("looks 0 posteriors 0 weights", [1], "lacks or misnames a field"),
    ],
)
def test_a_damaged_model_is_refused_in_one_line(tmp_path, place, value, words):
    keys = [int(k) if k.isdigit() else k for k in place.split()]
    path, data = resealed(tmp_path, keys, value)
    with pytest.raises(PolicyError, match=f"checksum does not fit|{UNFIT}"):
        RoutingPolicy.load(path)
    with pytest.raises(PolicyError, match=f"{words}|{UNFIT}") as error:
        RoutingPolicy.load(seal(path, data))
    assert "\n" not in str(error.value)


def seal(path, data):
    """Give the content a checksum that fits."""
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"))
    path.write_text(json.dumps(data | {"checksum": hashlib.sha256(canonical.encode()).hexdigest()}))
    return path


def test_models_of_another_number_of_sizes_are_refused():
    policy, two = full(), RoutingPolicy.seed(("4B", "7B"))
    for part in ("costs", "estimator", "fallback"):
        with pytest.raises(PolicyError, match="does not fit its 2 sizes"):
            dataclasses.replace(two, **{part: getattr(policy, part)})


def test_an_everyday_forest_with_a_feature_that_is_not_known_is_refused():
    policy = full()
    everyday = Everyday(forest=forest(["nope"], ("nope", 0.0, [0.0], [0.0], [1.0])), ramp=Ramp(near=0.0, far=1.0))
    with pytest.raises(PolicyError, match="'nope' is not registered"):
        dataclasses.replace(policy, domain=dataclasses.replace(policy.domain, everyday=everyday))


def test_a_field_too_many_is_refused_in_one_line(tmp_path):
    path, data = resealed(tmp_path, ["colour"], "blue")
    with pytest.raises(PolicyError, match="lacks or misnames a field") as error:
        RoutingPolicy.load(seal(path, data))
    assert "\n" not in str(error.value)

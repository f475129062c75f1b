"""A policy file with every model a policy may hold: costs, a learned estimator, looks."""

import base64
import dataclasses
import hashlib
import json
import math

import numpy as np
import pytest

from zeta_eval.exceptions import PolicyError
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.cascade import Look, Posterior
from zeta_eval.router.domain import Domain
from zeta_eval.router.estimators.learned import Learned, NGrams
from zeta_eval.router.estimators.linear import CostModel, Linear
from zeta_eval.router.estimators.tables import encode
from zeta_eval.router.policy import RoutingPolicy

SIZES = ("4B", "7B", "14B")


def full(bits=6, scale=1.0):
    """A policy for three sizes with all models, of random weights."""
    rng = np.random.default_rng(0)

    def row():
        return tuple((scale * rng.normal(size=3)).tolist())

    linear = Linear(bias=row(), weights={"words": row(), "numbers": row()}, tasks={"sums": row()})
    rarities = base64.b64encode(rng.integers(0, 128, 16, dtype=np.uint8).tobytes()).decode()
    table = encode((scale * rng.normal(size=(1 << bits, 3))).tolist())
    posteriors = tuple(
        Posterior(size=s, bias=0.1, prior=0.2, own=0.3, weights={"words": 1 / 3, "min_logprob": -2.0}) for s in SIZES
    )
    return dataclasses.replace(
        RoutingPolicy.seed(SIZES),
        costs=CostModel(log_cost=linear, low=(0.0, 0.1, 0.2), high=(0.5, 1.0, 3.0)),
        learned=Learned(base=row(), linear=linear, ngrams=NGrams(bits=bits, n_sizes=3, table=table)),
        domain=Domain(tasks=("sums",), base=row(), transfer=0.3, near=1.0, far=4.5, bits=4, table=rarities),
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
    path = full(bits=15).save(tmp_path / "p.json")
    assert path.stat().st_size <= 1_000_000
    assert ZetaDynamicRouter.load(path).route("Add 1 and 2.").size in SIZES


def test_weights_are_rounded_to_float16_alike_wherever_they_are_read():
    ngrams = NGrams(bits=1, n_sizes=2, table=encode([(1 / 3, -2.0), (0.0, 65504.0)]))
    assert ngrams.weights == (float(np.float16(1 / 3)), -2.0, 0.0, 65504.0)


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


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("learned ngrams table", "%%%", "can't be read"),
        ("learned ngrams table", "é", "can't be read"),
        ("learned ngrams table", "AAA", "can't be read"),
        ("learned ngrams table", "AAAA", "can't be read"),  # three bytes are no float16
        ("learned ngrams table", encode([(0.0, 0.0, 0.0)]), "wrong length"),
        ("learned ngrams table", encode([(math.nan,) * 3] * 64), "not finite"),
        ("learned ngrams table", 5, "lacks or misnames a field"),
        ("learned ngrams bits", 7, "wrong length"),
        ("learned ngrams bits", "6", "lacks or misnames a field"),
        ("learned ngrams n_sizes", 2, "wrong length"),
        ("learned base", [0.0, 0.0], "differ in their number of sizes"),
        ("learned linear weights", {"nope": [0.0] * 3}, "'nope' is not registered"),
        ("learned linear weights", {"words": [0.0] * 2}, "wrong number of weights"),
        ("learned linear bias", ["x", 0.0, 0.0], "lacks or misnames a field"),
        ("learned linear tasks", None, "lacks or misnames a field"),
        ("costs low", [9.0, 9.0, 9.0], "range of costs"),
        ("costs low", [-1.0, 0.0, 0.0], "range of costs"),
        ("costs high", [1.0], "lacks or misnames a field"),
        ("costs log_cost tasks", {"sums": [math.nan, 0.0, 0.0]}, "not finite"),
        ("looks 0 spread", -1.0, "The spread after 4B is -1.0"),
        ("looks 0 ran", ["9B"], "names size '9B', which the policy lacks"),
        ("looks 0 posteriors 0 size", "9B", "names size '9B', which the policy lacks"),
        ("looks 0 posteriors 0 weights", {"words": math.inf}, "not finite"),
        ("looks 0 posteriors 0 weights", [1], "lacks or misnames a field"),
    ],
)
def test_a_damaged_model_is_refused_in_one_line(tmp_path, place, value, words):
    keys = [int(k) if k.isdigit() else k for k in place.split()]
    path, data = resealed(tmp_path, keys, value)
    with pytest.raises(PolicyError, match="checksum does not fit"):
        RoutingPolicy.load(path)
    with pytest.raises(PolicyError, match=words) as error:
        RoutingPolicy.load(seal(path, data))
    assert "\n" not in str(error.value)


def seal(path, data):
    """Give the content a checksum that fits."""
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"))
    path.write_text(json.dumps(data | {"checksum": hashlib.sha256(canonical.encode()).hexdigest()}))
    return path


def test_models_of_another_number_of_sizes_are_refused():
    policy, two = full(), RoutingPolicy.seed(("4B", "7B"))
    for part in ("costs", "learned"):
        with pytest.raises(PolicyError, match="does not fit its 2 sizes"):
            dataclasses.replace(two, **{part: getattr(policy, part)})

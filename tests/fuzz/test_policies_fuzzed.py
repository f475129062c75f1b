import json
import math
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from attacks import attack
from mutations import ODD, bitten, dumped, mutated

from zeta_eval.files import to_json
from zeta_eval.models import Completion
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.checked_file import checksum
from zeta_eval.router.policy import RoutingPolicy

sys.path.append(str(Path(__file__).parents[1] / "evaluation"))
sys.path.append(str(Path(__file__).parents[1]))

import random_policies

TEXTS = (
    "What is 2 + 2?",
    "",
    "???",
    "Embed this sentence: hi",
    "Prove it.\n" * 300,
    "\ud800 half",
    "thanks!",
    "漢字" * 50,
)


@pytest.fixture(scope="module")
def valid():
    """Contents of policy files of every kind, as JSON data."""
    rng = np.random.default_rng(0)
    kinds = [(kind, c) for kind in random_policies.KINDS for c in (False, True)]
    made = [random_policies.policy(rng, kind, cascades=c, contexts=c) for kind, c in kinds]
    return [json.loads(to_json(p._content())) | {"schema_version": 3} for p in [*made, RoutingPolicy.seed()]]


def hostile(rng, valid, path):
    """A policy file of which the checksum fits, or not."""
    data = mutated(rng, rng.choice(valid), changes=rng.choice((1, 1, 3)))
    if isinstance(data, dict) and rng.random() < 0.9:
        data["schema_version"] = data.get("schema_version", 3) if rng.random() < 0.2 else 3
        with suppress(TypeError, ValueError, RecursionError):
            data["checksum"] = checksum(data)
    raw = dumped(data)
    path.write_bytes(bitten(rng, raw) if rng.random() < 0.1 else raw)
    return path


def used(router, rng):
    """Route and answer some texts; every number must be one."""
    for text in TEXTS:
        weight = rng.choice((None, 0, 0.3, 1e100, 1))
        decision = router.route(
            text, task=rng.choice((None, "sums", "\ud800", "x" * 999)), cost_weight=weight, session="s"
        )
        numbers = [*decision.p.values(), *decision.cost.values(), decision.familiarity, decision.complexity.score]
        assert all(map(math.isfinite, numbers)), numbers
        assert all(0 <= x <= 1 for x in [*decision.p.values(), decision.familiarity])
        assert decision.size in (*router.policy.sizes, router.policy.embedding_size)
        said = " ".join(decision.reasons).replace("nan", "" if "nan" in router.policy.sizes else "nan")
        assert "nan" not in said.split(), said
        answers = dict.fromkeys(decision.p, lambda _: Completion(text="4", mean_logprob=-0.1, completion_tokens=3))
        if decision.size in answers:
            routed = router.generate(text, answers, cost_weight=weight)
            assert all(map(math.isfinite, [s.p_right for s in routed.steps]))


def test_a_policy_file_is_refused_in_one_line_or_routes(valid, tmp_path):
    def load_and_route(rng):
        policy = RoutingPolicy.load(hostile(rng, valid, tmp_path / "policy.json"))
        used(ZetaDynamicRouter(policy, seed=0), rng)
        assert RoutingPolicy.load(policy.save(tmp_path / "again.json")).checksum == policy.checksum
        return True

    attack("policies", load_and_route, usual=400)


def test_arguments_of_route_are_refused_in_one_line_or_taken(valid):
    router = ZetaDynamicRouter(RoutingPolicy.seed())

    def route(rng):
        odd = {name: rng.choice(ODD) for name in rng.sample(("task", "cost_weight", "session"), rng.randint(0, 2))}
        text = rng.choice((*ODD, *TEXTS, [{"role": "user", "content": "Hi"}]))
        made = mutated(rng, {"text": text}, changes=1)
        decision = router.route(made.get("text", made) if isinstance(made, dict) else made, **odd)
        assert all(map(math.isfinite, [*decision.p.values(), *decision.cost.values()]))
        return bool(decision.reasons)

    attack("arguments of route", route, usual=1000)

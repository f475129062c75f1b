import json
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from zeta_eval import ZetaDynamicRouter, benchmark, tune
from zeta_eval.models import LADDERS, Completion, Ladder, ModelSpec
from zeta_eval.tasks import arithmetic

TRAIN = Path(__file__).parents[1] / "benchmarks" / "embedded_ladder" / "train.py"


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    return benchmark("embedded", "embedded", out=tmp_path_factory.mktemp("embedded"), limit=70)


def test_the_sizes_differ_clearly_and_the_oracle_is_above_the_largest(outcomes):
    score = outcomes.matrix("score")
    small, middle, large = score.mean(0)
    assert 0.3 < small < 0.5 < middle < 0.75 < large < 0.95
    assert score.max(1).mean() > large
    only_large = (score[:, :2].max(1) == 0) & (score[:, 2] == 1)
    assert only_large.mean() > 0.1


def test_some_tasks_are_done_by_every_size(outcomes):
    score = outcomes.matrix("score")
    assert (score[outcomes.tasks == "copy"].mean(0) > 0.85).all()


def test_the_larger_size_costs_more(outcomes):
    cost = outcomes.matrix("gpu_s").mean(0)
    assert cost[0] < cost[2] and cost[1] < cost[2]


def test_no_long_query_goes_to_a_rung_with_a_small_context(tmp_path):
    small, middle = Ladder.load("embedded").generators[:2]
    ladder = Ladder(name="short", models=(replace(small, context=32), middle), max_new_tokens=24)
    outcomes = benchmark(ladder, "embedded", out=tmp_path, limit=30)
    refused = outcomes.too_long[:, 0]
    assert 0.03 < refused.mean() < 0.3 and len(outcomes) == 270
    assert not outcomes.too_long[:, 1].any() and not outcomes.matrix("score")[refused, 0].any()
    assert not outcomes.matrix("gpu_s")[refused, 0].any()
    policy = tune(outcomes, n_trials=2, cost="gpu_s").policy
    context = {r.size: r.context for r in policy.rungs}
    assert context == {"17K": 32, "45K": 128}
    router, asked = ZetaDynamicRouter(policy), []
    answers = {size: partial(answer_of, size, asked) for size in policy.sizes}
    for text in outcomes.queries[refused]:
        assert router.route(text, cost_weight=50.0).size == "45K"
        assert router.generate(text, answers, cost_weight=50.0).size == "45K"
    assert set(asked) == {"45K"}
    assert {router.route(text, cost_weight=50.0).size for text in outcomes.queries[~refused]} >= {"17K"}


def answer_of(size, asked, text):
    """Note that a size was asked."""
    asked.append(size)
    return Completion(text="1")


def test_sizes_are_named_by_their_parameters_and_the_ladder_stays_small():
    for spec in Ladder.load("embedded").generators:
        record = json.loads((Path(spec.model) / "training.json").read_text())
        assert spec.size == f"{round(record['parameters'] / 1000)}K" == record["size"]
    assert sum(f.stat().st_size for f in (LADDERS / "embedded").rglob("*") if f.is_file()) < 12e6


def test_training_and_test_contents_never_meet():
    import random

    rng = random.Random(0)
    for kind in arithmetic.KINDS:
        for level in range(1, arithmetic.LEVELS + 1):
            drawn = {arithmetic.sample(rng, kind, level, test=False).content for _ in range(200)}
            kept = {arithmetic.sample(rng, kind, level, test=True).content for _ in range(50)}
            assert not drawn & kept


@pytest.mark.slow
def test_the_trainer_writes_a_model_that_loads_and_has_learned(tmp_path):
    from zeta_eval.inference.engine.transformers_engine import TransformersGenerator

    command = [sys.executable, str(TRAIN), "--size", "17K", "--seconds", "20", "--out", str(tmp_path / "17K")]
    subprocess.run(command, check=True, capture_output=True)
    record = json.loads((tmp_path / "17K" / "training.json").read_text())
    assert record["held_out_mean"] > 0.02  # an untrained model has none right
    TransformersGenerator(ModelSpec(size="17K", model=str(tmp_path / "17K"), device_map="cpu"))

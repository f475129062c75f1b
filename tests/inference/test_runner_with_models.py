import json
import random
import subprocess
import sys
import time

import numpy as np
import pytest
from run_record import recorded

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.inference.run.runner import run
from zeta_eval.models import GenerateConfig, Ladder, ModelSpec
from zeta_eval.outcomes import Outcomes
from zeta_eval.tasks import Query, Score
from zeta_eval.tasks.embedding import REQUEST
from zeta_eval.testing import build_tiny_model

COLUMNS = ["query_id", "model", "score", "response", "completion_tokens"]


def ladder(folder):
    small, large = (ModelSpec(size=f"{s}K", model=str(folder / f"{s}K"), device_map="cpu") for s in (1, 2))
    return Ladder(name="tiny", models=(small, large), max_new_tokens=6)


def queries(n):
    rng = random.Random(0)
    texts = ["".join(rng.choice("abcdefgh 123") for _ in range(rng.randint(3, 60))) + str(i) for i in range(n)]
    return [Query(query_id=f"q/{i}", task="t", dataset="made", prompt=t, target="a") for i, t in enumerate(texts)]


def vowels(query, text):
    return Score(sum(c in "aeiou0123456789" for c in text) / max(1, len(text)))


def bench(folder, out, n=60):
    import torch

    torch.set_num_threads(1)
    config = GenerateConfig(max_new_tokens=6, batch_size=4)
    return run(ladder(folder), queries(n), vowels, out=out, config=config, latency_sample=3, progress=False)


@pytest.fixture
def models(tmp_path):
    for seed in (1, 2):
        build_tiny_model(tmp_path / f"{seed}K", seed=seed)
    return tmp_path


def test_a_ladder_of_real_models_runs_from_weights_to_table(models):
    report = bench(models, models / "out", n=20)
    frame = report.outcomes.frame
    assert len(report.outcomes) == 20 and recorded(report, "errors") == {"1K": 0, "2K": 0}
    assert report.outcomes.cost_columns == ("gpu_s", "latency_s")
    assert frame["mean_logprob"].lt(0).all() and frame["prefill_entropy"].gt(0).all()
    record = json.loads((models / "out" / "run.json").read_text())
    assert record["sizes"]["2K"]["engine"] == "TransformersGenerator"
    assert record["sizes"]["2K"]["batch_size"] == 4
    assert record["sizes"]["2K"]["latency"]["n"] == 3
    (session,) = record["sizes"]["2K"]["sessions"]
    assert session["versions"]["transformers"] and session["device"].startswith("processor (")
    assert record["finished_at"]


def test_rungs_that_embed_get_the_embedding_tasks_and_no_others(models):
    build_tiny_model(models / "E", role="embed")
    both = ladder(models)
    embedder = ModelSpec(size="embedder", model=str(models / "E"), role="embed", device_map="cpu")
    both = Ladder(name="both", models=(*both.models, embedder), max_new_tokens=6)
    pairs = [("a cat", "a cat", "5"), ("a dog", "the dog", "3"), ("one", "completely different", "0")]
    asked = [
        Query(query_id=f"embedding/{i}", task="embedding", dataset="made", prompt=REQUEST + a, target=(b, gold))
        for i, (a, b, gold) in enumerate(pairs)
    ]
    report = run(both, [*queries(4), *asked], vowels, out=models / "out", latency_sample=2, progress=False)
    frame = report.outcomes.frame
    assert recorded(report, "rows") == {"1K": 4, "2K": 4, "embedder": 3}
    assert report.outcomes.sizes == ("1K", "2K") and len(report.outcomes) == 4
    embedded = frame[frame["model"] == "embedder"]
    assert embedded["score"].iloc[0] == 1.0  # equal texts have the highest similarity
    assert embedded["gpu_s"].gt(0).all() and embedded["latency_s"].gt(0).all()


@pytest.mark.slow
def test_five_kills_at_random_moments_give_the_table_of_an_undisturbed_run(models):
    whole = bench(models, models / "whole", n=1200)
    script = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1]); import test_runner_with_models as t\n"
        "t.bench(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[2]) / 'cut', n=1200)\n"
    )
    rng = random.Random(7)
    journal = models / "cut" / "rows.jsonl"
    kills = []
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", script, __file__.rpartition("/")[0], str(models)])
        began = journal.stat().st_size if journal.exists() else 0
        target = began + rng.randint(1, 150_000)  # bytes of rows to let through
        while process.poll() is None and (journal.stat().st_size if journal.exists() else 0) < target:
            time.sleep(0.003)
        process.kill()
        kills.append(process.wait())
    assert kills == [-9] * 5
    cut = bench(models, models / "cut", n=1200).outcomes
    assert Outcomes.load(models / "cut").sha256 == cut.sha256
    expected, got = (
        o.frame[COLUMNS].sort_values(["model", "query_id"], ignore_index=True) for o in (whole.outcomes, cut)
    )
    assert got.equals(expected)
    assert np.array_equal(
        *(o.frame.sort_values(["model", "query_id"])["mean_logprob"].to_numpy() for o in (whole.outcomes, cut))
    )


def test_weights_that_changed_under_the_same_path_are_not_resumed(tmp_path):
    queries = [Query(prompt=f"say {i}", target="x", query_id=f"q{i}", task="t", dataset="d") for i in range(3)]
    ladder = Ladder(name="l", models=(ModelSpec(size="A", model=str(tmp_path / "m"), device_map="cpu"),))
    build_tiny_model(tmp_path / "m", seed=0)
    run(ladder, queries, lambda q, text: Score(0.0), out=tmp_path / "o", latency_sample=0, progress=False)
    build_tiny_model(tmp_path / "m", seed=1)
    with pytest.raises(InvalidInputError, match=r"with weights '[0-9a-f]+' of size 'A', now '"):
        run(ladder, queries, lambda q, text: Score(0.0), out=tmp_path / "o", latency_sample=0, progress=False)

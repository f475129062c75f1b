"""A benchmark that starts llama-cpp-python's server, as `zeta bench` does it, with embedded models as GGUF files.

It runs where `llama_cpp` is installed with its server: beside this interpreter, or beside the one that the environment
variable ZETA_LLAMA_CPP_PYTHON names (`pip install "llama-cpp-python[server]"` builds it, in about twenty minutes).
"""

import importlib.util
import json
import os
import sys

import pytest
from gguf_model import write_gguf

import zeta_eval as ze
from zeta_eval.cli import main
from zeta_eval.inference.engine.transformers_engine import TransformersGenerator
from zeta_eval.models import LADDERS, GenerateConfig, ModelSpec
from zeta_eval.outcomes import Outcomes

PYTHON = os.environ.get("ZETA_LLAMA_CPP_PYTHON") or (importlib.util.find_spec("llama_cpp") and sys.executable)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason="no llama_cpp here; ZETA_LLAMA_CPP_PYTHON may name a Python that has it"),
]
SIZES, TASKS = ("17K", "45K"), ("copy", "add", "count", "sort")
FLOAT32 = "--type_k 0 --type_v 0"
"""The cache as exact as that of transformers; the server's own, of half the bits, changes one answer in eighty."""


@pytest.fixture(scope="module")
def benched(tmp_path_factory):
    """Folder of a benchmark of two sizes, each by a server of its own."""
    folder = tmp_path_factory.mktemp("llama_cpp")
    start = f"{PYTHON} -m llama_cpp.server --model {{model}} --port {{port}} {FLOAT32}"
    rungs = [
        f'[[models]]\nsize = "{size}"\nmodel = "{write_gguf(LADDERS / "embedded" / size, folder / f"{size}.gguf")}"\n'
        f'start = "{start}"\n'
        for size in SIZES
    ]
    (folder / "l.toml").write_text("max_new_tokens = 16\n" + "".join(rungs))
    asked = ["--tasks", ",".join(TASKS), "--limit", "30", "--mlflow", "none"]
    assert main(["bench", "--ladder", str(folder / "l.toml"), *asked, "--out", str(folder / "out")]) == 0
    return folder / "out"


def test_answers_and_prompt_tokens_are_those_of_the_weights(benched):
    frame = Outcomes.load(benched).frame
    for size in SIZES:
        rows = frame[frame["model"] == size]
        local = TransformersGenerator(ModelSpec(size=size, model=str(LADDERS / "embedded" / size), device_map="cpu"))
        answers = local.generate(list(rows["query"]), GenerateConfig(max_new_tokens=16))
        assert list(rows["response"]) == [a.text for a in answers]
        assert list(rows["prompt_tokens"]) == [a.prompt_tokens for a in answers]
        assert rows["error"].isna().all() and 0.2 < rows["score"].mean() < 0.95


def test_each_size_has_latencies_a_log_and_a_record_of_what_its_server_takes(benched):
    frame = Outcomes.load(benched).frame
    assert frame["latency_s"].gt(0).all()
    assert frame.groupby("model")["latency_source"].value_counts()[:, "measured"].gt(10).all()
    sizes = json.loads((benched / "run.json").read_text())["sizes"]
    for size in SIZES:
        assert "POST /v1/chat/completions" in (benched / "servers" / f"{size}.log").read_text()
        assert sizes[size]["refused_parameters"] == [] and "{port}" in sizes[size]["start"]


def test_a_policy_is_tuned_on_the_latencies(benched, tmp_path):
    policy = tmp_path / "policy.json"
    assert main(["tune", str(benched), "--out", str(policy), "--trials", "2", "--mlflow", "none"]) == 0
    decision = ze.ZetaDynamicRouter.load(policy).route("Copy the letters QWERT.")
    assert set(decision.cost) == set(SIZES) and all(cost > 0 for cost in decision.cost.values())

"""The endpoint engine against a server that others wrote: `transformers serve`, in a process of its own."""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from faulty_proxy import STALL_S, FaultyProxy
from run_record import recorded

from zeta_eval.cli import main
from zeta_eval.exceptions import HubAccessError
from zeta_eval.inference.run.runner import run
from zeta_eval.inference.server.endpoint import EndpointGenerator
from zeta_eval.models import LADDERS, GenerateConfig, Ladder, ModelSpec
from zeta_eval.outcomes import Outcomes
from zeta_eval.tasks import get_task
from zeta_eval.testing import build_tiny_model

pytestmark = pytest.mark.slow
KEY = "sk-c/another+key_5556667778"
START_S = 120
CONFIG = GenerateConfig(max_new_tokens=16)
ASKED = ["prompt_tokens", "completion_tokens", "truncated", "error"]
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
"""How Qwen3 words a chat; the server knows the wording of this family and takes its answers apart by it."""


def with_chat_template(folder):
    """The smallest embedded model, which has no chat template, with one that says the same.

    The server takes a Qwen3's answer for all that comes after `<|im_start|>assistant`; what stands here instead has to
    be said, or it gives the prompt back with the answer.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(LADDERS / "embedded" / "17K")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<answer>"]})
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}<answer>"
    tokenizer.response_template = {
        "start_anchor": "<answer>",
        "defaults": {"role": "assistant"},
        "fields": {"content": {"close": "<end>", "content": "text"}},
    }
    tokenizer.save_pretrained(folder)
    AutoModelForCausalLM.from_pretrained(LADDERS / "embedded" / "17K").save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    with_chat_template(folder / "17K")
    build_tiny_model(folder / "chatml", chat_template=CHATML)
    return folder


@contextmanager
def serving(*arguments):
    """Port of a server that is ready; what takes long here is done while it starts."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", *arguments]
    with subprocess.Popen(
        [*command, "--device", "cpu", "--host", "127.0.0.1", "--port", str(port)],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            import zeta_eval.inference.engine.transformers_engine  # noqa: F401

            wait(process, f"http://127.0.0.1:{port}/health")
            yield port
        finally:
            process.kill()


def wait(process, url):
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"transformers serve did not start: exit code {process.poll()}")


@pytest.fixture(scope="module")
def port():
    with serving() as port:
        yield port


@pytest.fixture(scope="module")
def queries():
    return [
        replace(q, query_id=f"{kind}/{i}", stop=())  # the server knows no stop texts with this tokenizer
        for kind in ("copy", "add", "count")
        for i, q in enumerate(get_task(kind).load(limit=8))
    ]


def rung(port, model, **settings):
    return ModelSpec(size="17K", model=str(model), base_url=f"http://127.0.0.1:{port}/v1", **settings)


def local(folder):
    from zeta_eval.inference.engine.transformers_engine import TransformersGenerator

    return TransformersGenerator(ModelSpec(size="17K", model=str(folder), device_map="cpu"))


def bench(out, queries, spec):
    ladder = Ladder(name="l", models=(spec,), max_new_tokens=CONFIG.max_new_tokens)
    score = lambda q, text: get_task(q.task).score(q, text)  # noqa: E731
    return run(ladder, queries, score, out=out, latency_sample=4, progress=False)


def table(report):
    columns = ["query_id", "score", "response", *ASKED]
    return report.outcomes.frame[columns].sort_values("query_id", ignore_index=True)


@pytest.fixture(scope="module")
def undisturbed(port, models, queries, tmp_path_factory):
    return bench(tmp_path_factory.mktemp("out"), queries, rung(port, models / "17K"))


def test_a_benchmark_of_a_served_size_gives_the_table_of_its_weights(undisturbed, models, queries, tmp_path):
    weights = ModelSpec(size="17K", model=str(models / "17K"), device_map="cpu")
    ours, theirs = table(bench(tmp_path, queries, weights)), table(undisturbed)
    assert ours.drop(columns="truncated").equals(theirs.drop(columns="truncated"))
    # An answer that ends with the last token it may have is "length" to the server, as one that is cut off.
    full = theirs["completion_tokens"] == CONFIG.max_new_tokens
    assert (theirs["truncated"] == full).all() and 0 < ours["truncated"].sum() < full.sum()
    assert 0 < theirs["score"].mean() < 1 and theirs["response"].nunique() > 10


def test_what_the_server_does_not_give_is_empty_and_its_latencies_are_measured(undisturbed):
    frame = undisturbed.outcomes.frame
    assert frame[["mean_logprob", "min_logprob", "prefill_margin", "prefill_entropy", "gpu_s"]].isna().all(axis=None)
    assert frame["latency_source"].value_counts()["measured"] == 4
    measured = frame.query("latency_source == 'measured'")
    assert (measured["ttft_s"] > 0).all() and (measured["ttft_s"] <= measured["latency_s"]).all()
    assert recorded(undisturbed, "latency")["17K"]["n"] == 4
    size = json.loads((undisturbed.folder / "run.json").read_text())["sizes"]["17K"]
    assert size["refused_parameters"] == ["penalty"]


def test_no_fault_on_the_way_to_the_server_changes_a_row(undisturbed, port, models, queries, tmp_path):
    faults = iter(["drop", None, "429", "half", "stall", None, "500", "cut", "event", None, "429", "half", "drop"])
    with FaultyProxy(port, lambda number, seen: next(faults, None) if seen == 0 else None) as proxy:
        report = bench(tmp_path, queries, rung(proxy.port, models / "17K", timeout_s=STALL_S - 0.3))
    assert sum(proxy.injected.values()) == 10
    assert table(report).equals(table(undisturbed))


def test_a_template_s_empty_thought_is_neither_answer_nor_first_token(port, models):
    engine, prompts = EndpointGenerator(rung(port, models / "chatml")), [f"Say {i}." for i in range(6)]
    ours, theirs = local(models / "chatml").generate(prompts, CONFIG), engine.generate(prompts, CONFIG)
    assert len({a.text for a in ours}) > 1
    for a, b, c in zip(ours, theirs, engine.measure(prompts, CONFIG), strict=True):
        assert a.text.strip() == b.text == c.text.strip()  # the server strips what it doesn't stream
        assert [getattr(a, name) for name in ASKED] == [getattr(b, name) for name in ASKED]
        assert 0 < c.ttft_s < c.latency_s and c.completion_tokens == a.completion_tokens


def test_an_answer_ends_at_a_stop_text_on_the_server_too(port, models):
    config = replace(CONFIG, stop=("F", "\n\n"))
    ours = local(models / "chatml").generate(["Say 1.", "Say 2."], config)
    engine = EndpointGenerator(rung(port, models / "chatml"))
    for made in (engine.generate(["Say 1.", "Say 2."], config), engine.measure(["Say 1.", "Say 2."], config)):
        assert [a.text.strip() for a in made] == [a.text.strip() for a in ours]
        assert [a.completion_tokens for a in made] == [a.completion_tokens for a in ours]
    assert any(a.completion_tokens < CONFIG.max_new_tokens for a in ours)


def test_a_model_that_the_server_cannot_find_is_one_line_that_names_it(port):
    with pytest.raises(HubAccessError, match=r"HTTP 500: .*`model` \('nobody/nothing'\)") as e:
        EndpointGenerator(rung(port, "nobody/nothing", retries=0))
    assert "\n" not in str(e.value)


def test_a_server_with_one_model_and_continuous_batching_does_the_same(undisturbed, models, queries, tmp_path):
    small = ["--cb-num-blocks", "64", "--cb-max-batch-tokens", "256"]  # its own sizes are those of an accelerator
    with serving(str(models / "17K"), "--continuous-batching", *small) as port:
        with pytest.raises(HubAccessError, match=r"refuses to answer for model 'other' \(HTTP 400: Server is pinned"):
            EndpointGenerator(rung(port, "other"))
        assert table(bench(tmp_path, queries, rung(port, models / "17K"))).equals(table(undisturbed))


def test_the_key_is_written_nowhere(port, models, tmp_path, monkeypatch, caplog, capsys):
    caplog.set_level("DEBUG")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    rows = f'size = "17K"\nmodel = "{models / "17K"}"\nbase_url = "http://127.0.0.1:{port}"\n'
    ladder = tmp_path / "own.toml"
    ladder.write_text(f"max_new_tokens = 8\n[[models]]\n{rows}")
    with FaultyProxy(port, lambda number, seen: "429" if number == 1 else None) as proxy:
        ladder.write_text(ladder.read_text().replace(str(port), str(proxy.port)))
        command = ["bench", "--ladder", str(ladder), "--tasks", "copy", "--limit", "4", "--mlflow", "none"]
        assert main([*command, "--out", str(tmp_path / "out")]) == 0
    assert len(Outcomes.load(tmp_path / "out")) == 4
    told = capsys.readouterr()
    written = b"".join(Path(p).read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert KEY not in caplog.text + told.out + told.err and KEY.encode() not in written


def test_a_benchmark_starts_the_server_itself_and_gets_the_same_answers(models, queries, tmp_path):
    command = f"{sys.executable} -m transformers.cli.transformers serve --device cpu --host 127.0.0.1 --port {{port}}"
    spec = ModelSpec(size="17K", model=str(models / "17K"), start=command, start_timeout_s=START_S)
    report = bench(tmp_path / "out", queries, spec)
    frame = report.outcomes.frame.sort_values("query_id")
    asked = {q.query_id: q.prompt for q in queries}
    answers = local(models / "17K").generate([asked[i] for i in frame["query_id"]], CONFIG)
    assert list(frame["response"]) == [a.text for a in answers] and frame["latency_s"].gt(0).all()
    assert "Uvicorn running" in (tmp_path / "out" / "servers" / "17K.log").read_text()

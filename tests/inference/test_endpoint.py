import asyncio
import json
import logging
import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import numpy as np
import pytest
from faulty_proxy import STALL_S, FaultyProxy

import zeta_eval as ze
from zeta_eval.cli import main
from zeta_eval.exceptions import GenerationError, HubAccessError, InvalidInputError
from zeta_eval.inference.run.runner import run
from zeta_eval.inference.server.chat_api import context_of
from zeta_eval.inference.server.endpoint import OUTAGE, EndpointGenerator
from zeta_eval.inference.server.failures import Fault, reason_of, wait_of
from zeta_eval.inference.server.reply import DONE, Reply, events
from zeta_eval.models import LADDERS, GenerateConfig, Ladder, ModelSpec
from zeta_eval.models.served import chat_url
from zeta_eval.tasks import Score, get_task
from zeta_eval.testing import check_generator
from zeta_eval.tracking.benched import iter_benchmark

KEY = "sk-a/secret+key_0123456789"
WEIGHTS = LADDERS / "embedded" / "17K"
CONFIG = GenerateConfig(max_new_tokens=24)
ESSENCE = ["query_id", "model", "score", "response", "error", "prompt_tokens", "completion_tokens", "cost_usd"]
CONFIDENCE = ["mean_logprob", "min_logprob", "prefill_margin"]
FAULTS = ("drop", "stall", "429", "500", "half", "cut", "event")


@pytest.fixture(scope="module")
def port():
    """Port of a server process that runs the smallest embedded model."""
    script = Path(__file__).with_name("chat_server.py")
    with subprocess.Popen(
        [sys.executable, str(script), str(WEIGHTS)],
        env=os.environ | {"SERVER_KEY": KEY},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        import zeta_eval.inference.engine.transformers_engine  # noqa: F401  # takes seconds, as the server's start does

        yield int(process.stdout.readline())
        process.kill()


@pytest.fixture(scope="module")
def queries():
    return [
        replace(q, query_id=f"{kind}/{i}")
        for kind in ("copy", "add", "count")
        for i, q in enumerate(get_task(kind).load(limit=14))
    ]


def rung(port, model="plain", **settings):
    return ModelSpec(size="17K", model=model, base_url=f"http://127.0.0.1:{port}/v1", **settings)


def bench(out, queries, *specs, sample=3):
    return run(
        Ladder(name="served", models=specs, max_new_tokens=24),
        queries,
        lambda q, text: Score(get_task(q.task).score(q, text).value),
        out=out,
        latency_sample=sample,
        progress=False,
    )


def table(report, columns=ESSENCE):
    return report.outcomes.frame[columns].sort_values(["model", "query_id"], ignore_index=True)


@pytest.fixture(scope="module")
def undisturbed(port, queries, tmp_path_factory):
    return bench(tmp_path_factory.mktemp("served") / "whole", queries, rung(port, usd_per_mtok=2.0))


def test_a_served_model_keeps_the_promises_of_a_generator(port):
    engine = EndpointGenerator(rung(port))
    check_generator(engine)
    assert engine.generate(["Copy the letters " + "Q" * 200], CONFIG)[0].error.startswith(
        "HTTP 400: This model's maximum context length is"
    )


def test_the_context_is_the_ladder_s_else_the_server_s_else_unknown(port):
    context = json.loads((WEIGHTS / "config.json").read_text())["max_position_embeddings"]
    assert EndpointGenerator(rung(port)).context == context
    assert EndpointGenerator(rung(port, context=99)).context == 99
    assert EndpointGenerator(rung(port, model="strict")).context is None  # listed without one
    assert EndpointGenerator(rung(port, model="mute")).context is None  # not listed


@pytest.mark.parametrize(
    ("listed", "context"),
    [
        ({"data": [{"id": "m", "max_model_len": 4096}]}, 4096),
        ({"data": [{"id": "other", "max_model_len": 4096}]}, None),
        ({"data": [{"id": "m", "meta": {"n_ctx": 2048, "n_ctx_train": 32768}}]}, 2048),
        ({"data": [{"id": "m", "max_model_len": None, "context_length": 8192}]}, 8192),
        ({"data": [{"id": "m", "max_model_len": "4096"}, "m"]}, None),
        ({"data": [{"id": "m", "max_model_len": 10**30}]}, None),  # what tokenizers say that know of none
        ({"data": None}, None),
        (["m"], None),
    ],
)
def test_a_list_of_models_may_tell_the_context(listed, context):
    assert context_of(listed, "m") == context


def test_a_query_that_a_server_refuses_for_its_length_is_the_size_s_failure(port, queries, tmp_path):
    long = replace(queries[0], query_id="long", prompt="Copy the letters " + "Q" * 200)
    outcomes = bench(tmp_path, [queries[0], long], rung(port, usd_per_mtok=2.0)).outcomes
    refused, cost = outcomes.query_ids == "long", outcomes.matrix("cost_usd")[:, 0]
    assert np.array_equal(outcomes.too_long[:, 0], refused) and refused.sum() == 1
    assert outcomes.matrix("score")[refused, 0] == 0.0 == cost[refused] and cost[~refused] > 0.0
    assert outcomes.matrix("context").ravel().tolist() == [128.0, 128.0]


def test_a_served_model_answers_as_its_weights_do(port, queries):
    from zeta_eval.inference.engine.transformers_engine import TransformersGenerator

    prompts = [q.prompt for q in queries[::3]]
    local = TransformersGenerator(ModelSpec(size="17K", model=str(WEIGHTS), device_map="cpu"))
    served = EndpointGenerator(rung(port))
    config = GenerateConfig(max_new_tokens=6, stop=("A", "1"))
    pairs = [
        *zip(local.generate(prompts, config), served.generate(prompts, config), strict=True),
        *zip(local.measure(prompts[:4], config), served.measure(prompts[:4], config), strict=True),
    ]
    assert any(a.truncated for a, _ in pairs) and not all(a.truncated for a, _ in pairs)
    for a, b in pairs:
        for name in ("text", "prompt_tokens", "completion_tokens", "truncated", "error"):
            assert getattr(a, name) == getattr(b, name)
        for name in CONFIDENCE:
            assert getattr(b, name) == pytest.approx(getattr(a, name), abs=1e-4)
        assert b.gpu_s is None and (b.latency_s is None) == (a.latency_s is None)


def test_the_first_token_of_a_streamed_answer_comes_before_the_last(port):
    for answer in EndpointGenerator(rung(port)).measure(
        ["Copy the letters Q.", "Copy the letters QWERTYUIOP."], CONFIG
    ):
        assert 0 < answer.ttft_s < answer.latency_s


def test_a_benchmark_records_the_engine_and_prices_tokens(undisturbed, port):
    frame = undisturbed.outcomes.frame
    tokens = (frame["prompt_tokens"] + frame["completion_tokens"]).to_numpy(dtype=float)
    assert frame["cost_usd"].to_numpy() == pytest.approx(tokens * 2e-6)
    assert frame["gpu_s"].isna().all() and frame["latency_s"].gt(0).all()
    assert frame["latency_source"].value_counts().to_dict() == {"modelled": 39, "measured": 3}
    size = json.loads((undisturbed.folder / "run.json").read_text())["sizes"]["17K"]
    assert (size["engine"], size["base_url"]) == ("EndpointGenerator", f"http://127.0.0.1:{port}/v1")
    assert size["refused_parameters"] == []


def test_no_fault_on_the_way_changes_a_row(undisturbed, port, queries, tmp_path):
    plan = [None, None, *FAULTS, *FAULTS * 3]
    random.Random(3).shuffle(plan)
    faults = iter(["drop", *plan])  # the first request of a run is spoilt too
    with FaultyProxy(port, lambda number, seen: next(faults, None) if seen == 0 else None) as proxy:
        report = bench(tmp_path, queries, rung(proxy.port, usd_per_mtok=2.0, timeout_s=STALL_S - 0.5))
    assert proxy.injected == {"drop": 5, **dict.fromkeys(FAULTS[1:], 4)}
    assert table(report).equals(table(undisturbed))
    ours, theirs = (
        table(report, ["query_id", "model", *CONFIDENCE]),
        table(undisturbed, ["query_id", "model", *CONFIDENCE]),
    )
    assert ours.equals(theirs)


def test_a_server_that_asks_for_time_gets_it(port):
    with FaultyProxy(port, lambda number, seen: "429" if number == 1 else None, retry_after="1") as proxy:
        engine = EndpointGenerator(rung(proxy.port))
        assert engine.generate(["Copy the letters QWERT."], CONFIG)[0].text == "QWERT"
    first, second = proxy.times[1:]
    assert second - first >= 1


def test_a_server_that_asks_for_too_much_time_ends_the_run(port):
    with FaultyProxy(port, lambda number, seen: "429" if number else None, retry_after="86400") as proxy:
        engine = EndpointGenerator(rung(proxy.port))
        with pytest.raises(GenerationError, match=r"HTTP 429: spoilt on purpose.*finished rows are kept"):
            engine.generate(["Hello"], CONFIG)
    assert len(proxy.times) == 2


def test_no_more_requests_are_open_than_the_ladder_says(port, queries):
    with FaultyProxy(port) as proxy:
        answers = EndpointGenerator(rung(proxy.port, concurrency=3)).generate([q.prompt for q in queries], CONFIG)
    assert all(a.error is None for a in answers)
    assert proxy.most_at_once == 3


def test_a_request_that_is_refused_is_not_made_again(port):
    with FaultyProxy(port, lambda number, seen: "404" if number == 1 else None) as proxy:
        answer = EndpointGenerator(rung(proxy.port)).generate(["Hello"], CONFIG)[0]
    assert (answer.text, answer.error) == ("", "HTTP 404: spoilt on purpose")
    assert len(proxy.times) == 2


def test_a_query_that_breaks_its_server_is_a_row_and_a_broken_server_ends_the_run(port):
    with FaultyProxy(port, lambda number, seen: "500" if number else None) as proxy:
        engine = EndpointGenerator(rung(proxy.port, retries=1))
        assert engine.generate(["Hello"], CONFIG)[0].error == "HTTP 500: spoilt on purpose, after 1 retries"
        assert len(proxy.times) == 3
        with pytest.raises(GenerationError, match="gives no more answers"):
            engine.generate([f"Copy the letters {i}." for i in range(OUTAGE)], CONFIG)


@pytest.mark.parametrize(
    ("model", "given", "refused"),
    [
        ("strict", False, {"logprobs", "stream_options"}),
        ("curt", False, {"logprobs", "seed", "penalty", "chat_template", "stream_options"}),
        ("mute", False, set()),
        ("plain", True, set()),
    ],
)
def test_what_a_server_refuses_is_left_out_with_a_note(port, caplog, model, given, refused):
    engine = EndpointGenerator(rung(port, model))
    answers = [*engine.generate(["Add 12 and 7, last digit first."], CONFIG), *engine.measure(["Hello"], CONFIG)]
    assert all(a.error is None and (a.mean_logprob is not None) == given for a in answers)
    assert all((a.prefill_margin is not None) == given for a in answers)
    assert engine.dropped == refused
    assert sum("logprobs" in r.message for r in caplog.records) == ("logprobs" in refused)


def test_a_server_that_is_not_there_is_one_line_before_any_row(port, queries, tmp_path):
    with FaultyProxy(port) as proxy:
        pass
    began = time.monotonic()
    with pytest.raises(
        HubAccessError, match=f"Server http://127.0.0.1:{proxy.port}/v1 of rung '9B' can't be used"
    ) as e:
        bench(tmp_path, queries, rung(port), replace(rung(proxy.port), size="9B"))
    assert time.monotonic() - began < 5
    assert "\n" not in str(e.value)
    assert (tmp_path / "rows.jsonl").read_bytes() == b""


def test_a_model_that_is_not_served_is_one_line(port):
    with pytest.raises(HubAccessError, match=r"refuses to answer for model 'other' \(HTTP 404: The model `other` does"):
        EndpointGenerator(rung(port, "other"))


def test_a_run_whose_server_went_away_goes_on_at_another_address(undisturbed, port, queries, tmp_path):
    gone = 5 + 16 + 3  # two warm-ups, three measured, a batch of 16, and then some
    with FaultyProxy(port, lambda number, seen: "gone" if number == gone else None) as proxy:
        spec = rung(proxy.port, usd_per_mtok=2.0, concurrency=1, retries=1)
        with pytest.raises(GenerationError, match=r"gives no more answers .*No connection"):
            bench(tmp_path, queries, spec)
    kept = (tmp_path / "rows.jsonl").read_bytes()
    assert kept.count(b"\n") == 16
    report = bench(tmp_path, queries, rung(port, usd_per_mtok=2.0))
    assert (tmp_path / "rows.jsonl").read_bytes().startswith(kept)
    assert table(report).equals(table(undisturbed))


def test_a_folder_of_weights_is_not_resumed_by_a_server(undisturbed, port, queries):
    weights = ModelSpec(size="17K", model="plain", usd_per_mtok=2.0)
    with pytest.raises(InvalidInputError, match="served True of size '17K', now False"):
        bench(undisturbed.folder, queries, weights)


def test_a_served_size_joins_a_run_of_weights(port, queries, tmp_path):
    local = ModelSpec(size="45K", model=str(WEIGHTS.with_name("45K")), device_map="cpu")

    bench(tmp_path / "o", queries[::4], local)
    grown = bench(tmp_path / "o", queries[::4], rung(port), local)
    assert grown.outcomes.sizes == ("17K", "45K")
    assert table(grown).equals(table(bench(tmp_path / "whole", queries[::4], rung(port), local)))
    session = json.loads((tmp_path / "o" / "run.json").read_text())["sizes"]["17K"]["sessions"][0]
    assert session["device"] == f"http://127.0.0.1:{port}/v1"


def ladder_file(path, port, model, extra=""):
    rows = f'size = "17K"\nmodel = "{model}"\nbase_url = "http://127.0.0.1:{port}"\n{extra}\nretries = 1\n'
    path.write_text(f"max_new_tokens = 24\n[[models]]\n{rows}")
    return str(path)


def everything_in(folder):
    return b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())


def test_the_key_is_written_nowhere(port, tmp_path, monkeypatch, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("FLEET_KEY", f"{KEY}\n")
    ladder = ladder_file(tmp_path / "own.toml", port, "locked", 'api_key_env = "FLEET_KEY"')
    command = ["bench", "--ladder", ladder, "--tasks", "copy", "--limit", "6", "--mlflow", "none", "--out"]
    assert main([*command, str(tmp_path / "out")]) == 0
    outcomes = ze.Outcomes.load(tmp_path / "out")
    assert len(outcomes) == 6 and outcomes.frame["error"].isna().all()
    engine = EndpointGenerator(Ladder.load(ladder).models[0])
    logged = str([item for item in iter_benchmark(outcomes, Ladder.load(ladder), {}, {})])
    told = capsys.readouterr()
    said = caplog.text + told.out + told.err + repr(engine) + str(vars(engine)) + repr(Ladder.load(ladder)) + logged
    assert "httpcore" in caplog.text and "FLEET_KEY" in logged
    assert KEY not in said and KEY.encode() not in everything_in(tmp_path)


def test_a_wrong_key_that_its_server_repeats_is_not_repeated(port, tmp_path, monkeypatch, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    wrong = "sk-b/wrong+key_9876543210"
    monkeypatch.setenv("OPENAI_API_KEY", wrong)
    ladder = ladder_file(tmp_path / "own.toml", port, "locked")
    assert (
        main(["bench", "--ladder", ladder, "--tasks", "copy", "--mlflow", "none", "--out", str(tmp_path / "out")]) == 1
    )
    told = capsys.readouterr()
    assert "HTTP 401: Incorrect API key provided: ***" in told.err and told.err.count("\n") == 1
    assert wrong not in caplog.text + told.out + told.err and wrong.encode() not in everything_in(tmp_path)


@pytest.mark.parametrize("key", ["", "two words", "sk-ä"])
def test_a_key_that_is_none_is_one_line_without_it(port, monkeypatch, key):
    monkeypatch.setenv("FLEET_KEY", key)
    with pytest.raises(InvalidInputError, match="Environment variable FLEET_KEY") as e:
        EndpointGenerator(rung(port, api_key_env="FLEET_KEY"))
    assert not key or key not in str(e.value)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"base_url": "localhost:8000"}, "has base_url 'localhost:8000'; give an address as http://localhost:8000/v1"),
        ({"base_url": "ftp://host"}, "has base_url 'ftp://host'; give an address"),
        ({"base_url": f"http://me:{KEY}@host/v1"}, "a base_url with more than an address in it"),
        ({"base_url": f"http://host/v1?key={KEY}"}, "a base_url with more than an address in it"),
        ({"base_url": 8000}, "a base_url that is no text"),
        ({"base_url": []}, "a base_url that is no text"),
        ({"base_url": ["http://a/v1", "b"]}, "has base_url 'b'; give an address"),
        ({"base_url": ["http://a", "http://b"], "start": "serve"}, "start and several addresses"),
        ({"base_url": None, "start": "serve"}, "start without {port} and no base_url"),
        ({"start": "serve '"}, "a start whose quotes don't match"),
        ({"start": " "}, "start ' '; give a command"),
        ({"start": "serve", "start_timeout_s": 0}, "start_timeout_s 0; give seconds"),
        ({"api_key_env": KEY}, "an api_key_env that names no environment variable"),
        ({"concurrency": 0}, "concurrency 0; give a whole number of at least 1"),
        ({"retries": True}, "retries True; give a whole number of at least 0"),
        ({"timeout_s": "9"}, "timeout_s '9'; give a finite number of seconds above 0"),
    ],
)
def test_settings_of_a_server_that_are_wrong_are_one_line(settings, says):
    with pytest.raises(InvalidInputError, match="Rung 'A' has") as e:
        ModelSpec(**{"size": "A", "model": "a", "base_url": "http://localhost:8000/v1"} | settings)
    assert says in str(e.value) and KEY not in str(e.value) and "\n" not in str(e.value)


def test_a_served_name_is_not_taken_for_a_folder(tmp_path):
    (tmp_path / "plain").mkdir()
    served = Ladder.load(ladder_file(tmp_path / "own.toml", 8000, "plain")).models[0]
    assert (served.model, served.concurrency, served.timeout_s) == ("plain", 16, 120.0)


def test_an_address_without_a_path_gets_the_usual_one():
    assert chat_url("http://host:8000/") == "http://host:8000/v1/chat/completions"
    assert chat_url("https://host/openai/v1") == "https://host/openai/v1/chat/completions"
    with pytest.raises(InvalidInputError, match="has base_url 'http://host:port/v1'; give an address"):
        EndpointGenerator(ModelSpec(size="A", model="a", base_url="http://host:port/v1"))


def test_a_served_size_answers_through_the_router_and_another_takes_its_place(port, tmp_path):
    with FaultyProxy(port) as proxy:
        ladder = Ladder(name="two", models=(rung(proxy.port, retries=0), replace(rung(port), size="9B")))
        answer = ze.answerers(ladder, CONFIG)
        assert answer["17K"]("Copy the letters QWERT.").text == "QWERT"
    assert "gives no more answers" in answer["17K"]("Hello").error
    routed = ze.ZetaDynamicRouter(ze.RoutingPolicy.seed(ladder.sizes)).generate("Copy the letters QWERT.", answer)
    assert (routed.size, routed.text) == ("9B", "QWERT")


def test_a_streamed_answer_grows_and_may_be_stopped(port):
    engine, seen = EndpointGenerator(rung(port)), []
    answer = engine.stream("Copy the letters QWERTYUIOP.", CONFIG, seen.append)
    assert seen[-1] == answer.text and len(set(seen)) > 5 and answer.latency_s > answer.ttft_s > 0
    assert all(answer.text.startswith(text) for text in seen)

    def stop(text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.stream("Copy the letters QWERTYUIOP.", CONFIG, stop)


def test_a_notebook_with_a_loop_of_its_own_can_ask(port):
    async def cell():
        return EndpointGenerator(rung(port)).generate(["Copy the letters QWERT."], CONFIG)

    assert asyncio.run(cell())[0].text == "QWERT"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ('{"error": {"message": "no\\nroom", "type": "x"}}', "no room"),
        ('{"object": "error", "message": "no room", "code": 400}', "no room"),
        ('{"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs", "type": "x"}]}', "Extra inputs"),
        ('{"error": "no room", "error_type": "x"}', "no room"),
        ('{"detail": "no room."}', "no room"),
        ("<html><h1>502 Bad Gateway</h1>\n<hr>nginx</html>", "502 Bad Gateway nginx"),
        ("[" * 100_000, "[" * 300),
        ('{"message": "half \\ud83d"}', "half ?"),
        ("", ""),
    ],
)
def test_the_reason_of_an_error_is_one_line_whatever_its_form(said, reason):
    assert reason_of(said) == reason


def test_the_wait_is_read_in_seconds_or_as_a_date():
    assert [wait_of(text) for text in ("2.5", None, "soon", "-3", "inf")] == [2.5, 0, 0, 0, 0]
    assert 28 < wait_of(format_datetime(datetime.now(UTC) + timedelta(seconds=30))) <= 30


def pieces(content, size):
    async def chunks():
        for i in range(0, len(content), size):
            yield content[i : i + size]

    async def collect():
        return [piece async for piece in events(chunks())]

    return asyncio.run(collect())


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_events_are_whole_however_the_bytes_arrive(size):
    content = ': hello\r\n\r\ndata: {"a": "x\u2028y"}\r\n\r\ndata:{"b": "é"}\n\ndata: [DONE]'.encode()
    assert pieces(content, size) == [{"a": "x\u2028y"}, {"b": "é"}, DONE]
    with pytest.raises(ValueError):
        pieces(b'data: {"a": 1}\n\ndata: {"b"', size)


def reply(*pieces):
    made = Reply(began_s=time.perf_counter())
    for piece in pieces:
        made.add(piece)
    return made


def test_an_answer_without_an_end_is_half():
    half = {"choices": [{"delta": {"content": "a"}, "finish_reason": None}]}
    for end in (None, "abort"):
        with pytest.raises(Fault, match="half-way"):
            reply(half, {"choices": [{"delta": {}, "finish_reason": end}]}).completion((), timed=True)


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_a_template_s_empty_thought_is_no_token_and_no_part_of_the_answer(name):
    made = reply({"choices": [{"delta": {"role": "assistant"}}]}, {"choices": [{"delta": {name: "\n\n"}}]})
    assert made.ttft_s is None
    made.add({"choices": [{"delta": {"content": "\n\n"}}]})
    assert (made.text, made.ttft_s) == ("", None)
    for delta in ({"content": "\n a"}, {"content": "\n"}):
        made.add({"choices": [{"delta": delta, "finish_reason": None}]})
    made.add({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    assert made.completion(("\n\n",), timed=True).text == "a\n" and made.ttft_s < made.latency_s


def test_the_first_token_of_a_thought_is_the_first_token():
    made = reply({"choices": [{"delta": {"reasoning_content": "Hm"}, "finish_reason": None}]})
    assert (made.text, made.ttft_s is None) == ("", False)
    plain = reply({"choices": [{"delta": {"content": " "}, "finish_reason": None}]})
    assert (plain.text, plain.ttft_s is None) == (" ", False)


def test_an_answer_of_nothing_but_thinking_is_empty_and_half_a_character_is_kept_out():
    long = {"message": {"content": None, "reasoning_content": "hm"}, "finish_reason": "length"}
    thinking = reply({"choices": [long]}).completion((), timed=False)
    assert (thinking.text, thinking.truncated, thinking.completion_tokens) == ("", True, None)
    broken = {"message": {"content": "a\ud83d"}, "finish_reason": "stop"}
    assert reply({"choices": [broken]}).completion((), timed=False).text == "a?"


def test_log_probabilities_that_are_no_numbers_are_left_out():
    tokens = [{"logprob": None, "top_logprobs": [{"logprob": -0.1}]}, {"logprob": -1.0, "top_logprobs": []}]
    data = {"choices": [{"message": {"content": "ab"}, "finish_reason": "stop", "logprobs": {"content": tokens}}]}
    made = reply(data).completion((), timed=False)
    assert (made.mean_logprob, made.min_logprob, made.prefill_margin, made.completion_tokens) == (None, None, None, 2)

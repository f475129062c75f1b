"""The embedded ladder, whose weights the server loads, and rungs whose server it starts."""

import json
import re
import shlex
import sys
from pathlib import Path

import openai
import pytest
from running import EASY, SIZES, rung, running
from scripted_server import DONE, ScriptedServer, chat, pieces

from zeta_eval.models import Ladder
from zeta_eval.router.policy import RoutingPolicy

EMBEDDED = ("17K", "45K", "456K")
QUERY = "Copy the letters QWERT."


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    with running(folder, "embedded", RoutingPolicy.seed(EMBEDDED), history=str(folder / "h.db")) as server:
        yield server


def test_the_embedded_ladder_answers(served):
    answer = served.chat(QUERY, "zeta:best")
    assert answer.choices[0].message.content == "QWERT" and answer.zeta["size"] == "456K"
    assert answer.usage.completion_tokens > 0 and answer.choices[0].finish_reason == "stop"


def test_the_example_of_the_readme_gets_an_answer_of_the_embedded_ladder(served):
    page = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (body,) = re.findall(r"^curl http://127\.0\.0\.1:8080/v1/chat/completions -d '(.*)'$", page, re.MULTILINE)
    assert served.post("/v1/chat/completions", json.loads(body)).json()["choices"][0]["message"]["content"] == "EQRTWY"


def test_the_embedded_ladder_streams_the_same_text(served):
    chunks = list(served.chat(QUERY, "zeta:best", stream=True, stream_options={"include_usage": True}))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "QWERT"
    assert chunks[-1].usage.completion_tokens > 0
    ended = [c for c in chunks if c.choices and c.choices[0].finish_reason]
    assert [c.zeta["size"] for c in ended] == ["456K"]


def test_completions_and_named_rungs_of_the_embedded_ladder_work(served):
    assert served.client().completions.create(model="456K", prompt=QUERY).choices[0].text == "QWERT"
    cut = served.chat(QUERY, "456K", max_tokens=2)
    assert cut.choices[0].finish_reason == "length" and cut.usage.completion_tokens == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "takes no `tools`"),
        ({"response_format": {"type": "json_object"}}, "takes no `response_format`"),
        ({"logprobs": True}, "takes no `logprobs`"),
        ({"n": 2}, "takes no `n`"),
        ({"max_tokens": -1}, "max_new_tokens is -1"),
    ],
)
@pytest.mark.parametrize("model", ["zeta", "456K"])
@pytest.mark.parametrize("stream", [False, True])
def test_what_the_engine_has_no_use_for_is_refused(served, given, said, model, stream):
    with pytest.raises(openai.BadRequestError, match=said) as error:
        served.chat(QUERY, model, stream=stream, **given)
    assert (error.value.type, error.value.status_code) == ("invalid_request_error", 400)


def test_text_in_parts_and_plain_text_as_the_format_are_taken_and_images_refused(served):
    text, image = {"type": "text", "text": QUERY}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}

    def asked(parts):
        messages = [{"role": "user", "content": parts}]
        return served.client().chat.completions.create(
            model="zeta:best", messages=messages, response_format={"type": "text"}
        )

    assert asked([text]).choices[0].message.content == "QWERT"
    with pytest.raises(openai.BadRequestError, match="takes no content that is no text"):
        asked([text, image])


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_with_tools_goes_to_a_served_rung_where_there_is_one(tmp_path, stream):
    with ScriptedServer(lambda body, n: (200, [*pieces("ok"), DONE] if body.get("stream") else chat("ok"))) as up:
        local = {"size": "17K", "model": Ladder.load("embedded").models[0].model, "device_map": "cpu"}
        sizes = ("17K", "7B", "14B")
        with running(tmp_path, [local, *(rung(s, up.url) for s in sizes[1:])], RoutingPolicy.seed(sizes)) as served:
            assert served.chat(EASY, "zeta@5").zeta["size"] == "17K"
            tools = [{"type": "function", "function": {"name": "f"}}]
            answer = served.chat(EASY, "zeta@5", stream=stream, tools=tools)
            told = [c for c in answer if hasattr(c, "zeta")][-1].zeta if stream else answer.zeta
            assert (told["chosen"], told["size"]) == ("17K", "7B") and up.bodies[-1]["tools"] == tools
            assert "takes no `tools`" in told["steps"][0]["error"]
            with pytest.raises(openai.BadRequestError, match="17K runs in this process and takes no `tools`"):
                served.chat(EASY, "17K", stream=stream, tools=tools)


def test_a_prompt_too_long_for_a_rung_is_an_error_of_its_own(served):
    with pytest.raises(openai.APIStatusError, match="context"):
        served.chat("Copy the letters " + "QWERT " * 2000, "17K")


def test_a_rung_whose_server_the_ladder_starts_is_started_once_and_stopped_at_the_end(tmp_path):
    script = Path(__file__).with_name("upstream_process.py")
    start = f"{shlex.quote(sys.executable)} {shlex.quote(str(script))} {{port}}"
    rungs = [{"size": s, "model": f"model-{s}", "start": start} for s in SIZES]
    with running(tmp_path, rungs) as served:
        ports = {str(r.replicas[0].urls["chat/completions"]) for r in served.app.fleet.rungs.values()}
        assert len(ports) == 3
        for _ in range(2):
            assert served.chat(EASY).choices[0].message.content == "of model-7B"
        alive = [process for process in served.app.fleet.rungs.values() if process.ready]
        assert len(alive) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["policy.json", "--ladder", "none.toml"], "Unknown ladder 'none.toml'"),
        (["none.json", "--ladder", "embedded"], "Can't read the policy file none.json"),
        (["policy.json", "--ladder", "embedded"], "Unknown rung '4B'"),
        (["policy.json", "--ladder", "embedded", "--host", "0.0.0.0"], "no key is asked for"),
        (["policy.json", "--ladder", "embedded", "--keys-env", "NO_SUCH_KEYS"], "holds no key"),
        (["policy.json", "--ladder", "embedded", "--deadline", "0"], "deadline_s is 0.0"),
    ],
)
def test_wrong_use_is_said_in_a_line_before_anything_starts(tmp_path, monkeypatch, capsys, words, said):
    from zeta_eval.cli import main

    RoutingPolicy.seed(SIZES).save(tmp_path / "policy.json")
    monkeypatch.chdir(tmp_path)
    assert main(["serve", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_port_that_is_taken_is_said_in_a_line(tmp_path, served):
    import dataclasses

    from zeta_eval.exceptions import InvalidInputError
    from zeta_eval.serving.settings import ServeSettings
    from zeta_eval.serving.starting import _bound

    settings = ServeSettings(policy="p.json", ladder="embedded", port=served.port)
    with pytest.raises(InvalidInputError, match=r"Can't listen at .*Address already in use.*name another --port"):
        _bound(settings).listen()
    assert dataclasses.replace(settings, host="::1").address == f"http://[::1]:{served.port}/v1"

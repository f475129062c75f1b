"""The `openai` client through a server before scripted ones: answers, streams, tools, vectors, models, errors."""

import json

import openai
import pytest
from running import EASY, HARD, SIZES, rung, running
from scripted_server import DONE, ScriptedServer, chat, pieces


def by_model(body, number):
    """Says which model answers, whole or in pieces, or as a text to go on with, or as vectors."""
    if "input" in body:
        return 200, {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]}
    if "prompt" in body:
        return 200, {"choices": [{"index": 0, "text": f"{body['prompt']}...", "finish_reason": "stop"}]}
    if body.get("stream"):
        return 200, [*pieces(f"of {body['model']}"), DONE]
    if body.get("tools"):
        call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
        return 200, chat(None, "tool_calls", tool_calls=[call])
    return 200, chat(f"of {body['model']}")


@pytest.fixture
def upstream():
    with ScriptedServer(by_model) as server:
        yield server


@pytest.fixture
def served(tmp_path, upstream):
    with running(tmp_path, [rung(s, upstream.url) for s in SIZES]) as server:
        yield server


def test_an_easy_query_goes_to_a_smaller_size_than_a_hard_one(served):
    assert served.chat(EASY).choices[0].message.content == "of model-7B"
    assert served.chat(HARD).choices[0].message.content == "of model-14B"


def test_the_response_says_size_complexity_reasons_steps_and_id(served):
    raw = served.client().chat.completions.with_raw_response.create(
        model="zeta", messages=[{"role": "user", "content": HARD}]
    )
    told = raw.parse().zeta
    assert told["size"] == told["chosen"] == raw.headers["x-zeta-size"] == "14B"
    assert told["complexity"]["score"] == float(raw.headers["x-zeta-complexity"]) > 0.5
    assert told["complexity"]["label"] == raw.headers["x-zeta-label"] == "complex"
    assert told["id"] == raw.headers["x-zeta-decision-id"] and len(told["id"]) == 32
    assert told["reasons"][0].startswith("harder than an average query")
    assert [s["size"] for s in told["steps"]] == ["14B"]


@pytest.mark.parametrize(
    ("model", "size"),
    [("zeta:best", "14B"), ("zeta:balanced", "7B"), ("zeta:cheap", "4B"), ("zeta@5", "4B"), ("zeta@0", "14B")],
)
def test_a_model_names_a_trade_off(served, model, size):
    assert served.chat(EASY, model).zeta["size"] == size


def test_a_rungs_name_asks_that_rung_without_a_choice(served):
    raw = served.client().chat.completions.with_raw_response.create(
        model="4B", messages=[{"role": "user", "content": HARD}]
    )
    answer = raw.parse()
    assert answer.choices[0].message.content == "of model-4B"
    assert answer.zeta == {"id": raw.headers["x-zeta-decision-id"], "size": "4B"} and len(answer.zeta["id"]) == 32
    (streamed,) = [c.zeta for c in served.chat(HARD, "4B", stream=True) if hasattr(c, "zeta")]
    assert streamed["size"] == "4B" and answer.zeta["id"] < streamed["id"]


def test_a_stream_comes_as_it_is_and_tells_the_routing_where_it_ends(served):
    chunks = list(served.chat(EASY, stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "of model-7B"
    assert [hasattr(c, "zeta") for c in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].zeta["size"] == "7B" and chunks[-1].choices[0].finish_reason == "stop"


def test_counts_end_a_stream_only_where_the_caller_asks_for_them(served, upstream):
    assert not any(c.usage for c in served.chat(EASY, stream=True))
    counted = list(served.chat(EASY, stream=True, stream_options={"include_usage": True}))
    assert counted[-1].usage.completion_tokens == 3 and counted[-1].choices == []
    assert all(body["stream_options"] == {"include_usage": True} for body in upstream.bodies)
    assert served.metric('zeta_tokens_total{kind="completion_tokens",size="7B"}') == 6.0


def test_tool_calls_json_mode_and_unknown_fields_reach_the_server_unchanged(served, upstream):
    tools = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]
    given = {"tools": tools, "tool_choice": "auto", "response_format": {"type": "json_object"}, "seed": 7}
    answer = served.chat(EASY, **given, extra_body={"guided_choice": ["a"]})
    assert answer.choices[0].message.tool_calls[0].function.arguments == '{"a": 1}'
    body = upstream.bodies[-1]
    assert body == given | {
        "model": "model-7B",
        "messages": [{"role": "user", "content": EASY}],
        "guided_choice": ["a"],
    }


def test_content_in_parts_and_results_of_tools_are_routed_and_passed_on(served, upstream):
    messages = [
        {"role": "system", "content": "Prove everything."},
        {"role": "user", "content": [{"type": "text", "text": EASY}]},
        {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f"}}]},
        {"role": "tool", "tool_call_id": "1", "content": "Paris"},
    ]
    served.client().chat.completions.create(model="zeta", messages=messages)
    assert upstream.bodies[-1]["messages"] == messages


@pytest.mark.parametrize(
    "messages", [[{"role": "system", "content": "Be brief."}], [{"role": "assistant", "content": "Once"}]]
)
def test_messages_that_nobody_can_judge_go_to_the_default_size(served, messages):
    answer = served.client().chat.completions.create(model="zeta", messages=messages)
    assert answer.zeta["complexity"]["label"] == "unknown" and answer.zeta["size"] == "14B"


def test_completions_are_routed_too(served):
    done = served.client().completions.create(model="zeta", prompt=EASY)
    assert done.choices[0].text == f"{EASY}..." and done.zeta["size"] == "7B"


def test_models_are_the_routed_ones_and_the_rungs(served):
    assert [m.id for m in served.client().models.list()] == ["zeta", "zeta:cheap", "zeta:balanced", "zeta:best", *SIZES]


def test_embeddings_go_to_the_rung_that_embeds(tmp_path, upstream):
    rungs = [*(rung(s, upstream.url) for s in SIZES), rung("vectors", upstream.url, role="embed")]
    with running(tmp_path, rungs) as served:
        client = served.client()
        for model in ("zeta", "vectors"):
            answer = client.embeddings.create(model=model, input="hello", encoding_format="float")
            assert answer.data[0].embedding == [0.5, 0.25]
        assert upstream.bodies[-1]["model"] == "model-vectors" and upstream.paths[-1] == "/v1/embeddings"


def test_a_chat_that_asks_for_an_embedding_gets_the_policys_model(tmp_path, upstream):
    import dataclasses

    from zeta_eval.router.policy import RoutingPolicy

    policy = dataclasses.replace(RoutingPolicy.seed(SIZES), embedding_size="vectors")
    rungs = [*(rung(s, upstream.url) for s in SIZES), rung("vectors", upstream.url, role="embed")]
    with running(tmp_path, rungs, policy) as served:
        answer = served.chat("Embed this sentence: good morning")
        assert json.loads(answer.choices[0].message.content) == [0.5, 0.25] and answer.zeta["size"] == "vectors"
        streamed = served.chat("Embed this sentence: good morning", stream=True)
        assert json.loads("".join(c.choices[0].delta.content or "" for c in streamed)) == [0.5, 0.25]


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("chat/completions", {"model": "zetta", "messages": []}, 404, "Unknown model 'zetta'. Did you mean 'zeta'?"),
        ("chat/completions", {"model": "zeta@much", "messages": []}, 400, "names no cost weight"),
        ("chat/completions", {"model": "zeta@-1", "messages": []}, 400, "names no cost weight"),
        ("chat/completions", {"messages": []}, 400, "`model` is missing"),
        ("chat/completions", {"model": "zeta", "messages": "hi"}, 400, "no list of messages"),
        ("completions", {"model": "zeta"}, 400, "`prompt` is no text"),
        ("embeddings", {"model": "zeta", "input": "hi"}, 404, "No rung of the ladder embeds"),
        ("feedback", {"id": "1", "right": True}, 404, "No history is kept here"),
        ("responses", {"model": "zeta"}, 404, "There is no POST /v1/responses here"),
        ("models", {}, 405, "There is no POST /v1/models here"),
    ],
)
def test_errors_have_openais_form(served, path, body, status, said):
    answer = served.post(f"/v1/{path}", body)
    assert answer.status_code == status and said in answer.json()["error"]["message"]
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_a_body_that_is_no_json_is_refused(served):
    import httpx

    for content in (b"{", b"[1]", b"\xff", b"[" * 100_000):
        answer = httpx.post(f"{served.url}/v1/chat/completions", content=content, trust_env=False)
        assert answer.status_code == 400 and "The body is no JSON" in answer.json()["error"]["message"]


def test_the_servers_own_refusal_of_a_request_reaches_the_caller(tmp_path):
    told = {"error": {"message": "Bad tool", "type": "invalid_request_error", "param": "tools", "code": "x"}}
    with ScriptedServer(lambda body, n: (422, told)) as up, running(tmp_path, [rung(s, up.url) for s in SIZES]) as s:
        with pytest.raises(openai.UnprocessableEntityError, match="Bad tool"):
            s.chat(EASY)
        assert len(up.bodies) == 1


def test_a_rungs_settings_are_defaults_that_the_callers_fields_win_over(tmp_path, upstream, monkeypatch):
    monkeypatch.setenv("TENANT", "blue")
    settings = {
        "system": "Be brief.",
        "temperature": 0.3,
        "top_p": 0.9,
        "max_new_tokens": 64,
        "stop": ["Q:"],
        "thinking": False,
        "extra_body": {"priority": 1, "min_p": 0.1},
        "headers_env": {"X-Tenant": "TENANT"},
    }
    with running(tmp_path, [rung(s, upstream.url, **settings) for s in SIZES]) as served:
        served.chat(EASY)
        body = upstream.bodies[-1]
        assert body["messages"][0] == {"role": "system", "content": "Be brief."}
        assert (body["temperature"], body["top_p"], body["max_tokens"], body["stop"]) == (0.3, 0.9, 64, ["Q:"])
        assert body["chat_template_kwargs"] == {"enable_thinking": False} and body["priority"] == 1
        assert upstream.headers[-1]["X-Tenant"] == "blue"
        served.chat(EASY, temperature=1.0, max_completion_tokens=9, extra_body={"priority": 2})
        body = upstream.bodies[-1]
        assert (body["temperature"], body["priority"], body["min_p"]) == (1.0, 2, 0.1)
        assert body["max_completion_tokens"] == 9 and "max_tokens" not in body


def test_a_large_request_gets_through_whole(served, upstream):
    text = EASY + " x" * 800_000
    served.chat(text)
    assert upstream.bodies[-1]["messages"][0]["content"] == text

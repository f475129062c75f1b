"""Servers as they are: what each quirk costs a rung is at most what the server does not say."""

import json
import logging

import pytest
from scripted_server import ScriptedServer, chat, pieces

import zeta_eval as ze
from zeta_eval.exceptions import HubAccessError, InvalidInputError
from zeta_eval.inference.run.runner import run
from zeta_eval.inference.server.capabilities import OPTIONAL, longest_answer
from zeta_eval.inference.server.endpoint import EndpointGenerator
from zeta_eval.models import GenerateConfig, Ladder, ModelSpec
from zeta_eval.tasks import Query, Score
from zeta_eval.tuning import TuningSettings

CONFIG = GenerateConfig(max_new_tokens=24)
DONE = "data: [DONE]\n\n"
NAMES = {"logprobs", "seed", "repeat_penalty", "chat_template_kwargs", "stream_options"}


def rung(server, **settings):
    return ModelSpec(size="A", model="m", base_url=server.url, retries=1, **settings)


def normal(body, number):
    return 200, [*pieces(), DONE] if body["stream"] else chat()


def answers(reply, *, stream=False, config=CONFIG, **settings):
    """What a server gives that settles as usual and then replies so."""
    served = []

    def script(body, number):
        if body["messages"][-1]["content"] == "Hi":
            return normal(body, number)
        served.append(body)
        return reply(body, number)

    with ScriptedServer(script) as server:
        engine = EndpointGenerator(rung(server, **settings))
        ask = engine.measure if stream else engine.generate
        return ask(["What is 2 + 2?"], config)[0], engine, served


@pytest.mark.parametrize("status", [400, 403, 404, 422, 500, 501])
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("refused", [{"logprobs"}, {"chat_template_kwargs", "seed"}, NAMES])
def test_only_what_a_server_refuses_is_left_out_whatever_its_status(status, named, refused):
    def script(body, number):
        if found := refused & set(body):
            return status, {"error": {"message": f"no {min(found)}" if named else "Bad request"}}
        return normal(body, number)

    with ScriptedServer(script) as server:
        engine = EndpointGenerator(rung(server))
        made = [*engine.generate(["What is 2 + 2?"], CONFIG), *engine.measure(["What is 2 + 3?"], CONFIG)]
        kept = set(server.bodies[-1])
    assert [a.error for a in made] == [None, None] and [a.text for a in made] == ["4", "4 and more"]
    assert NAMES - kept == refused
    assert {next(iter(OPTIONAL[name])) for name in engine.dropped} == refused


def test_a_passing_fault_drops_nothing():
    with ScriptedServer(lambda body, n: (500, {}) if n == 0 else normal(body, n)) as server:
        assert EndpointGenerator(rung(server)).dropped == set()


def test_what_a_server_refuses_behind_a_passing_fault_is_left_out_too():
    def script(body, number):
        if number < 3:
            return 503, {"error": "warming up"}
        refused = 422, {"detail": "Unexpected fields: {'repeat_penalty'}"}
        return refused if "repeat_penalty" in body else normal(body, number)

    with ScriptedServer(script) as server:
        assert EndpointGenerator(rung(server)).dropped == {"penalty"}


def test_the_longest_answer_is_asked_for_by_the_name_that_the_server_takes():
    def script(body, number):
        if "max_tokens" in body:
            said = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
            return 400, {"error": {"message": said}}
        return normal(body, number)

    with ScriptedServer(script) as server:
        engine = EndpointGenerator(rung(server))
        assert engine.generate(["What is 2 + 2?"], CONFIG)[0].text == "4"
        assert server.bodies[-1]["max_completion_tokens"] == 24 and "max_completion_tokens" in engine.how["limit"]


def test_a_server_without_a_temperature_is_asked_without_and_never_sampled():
    def script(body, number):
        if "temperature" in body:
            return 400, {"error": {"message": "Unsupported value: 'temperature' does not support 0.0"}}
        return normal(body, number)

    with ScriptedServer(script) as server:
        engine = EndpointGenerator(rung(server))
        assert engine.generate(["What is 2 + 2?"], CONFIG)[0].text == "4" and "temperature" in engine.how
        with pytest.raises(InvalidInputError, match=r"takes no temperature, and 0.7 was asked for"):
            engine.generate(["What is 2 + 2?"], GenerateConfig(temperature=0.7))


def test_a_server_that_ignores_stream_is_timed_by_its_whole_answer():
    answer, engine, _ = answers(lambda body, n: (200, chat()), stream=True)
    assert answer.text == "4" and answer.ttft_s == answer.latency_s > 0 and "stream" in engine.how


@pytest.mark.parametrize(
    "sent",
    [
        [": ping\n\n", *pieces(), DONE],
        ['event: ping\ndata: {"type": "ping"}\n\n', *pieces(), DONE],
        [{"choices": None}, *pieces(), DONE],
        [*pieces(), DONE, "data: what is this\n\n", {"choices": [{"delta": {"content": "!"}}]}],
        [*pieces(finish=None), DONE],
        [*pieces(), {"choices": [{"index": 1, "delta": {"content": "another"}, "finish_reason": "stop"}]}, DONE],
        [
            {"choices": [{"index": 0, "delta": {"content": [{"type": "text", "text": "4 and more"}]}}]},
            *pieces(""),
            DONE,
        ],
    ],
)
def test_oddities_of_a_stream_leave_its_answer_whole(sent):
    answer, _, _ = answers(lambda body, n: (200, sent), stream=True)
    assert (answer.text, answer.error, answer.prompt_tokens) == ("4 and more", None, 7)
    assert answer.latency_s >= answer.ttft_s > 0 and not answer.truncated


def test_streamed_answers_share_a_connection_whatever_comes_after_their_end():
    late = [*pieces(), DONE, {"choices": [{"delta": {"content": "!"}}]}, 0.05, ": bye\n\n"]
    with ScriptedServer(lambda body, n: (200, late) if body["stream"] else (200, chat())) as server:
        engine = EndpointGenerator(rung(server))
        before = len(server.connections)
        assert [a.text for a in engine.measure(["What is 2 + 2?"] * 5, CONFIG)] == ["4 and more"] * 5
        assert len(server.connections) - before == 1


@pytest.mark.parametrize(
    ("reply", "text", "truncated"),
    [
        (chat([{"type": "text", "text": "2 + 2 "}, {"type": "text", "text": "= 4"}]), "2 + 2 = 4", False),
        (chat("4", finish=None), "4", False),
        (chat("4", finish=None, usage=(7, 24)), "4", True),
        ({**chat("4"), "choices": [chat("4")["choices"][0], chat("5")["choices"][0] | {"index": 1}]}, "4", False),
        (chat("4", finish="length"), "4", True),
    ],
)
def test_oddities_of_a_whole_answer_leave_its_text(reply, text, truncated):
    answer, _, _ = answers(lambda body, n: (200, reply))
    assert (answer.text, answer.error, answer.truncated) == (text, None, truncated)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (chat("", finish="content_filter"), "The server's content filter held the answer back"),
        (chat(None, refusal="I can't help with that."), "The model refused: I can't help with that"),
        ({"error": {"message": "no such adapter", "code": 404}}, "HTTP 404: no such adapter"),
        ({"object": "error", "message": "no such adapter", "code": 400}, "HTTP 400: no such adapter"),
        ({"error": {"message": "overloaded"}}, "The server broke off: overloaded, after 1 retries"),
        ({"detail": "shutting down"}, "The server broke off: shutting down, after 1 retries"),
    ],
)
def test_what_is_no_answer_is_an_error_and_never_a_wrong_answer(reply, error):
    answer, _, _ = answers(lambda body, n: (200, reply))
    assert (answer.text, answer.error) == ("", error)


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("max_tokens is too large: 24. This model supports at most 9 completion tokens", 9),
        ("max_tokens: 24 > 9, which is the maximum allowed number of output tokens for m", 9),
        ("`max_tokens` must be less than or equal to `9`, the maximum value for this model", 9),
        ("Invalid max_tokens value, the valid range of max_tokens is [1, 9]", 9),
        ("This model's maximum context length is 30 tokens. However, you requested 45 (21 in the messages, 24 in", 9),
        ("'max_tokens' is too large: 24. maximum context length is 30 tokens and your request has 21 input tokens", 9),
        ("`inputs` tokens + `max_new_tokens` must be <= 30. Given: 21 `inputs` tokens and 24 `max_new_tokens`", 9),
    ],
)
def test_an_answer_that_may_not_be_so_long_is_cut_to_fit(said, asked):
    def reply(body, number):
        if body["max_tokens"] > 9:
            return 400, {"error": {"message": said}}
        return 200, chat(finish="length")

    answer, engine, served = answers(reply)
    assert (answer.text, answer.error, answer.truncated) == ("4", None, True)
    assert [body["max_tokens"] for body in served] == [24, asked]
    assert ("longest answer" in engine.how) == ("context" not in said and "inputs" not in said)


def test_a_prompt_that_leaves_no_room_is_still_too_long():
    said = "maximum context length is 30 tokens. However, your request has 31 input tokens"
    answer, _, served = answers(lambda body, n: (400, {"error": {"message": said}}))
    assert answer.error == f"HTTP 400: {said}" and len(served) == 1
    assert longest_answer("The model is overloaded: 9 of 9 workers are busy") == (None, False)


@pytest.mark.parametrize(
    "odd",
    [
        {"usage": "many"},
        {"usage": [7]},
        {"logprobs": "abc"},
        {"logprobs": {"content": "abc"}},
        {"logprobs": {"content": ["4"]}},
        {"logprobs": {"content": [{"token": "4"}]}},
        {"logprobs": {"content": [{"logprob": -1.0, "top_logprobs": {"4": -1.0, "5": -2.0}}]}},
        {"logprobs": {"content": [{"logprob": -1.0, "top_logprobs": [None, None]}]}},
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_figures_of_a_wrong_shape_are_unknown_and_cost_no_answer(odd, stream):
    def reply(body, number):
        made = pieces("4") if stream else [chat("4")]
        place = made[0]["choices"][0] if "logprobs" in odd else made[-1]
        place.update(odd)
        return 200, [*made, DONE] if stream else made[0]

    answer, *_ = answers(reply, stream=stream)
    assert (answer.error, answer.text, answer.prefill_margin) == (None, "4", None)
    assert answer.completion_tokens and answer.prompt_tokens


def test_a_redirect_to_what_is_no_address_is_the_query_s_error():
    answer, *_ = answers(lambda body, n: (307, {}, [("Location", "mailto:a@b")]))
    assert answer.error.startswith("The server sends requests on to what is no address (")


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_redirect_on_the_same_host_is_followed(code):
    def script(body, number):
        if number == 0:
            return code, {}, [("Location", "/elsewhere/chat/completions")]
        return normal(body, number)

    with ScriptedServer(script) as server:
        assert EndpointGenerator(rung(server)).generate(["What is 2 + 2?"], CONFIG)[0].text == "4"
        assert set(server.paths[1:]) == {"/elsewhere/chat/completions"}


def test_a_redirect_to_another_host_gets_no_key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with ScriptedServer(normal) as other:
        there = other.url.replace("127.0.0.1", "localhost")
        script = ScriptedServer(lambda body, n: (307, {}, [("Location", there)]))
        with script as server, pytest.raises(HubAccessError, match="sends requests on to http://localhost"):
            EndpointGenerator(rung(server))
        assert other.bodies == []
    script = ScriptedServer(lambda body, n: (307, {}, [("Location", "/v1/chat/completions")]))
    with script as server, pytest.raises(HubAccessError, match="on and on"):
        EndpointGenerator(rung(server))


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None, "completion_tokens": None}, {"prompt_tokens": -5}])
def test_tokens_that_a_server_does_not_count_are_estimated_and_said_so(usage):
    answer, engine, _ = answers(lambda body, n: (200, chat("Four, since 2 + 2 is 4.") | {"usage": usage}))
    assert (answer.prompt_tokens, answer.completion_tokens) == (4, 6) and "estimated" in engine.how["tokens"]


def test_tokens_are_counted_by_the_model_s_own_tokenizer_where_it_is_here():
    from zeta_eval.models import LADDERS

    with ScriptedServer(lambda body, n: (200, chat("QWERT", usage=None))) as server:
        spec = ModelSpec(size="A", model=str(LADDERS / "embedded" / "17K"), base_url=server.url)
        engine = EndpointGenerator(spec)
        answer = engine.generate(["Copy the letters QWERT."], CONFIG)[0]
    assert answer.completion_tokens == 5 and engine.how["tokens"].startswith("counted by the tokenizer of")


@pytest.mark.parametrize("count", [-5, 10**20, True, "7", 2.5])
def test_counts_that_can_be_none_are_unknown(count):
    answer, _, _ = answers(lambda body, n: (200, chat() | {"usage": {"prompt_tokens": count, "completion_tokens": 3}}))
    assert (answer.prompt_tokens, answer.completion_tokens, answer.error) == (4, 3, None)


@pytest.mark.parametrize("logprob", [0.5, 10**400, "x", None, float("-inf")])
def test_log_probabilities_that_can_be_none_are_unknown(logprob):
    reply = chat()
    reply["choices"][0]["logprobs"] = {"content": [{"token": "4", "logprob": logprob, "top_logprobs": []}]}
    answer, _, _ = answers(lambda body, n: (200, reply))
    assert (answer.text, answer.error, answer.mean_logprob) == ("4", None, None)


def test_the_rows_of_an_odd_server_have_a_cost_to_tune_by(tmp_path):
    def script(body, number):
        if NAMES & set(body):
            return 501, {"error": "Not implemented"}
        if body["stream"]:
            return 200, chat("yes" if number % 2 else "no", usage=None)
        return 200, chat("yes" if number % 2 else "no", usage=None, finish=None)

    queries = [
        Query(task="t", query_id=str(i), prompt=f"Is {i} odd? {'Think. ' * (i % 7)}", target="yes") for i in range(200)
    ]
    with ScriptedServer(script) as server:
        spec = rung(server, usd_per_gpu_hour=2.0)
        ladder = Ladder(
            name="odd", models=(spec, ModelSpec(size="B", model="n", base_url=server.url, usd_per_gpu_hour=9.0))
        )
        report = run(
            ladder,
            queries,
            lambda q, text: Score(float(text == q.target)),
            out=tmp_path,
            latency_sample=4,
            progress=False,
        )
    frame = report.outcomes.frame
    assert frame["error"].isna().all() and frame["cost_usd"].gt(0).all() and frame["latency_s"].gt(0).all()
    how = json.loads((tmp_path / "run.json").read_text())["sizes"]["A"]["how"]
    assert set(how) == {"stream", "tokens", "cost_usd"} and "at most 16 at once" in how["cost_usd"]
    assert ze.tune(report.outcomes, settings=TuningSettings(n_trials=2, cost="cost_usd")).policy.sizes == ("A", "B")


def test_an_hour_s_price_of_a_server_is_shared_by_tokens():
    with ScriptedServer(lambda body, n: (200, chat(usage=(10, len(body["messages"][0]["content"]))))) as server:
        spec = rung(server, usd_per_gpu_hour=3600.0, concurrency=1)
        first, second = EndpointGenerator(spec).generate(["five!", "twenty letters to go"], CONFIG)
    assert spec.cost_usd(first) == pytest.approx(first.server_s) and first.server_s > 0
    assert second.server_s / first.server_s == pytest.approx(30 / 15)


def test_prices_apart_for_tokens_in_and_out():
    with ScriptedServer(lambda body, n: (200, chat(usage=(1000, 200)))) as server:
        spec = rung(server, usd_per_mtok_in=1.0, usd_per_mtok_out=10.0)
        answer = EndpointGenerator(spec).generate(["Hello"], CONFIG)[0]
    assert spec.cost_usd(answer) == pytest.approx(0.003)


def test_settings_of_a_rung_are_in_every_request_and_headers_stay_secret(monkeypatch, caplog):
    monkeypatch.setenv("TEAM_TOKEN", "team 51/secret")
    caplog.set_level(logging.DEBUG)
    with ScriptedServer(normal) as server:
        spec = rung(
            server,
            system="Be brief.",
            thinking=512,
            temperature=0.6,
            top_p=0.9,
            max_new_tokens=2048,
            stop=["END"],
            chat_template_kwargs={"lang": "en"},
            extra_body={"provider": {"sort": "price"}},
            headers_env={"X-Team": "TEAM_TOKEN"},
        )
        EndpointGenerator(spec).generate(
            ["What is 2 + 2?"], GenerateConfig(max_new_tokens=16, stop=("Q:",), system="Act.")
        )
        body, headers = server.bodies[-1], server.headers[-1]
    wanted = {
        "messages": [{"role": "system", "content": "Be brief.\n\nAct."}, {"role": "user", "content": "What is 2 + 2?"}],
        "temperature": 0.6,
        "top_p": 0.9,
        "max_tokens": 2048,
        "stop": ["Q:", "END"],
        "chat_template_kwargs": {"enable_thinking": True, "thinking_budget": 512, "lang": "en"},
        "thinking_token_budget": 512,
        "provider": {"sort": "price"},
    }
    assert {name: body[name] for name in wanted} == wanted
    assert headers["X-Team"] == "team 51/secret" and "team 51/secret" not in caplog.text + repr(spec)


def test_what_a_rung_asks_for_by_name_is_never_dropped():
    def script(body, number):
        return (
            (400, {"error": {"message": "chat_template_kwargs is not supported"}})
            if "chat_template_kwargs" in body
            else normal(body, number)
        )

    with ScriptedServer(script) as server:
        assert EndpointGenerator(rung(server)).dropped == {"chat_template"}
        with pytest.raises(HubAccessError, match="chat_template_kwargs is not supported"):
            EndpointGenerator(rung(server, thinking=True))


@pytest.mark.parametrize("odd", [-5, 10**20, 2**64 - 1, 1.5, True, "7", [3]])
def test_a_count_of_tokens_that_can_not_be_is_unknown_and_counted_and_the_answer_stays(odd):
    reply = chat() | {"usage": {"prompt_tokens": odd, "completion_tokens": 2}}
    answer, engine, _ = answers(lambda body, number: (200, reply))
    assert answer.error is None and answer.text == "4" and answer.prompt_tokens > 0  # counted here instead
    assert engine.how["unknown"] == "figures of replies that can't be right are unknown: 1 of prompt_tokens"


@pytest.mark.parametrize("odd", [0.5, 10**400, -(10**400), "high", None])
def test_log_probabilities_that_can_not_be_are_unknown(odd):
    reply = chat()
    reply["choices"][0]["logprobs"] = {"content": [{"token": "4", "logprob": odd}]}
    answer, engine, _ = answers(lambda body, number: (200, reply))
    assert answer.text == "4" and answer.mean_logprob is None
    assert ("unknown" in engine.how) == (odd is not None)


def test_no_retry_is_claimed_that_was_not_made():
    with ScriptedServer(normal) as server:
        engine = EndpointGenerator(ModelSpec(size="A", model="m", base_url=server.url, retries=0))
        server.answer = lambda body, number: (500, {"error": "broken"})
        assert engine.generate(["Hello"], CONFIG)[0].error == "HTTP 500: broken"

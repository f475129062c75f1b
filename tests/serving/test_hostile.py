"""Callers and upstreams that mean harm, or send nonsense: nobody else waits, and no size rests for it."""

import json
import socket
import time
from types import SimpleNamespace

import httpx
import openai
import pytest
from running import EASY, SIZES, rung, running, soon
from scripted_server import DONE, ScriptedServer, chat, pieces

from zeta_eval.exceptions import InvalidInputError, masked
from zeta_eval.serving import app, exchange

BODY = {"model": "zeta", "messages": [{"role": "user", "content": EASY}]}
SIZES_READY = tuple(f'zeta_ready{{size="{size}"}}' for size in SIZES)


def answered(body, number):
    return 200, chat("fine")


@pytest.fixture
def served(tmp_path):
    with (
        ScriptedServer(answered) as up,
        running(tmp_path, [rung(s, up.url) for s in SIZES], history=str(tmp_path / "h.db")) as server,
    ):
        yield server


@pytest.mark.parametrize("text", ["x" * 100_000, "a://" * 20_000, "--" + "-" * 50_000, "a://b:" * 10_000])
def test_a_message_of_any_length_is_made_in_no_time(text):
    began_s = time.process_time()
    assert len(str(InvalidInputError(text))) <= 300
    masked(text[:20_000])
    assert time.process_time() - began_s < 5.0  # by the square of its length it would be minutes


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"model": "x" * 100_000}, 404),
        ({"stream": "yes"}, 400),
        ({"stream": 1}, 400),
        ({"messages": [{"role": "user", "content": EASY, "tool_calls": [{"function": 5}]}]}, 200),
        ({"messages": [{"role": "user", "content": "x"}] * 5000}, 200),
    ],
)
def test_an_odd_request_is_an_error_or_is_passed_on_and_no_size_rests(served, changes, status):
    for _ in range(3):
        assert served.post("/v1/chat/completions", BODY | changes).status_code == status
    assert [served.metric(line) for line in SIZES_READY] == [1.0] * 3


def test_what_a_server_lacks_besides_chats_lets_no_size_rest(tmp_path):
    def chats_alone(body, number):
        return answered(body, number) if "messages" in body else (404, {"error": {"message": "no such path"}})

    with ScriptedServer(chats_alone) as up, running(tmp_path, [rung(s, up.url) for s in SIZES]) as served:
        for _ in range(4):
            assert served.post("/v1/completions", {"model": "zeta", "prompt": EASY}).status_code == 502
            assert served.post("/v1/embeddings", {"model": "7B", "input": EASY}).status_code == 502
        assert served.chat(EASY).choices[0].message.content == "fine"


@pytest.mark.parametrize(
    "rating", [{"score": 10**400}, {"answer": 5}, {"answer": []}, {"right": 1}, {"score": "x" * 50_000}]
)
def test_a_rating_that_is_none_is_the_callers_mistake(served, rating):
    known = served.chat(EASY).zeta["id"]
    assert served.post("/v1/feedback", {"id": known, **rating}).status_code == 400
    assert served.post("/v1/feedback", {"id": "\u00e9", "right": True}).status_code == 400


@pytest.mark.parametrize("reply", [{}, None, {"choices": [None]}, {"choices": {"a": 1}}, {"choices": [{"message": 5}]}])
@pytest.mark.parametrize("stream", [False, True])
def test_a_reply_of_no_known_form_is_a_failure_of_its_server(tmp_path, reply, stream):
    def odd(body, number):
        return (200, reply) if body["model"] == "model-7B" else answered(body, number)

    with ScriptedServer(odd) as up, running(tmp_path, [rung(s, up.url) for s in SIZES]) as served:
        answer = served.chat(EASY, stream=stream)
        text = (
            "".join(c.choices[0].delta.content or "" for c in answer) if stream else answer.choices[0].message.content
        )
        assert text == "fine" and served.metric('zeta_failures_total{size="7B"}') == 1.0


def test_an_error_anywhere_in_an_event_ends_the_stream_without_its_keys(tmp_path, monkeypatch):
    monkeypatch.setenv("UPSTREAM_KEY", "sk-marker-0123456789")
    event = {"id": "1", "error": {"message": "wrong key sk-marker-0123456789"}}
    piece = {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}]}

    def breaks(body, number):
        return 200, [piece, event, DONE]

    with ScriptedServer(breaks) as up:
        rungs = [rung(s, up.url, api_key_env="UPSTREAM_KEY") for s in SIZES]
        with running(tmp_path, rungs) as served, pytest.raises(openai.APIError) as error:
            list(served.chat(EASY, stream=True))
    assert "sk-marker" not in str(error.value)


KEY = "sk-marker/0123456789"


@pytest.mark.parametrize("written", [KEY, KEY.replace("/", r"\/")])
def test_a_key_that_an_answer_repeats_reaches_no_caller(tmp_path, monkeypatch, written):
    monkeypatch.setenv("UPSTREAM_KEY", KEY)
    piece = {"choices": [{"index": 0, "delta": {"content": KEY}, "finish_reason": "stop"}]}

    def repeats(body, number):
        if "input" in body:
            return 200, {"data": [{"embedding": [1.0]}], "note": KEY}
        return 200, [piece, DONE] if body.get("stream") else chat(f"it is {KEY}")

    written_so = SimpleNamespace(loads=json.loads, dumps=lambda data: json.dumps(data).replace(KEY, written))
    monkeypatch.setattr("scripted_server.json", written_so)
    with ScriptedServer(repeats) as up:
        rungs = [rung(s, up.url, api_key_env="UPSTREAM_KEY") for s in SIZES]
        rungs.append(rung("vectors", up.url, api_key_env="UPSTREAM_KEY", role="embed"))
        with running(tmp_path, rungs) as served:
            for model in ("zeta", "7B"):
                assert served.chat(EASY, model).choices[0].message.content == "it is ***"
                (said,) = [c for c in served.chat(EASY, model, stream=True) if c.choices]
                assert said.choices[0].delta.content == "***"
            answer = served.post("/v1/embeddings", {"model": "zeta", "input": "a"}).json()
            assert answer["note"] == "***" and answer["data"] == [{"embedding": [1.0]}]


def test_a_server_that_asks_for_a_long_rest_gets_a_minute(tmp_path):
    def rests(body, number):
        return 429, {"error": {"message": "later"}}, [("Retry-After", "99999999999")]

    with ScriptedServer(rests) as up, running(tmp_path, [rung(s, up.url) for s in SIZES]) as served:
        answer = served.post("/v1/chat/completions", BODY)
        assert answer.status_code == 429 and int(answer.headers["retry-after"]) <= 60


def test_a_page_that_reaches_this_machine_by_another_name_is_refused(served):
    for origin, status in (("http://evil.example:8080", 403), ("null", 403), ("http://localhost:8888", 200)):
        assert served.post("/v1/chat/completions", BODY, headers={"Origin": origin}).status_code == status


def test_a_request_that_ends_without_a_call_lets_the_next_in_the_line_go(tmp_path):
    with (
        ScriptedServer(answered) as up,
        running(tmp_path, [rung(s, up.url, concurrency=1) for s in SIZES]) as served,
    ):
        deep = b'{"model": "7B", "messages": [{"role": "user", "content": "a"}], "x": ' + b"[" * 980 + b"]" * 980 + b"}"
        answer = httpx.post(f"{served.url}/v1/chat/completions", content=deep, trust_env=False, timeout=30)
        assert answer.status_code in (200, 400)
        assert served.chat(EASY, "7B").choices and served.metric("zeta_waiting") == 0.0


def test_a_body_that_does_not_come_is_given_up(tmp_path):
    with ScriptedServer(answered) as up, running(tmp_path, [rung(s, up.url) for s in SIZES], deadline_s=0.3) as served:
        with socket.create_connection(("127.0.0.1", served.port)) as caller:
            caller.settimeout(20)
            caller.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
            assert caller.recv(100).startswith(b"HTTP/1.1 408")
        with socket.create_connection(("127.0.0.1", served.port)) as caller:  # and one that is cut off is no failure
            caller.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        soon(lambda: served.metric("zeta_callers_left_total") == 1.0)


def received(served, parts):
    """All that the server sends on a connection, until it closes it, to a caller who sends these parts."""
    said = b""
    with socket.create_connection(("127.0.0.1", served.port)) as caller:
        caller.settimeout(20)
        try:
            for part in parts:
                caller.sendall(part)
            while more := caller.recv(65536):
                said += more
        except ConnectionError:  # it was closed while we sent
            pass
    return said


START = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    "parts",
    [
        [START, *[b"X-Many: %b\r\n" % (b"a" * 1000)] * 100, b"\r\n"],
        [START + b"".join([b"X-Many: %b\r\n" % (b"a" * 1000)] * 100) + b"\r\n"],
        [START, b"X-Long: ", *[b"a" * 10_000] * 50],
        [b"GET /", *[b"a" * 10_000] * 50],
        [START, b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n", *[b"X-After: %b\r\n" % (b"a" * 1000)] * 400],
        [START, b"Transfer-Encoding: chunked\r\n\r\n1;", *[b"a" * 10_000] * 50],
    ],
    ids=["many headers", "many at once", "one without end", "an address", "headers after the body", "notes on a chunk"],
)
def test_a_head_that_is_too_long_is_refused(served, parts):
    said = received(served, parts)
    assert not said or said.startswith(b"HTTP/1.1 431 ")
    assert served.chat(EASY).choices


def test_a_long_head_and_small_chunks_get_through(served):
    body = json.dumps(BODY).encode()
    chunks = [b"1\r\n%c\r\n" % byte for byte in body]
    head = START + b"X-Long: " + b"a" * 60_000 + b"\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert received(served, [head, *chunks, b"0\r\n\r\n"]).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("pause_s", [0.0, 0.2])
@pytest.mark.parametrize("many", [1, 3])
def test_a_request_that_asks_for_another_protocol_is_answered_in_this_one(served, caplog, pause_s, many):
    body = json.dumps(BODY).encode()
    offer = b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
    head = START + b"Connection: Upgrade, HTTP2-Settings\r\n" + offer + b"Content-Length: %d\r\n\r\n" % len(body)
    with socket.create_connection(("127.0.0.1", served.port)) as caller:
        caller.settimeout(20)
        caller.sendall((head + body) * (many - 1) + head)
        time.sleep(pause_s)
        caller.sendall(body + b"GET /nope HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        said = b"".join(iter(lambda: caller.recv(65536), b""))
    assert said.count(b"HTTP/1.1 200 ") == said.count(b'"fine"') == many and said.count(b"HTTP/1.1 404 ") == 1
    assert not caplog.records


def test_a_tunnel_is_refused(served):
    assert received(served, [b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"]).startswith(b"HTTP/1.1 400 ")


def test_a_connection_whose_body_was_too_large_and_came_whole_is_closed_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(exchange, "LINGER_S", 60.0)  # longer than `received` waits
    monkeypatch.setattr(app, "SAY_S", 60.0)
    with (
        ScriptedServer(answered) as up,
        running(tmp_path, [rung(s, up.url) for s in SIZES], max_body_mb=0.001) as served,
    ):
        chunked = START + b"Transfer-Encoding: chunked\r\n\r\n7d0\r\n" + b"a" * 2000 + b"\r\n0\r\n\r\n"
        assert received(served, [chunked]).startswith(b"HTTP/1.1 413 ")


def test_what_is_no_http_gets_an_error_in_openais_form_and_no_line_in_the_log(served, caplog):
    head, _, body = received(served, [b"\x16\x03\x01 hello\r\n\r\n"]).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ") and "no HTTP" in json.loads(body)["error"]["message"]
    assert not caplog.records


def test_of_very_many_parts_the_latest_are_judged_and_all_are_passed_on():
    from zeta_eval.serving.asked import MOST_PARTS, _query

    parts = [{"type": "text", "text": f"word {n}"} for n in range(100_000)]
    began_s = time.process_time()
    query = _query([{"role": "user", "content": "Hi"}, {"role": "user", "content": parts}, {"role": "system"}])
    assert time.process_time() - began_s < 0.2  # all of them take several times that
    assert query.splitlines()[-1] == "word 99999" and query.count("word") == MOST_PARTS
    tools = [{"role": "assistant", "tool_calls": [[1] * 10] * 10_000}, {"role": "user", "content": parts[:3]}]
    assert _query(tools).endswith("word 2")


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ((200, chat("fine"), [("Content-Encoding", "gzip")]), "its reply is compressed (gzip)"),
        ((200, [*pieces("fine"), DONE]), "it streams where a whole answer was asked for"),
    ],
)
def test_a_reply_of_another_form_is_said_as_what_it_is(tmp_path, reply, said):
    with ScriptedServer(lambda body, n: reply) as up, running(tmp_path, [rung(s, up.url) for s in SIZES]) as served:
        answer = served.post("/v1/chat/completions", BODY)
        assert answer.status_code == 502 and said in answer.json()["error"]["message"]

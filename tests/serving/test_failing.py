"""Sizes that fail, are slow or busy are passed over; callers who leave, upstreams that die, limits and deadlines."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai
import pytest
from running import EASY, HARD, SIZES, rung, running, soon
from scripted_server import DONE, ScriptedServer, chat, pieces

OTHERS = {"7B": "4B"}
"""The size that the rule takes where another can't be asked, for the easy query."""


class Faulty:
    """Answers by model: `faults` says what a size does instead of answering."""

    def __init__(self):
        self.faults = {}
        self.calls = []

    def __call__(self, body, number):
        size = body["model"].removeprefix("model-")
        self.calls.append(size)
        if (fault := self.faults.get(size)) is not None:
            return fault(body)
        if body.get("stream"):
            return 200, [*pieces(f"of {size}"), DONE]
        return 200, chat(f"of {size}")


@pytest.fixture
def faulty():
    return Faulty()


@pytest.fixture
def upstream(faulty):
    with ScriptedServer(faulty) as server:
        yield server


@pytest.fixture
def served(tmp_path, upstream):
    with running(tmp_path, [rung(s, upstream.url, timeout_s=0.3) for s in SIZES]) as server:
        yield server


def late(body):
    time.sleep(0.6)
    return 200, chat("late")


FAULTS = {
    "HTTP 500": lambda body: (500, {"error": {"message": "out of memory"}}),
    "HTTP 429": lambda body: (429, {"error": {"message": "slow down"}}),
    "HTTP 401": lambda body: (401, {"error": {"message": "no such key"}}),
    "HTTP 404": lambda body: (404, {"error": {"message": "no such model"}}),
    "HTTP 307": lambda body: (307, "", [("Location", "http://127.0.0.1:1/")]),
    "a broken connection": lambda body: (None, None),
    "no JSON": lambda body: (200, "<html>"),
    "no choices": lambda body: (200, {"error": {"message": "engine died"}}),
    "nothing in time": late,
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_size_that_fails_is_passed_over_by_the_same_rule(served, faulty, name, stream):
    faulty.faults["7B"] = FAULTS[name]
    answer = served.chat(EASY, stream=stream)
    told = [c for c in answer if hasattr(c, "zeta")][-1].zeta if stream else answer.zeta
    assert (told["chosen"], told["size"]) == ("7B", faulty.calls[-1]) and told["size"] != "7B"
    assert told["steps"][0]["size"] == "7B" and "can't be asked now" in told["steps"][0]["reason"]
    assert served.metric('zeta_failures_total{size="7B"}') == 1.0


def test_a_query_that_is_too_long_for_a_size_goes_to_a_larger_one(served, faulty):
    said = {"error": {"message": "This model's maximum context length is 10 tokens", "type": "invalid_request_error"}}
    faulty.faults["7B"] = lambda body: (400, said)
    assert served.chat(EASY).zeta["size"] == "14B"
    assert served.chat(EASY, stream=True) is not None and faulty.calls[-2:] == ["7B", "14B"]
    faulty.faults["14B"] = faulty.faults["7B"]
    with pytest.raises(openai.BadRequestError, match="maximum context length") as error:
        served.chat(EASY)
    assert error.value.code == "context_length_exceeded"


def test_where_every_size_fails_the_caller_gets_an_error_with_the_reason(served, faulty):
    faulty.faults = dict.fromkeys(SIZES, FAULTS["HTTP 500"])
    for stream in (False, True):
        with pytest.raises(openai.InternalServerError, match="out of memory") as error:
            served.chat(EASY, stream=stream)
        assert error.value.status_code == 502
    assert faulty.calls[:3] == ["7B", "4B", "14B"]


def test_where_every_size_asks_to_wait_the_caller_is_told_for_how_long(served, faulty):
    busy = lambda body: (429, {"error": {"message": "slow down"}}, [("Retry-After", "7")])  # noqa: E731
    faulty.faults = dict.fromkeys(SIZES, busy)
    with pytest.raises(openai.RateLimitError) as error:
        served.chat(EASY)
    assert int(error.value.response.headers["retry-after"]) == 7
    with pytest.raises(openai.InternalServerError) as error:  # nobody is asked before that time
        served.chat(EASY)
    assert error.value.status_code == 503 and 1 <= int(error.value.response.headers["retry-after"]) <= 7
    assert len(faulty.calls) == 3


def test_a_size_that_keeps_failing_rests_and_comes_back(served, faulty):
    faulty.faults["7B"] = FAULTS["HTTP 500"]
    for _ in range(5):
        assert served.chat(EASY).zeta["size"] != "7B"
    assert faulty.calls.count("7B") == 3
    assert served.get("/health").json()["sizes"]["7B"] == "rests after failures"
    faulty.faults.clear()
    assert soon(lambda: served.chat(EASY).zeta["size"] == "7B")
    assert served.get("/health").json()["sizes"]["7B"] == "ready"


def test_a_key_that_a_server_repeats_reaches_no_caller(tmp_path, upstream, faulty, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-123")
    faulty.faults = dict.fromkeys(SIZES, lambda body: (401, {"error": {"message": "Wrong key sk-secret-123"}}))
    with running(tmp_path, [rung(s, upstream.url) for s in SIZES]) as served:
        with pytest.raises(openai.InternalServerError) as error:
            served.chat(EASY)
        assert "sk-secret" not in error.value.response.text and "***" in error.value.response.text


def test_an_idle_connection_that_the_upstream_closed_costs_no_request(served, faulty, upstream):
    once = []

    def closes(body):
        if not once:
            once.append(1)
            return None, None
        return 200, chat("again")

    faulty.faults["7B"] = closes
    answer = served.chat(EASY)
    assert answer.zeta["size"] == "7B" and answer.choices[0].message.content == "again"
    assert faulty.calls == ["7B", "7B"]


def test_an_upstream_killed_in_mid_stream_ends_the_stream_with_an_error_and_the_next_request_goes_elsewhere(
    tmp_path, upstream, faulty
):
    script = Path(__file__).with_name("upstream_process.py")
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE)
    port = int(process.stdout.readline())
    rungs = [rung(s, f"http://127.0.0.1:{port}/v1" if s == "7B" else upstream.url) for s in SIZES]
    with running(tmp_path, rungs, history=str(tmp_path / "h.db")) as served, process:
        stream, got = served.chat(EASY, stream=True), []
        with pytest.raises(openai.APIError, match="7B broke off in its answer"):
            for chunk in stream:
                got.append(chunk)
                if len(got) == 5:
                    process.kill()
        assert len(got) >= 5
        other = served.chat(EASY)
        assert (other.zeta["chosen"], other.zeta["size"]) == ("7B", "4B")
        served.get("/health")  # an answer is noted once it is sent, before the next request
        served.app.notes.history.flush()
        rows = served.app.notes.history.frame()
        assert rows["final_size"].isna().tolist() == [True, False]


def test_a_stream_that_ends_without_an_end_or_with_an_error_is_no_answer(served, faulty):
    half = pieces("half")[:3]
    for ending in ([], [None], [{"error": {"message": "engine died"}}]):
        faulty.faults["7B"] = lambda body, ending=ending: (200, [*half, 0.3, *ending])
        with pytest.raises(openai.APIError, match="7B broke off"):
            list(served.chat(EASY, stream=True))
        faulty.faults.clear()
        served.chat(EASY)  # so that it does not rest


@pytest.mark.parametrize("after", [[0.2], [0.2, None], [30.0]])
def test_a_stream_is_over_at_its_end_mark_however_its_response_ends(tmp_path, upstream, faulty, after):
    faulty.faults["7B"] = lambda body: (200, [*pieces("four"), DONE, *after])
    with running(tmp_path, [rung(s, upstream.url) for s in SIZES], history=str(tmp_path / "h.db")) as served:
        for n in range(1, 5):  # more often than a size may fail before it rests
            chunks = list(served.chat(EASY, stream=True))  # the client closes at the end mark
            told = next(c.zeta for c in chunks if getattr(c, "zeta", None))
            assert told["size"] == "7B"
            assert served.post("/v1/feedback", {"id": told["id"], "right": True}).status_code == 200
            assert served.metric('zeta_answers_total{size="7B"}') == n
        assert served.metric("zeta_callers_left_total") == 0.0
        assert served.metric('zeta_open{size="7B"}') == 0.0
        served.app.notes.history.flush()
        assert served.app.notes.history.frame()["final_size"].tolist() == ["7B"] * 4


def test_a_caller_who_leaves_is_a_caller_who_leaves_upstream_too(served, faulty, upstream):
    faulty.faults["7B"] = lambda body: (200, [x for p in pieces("a" * 500) for x in (0.02, p)])
    stream = served.chat(EASY, stream=True)
    next(iter(stream))
    stream.close()
    assert upstream.left.wait(5)
    assert soon(lambda: served.metric("zeta_callers_left_total") == 1.0)
    assert served.metric('zeta_open{size="7B"}') == 0.0


def test_a_caller_who_leaves_before_a_whole_answer_frees_its_place(tmp_path, upstream, faulty):
    asked = threading.Event()

    def slow(body):
        asked.set()
        time.sleep(1.0)
        return 200, chat("late")

    faulty.faults["7B"] = slow
    with running(tmp_path, [rung(s, upstream.url) for s in SIZES]) as served:
        with pytest.raises(openai.APITimeoutError):
            served.client(timeout=0.3).chat.completions.create(
                model="zeta", messages=[{"role": "user", "content": EASY}]
            )
        assert asked.is_set()
        assert soon(lambda: served.metric("zeta_callers_left_total") == 1.0)
        assert served.metric('zeta_open{size="7B"}') == 0.0
        assert served.get("/health").json()["sizes"]["7B"] == "ready"


def test_sizes_at_their_concurrency_are_passed_over_then_requests_wait_then_get_429(tmp_path, upstream, faulty):
    gate = threading.Event()

    def waits(body):
        gate.wait(10)
        return 200, chat(f"of {body['model']}")

    faulty.faults = dict.fromkeys(SIZES, waits)
    rungs = [rung(s, upstream.url, concurrency=1) for s in SIZES]
    with running(tmp_path, rungs, queue=2) as served, ThreadPoolExecutor(8) as pool:
        first = []
        for n in range(3):
            first.append(pool.submit(served.chat, EASY))
            soon(lambda n=n: len(faulty.calls) == n + 1)
        assert sorted(faulty.calls) == sorted(SIZES)
        waiting = [pool.submit(served.chat, EASY) for _ in range(2)]
        soon(lambda: served.metric("zeta_waiting") == 2.0)
        with pytest.raises(openai.RateLimitError, match="2 requests wait already") as error:
            served.chat(EASY)
        assert error.value.response.headers["retry-after"] == "1"
        gate.set()
        assert {f.result().zeta["size"] for f in first} == set(SIZES)
        assert all(f.result().choices for f in waiting)
        assert served.metric("zeta_waiting") == 0.0


def test_a_request_that_waits_and_whose_caller_leaves_gives_up_its_place(tmp_path, upstream, faulty):
    gate = threading.Event()
    faulty.faults = dict.fromkeys(SIZES, lambda body: (gate.wait(10) and None) or (200, chat("done")))
    with (
        running(tmp_path, [rung(s, upstream.url, concurrency=1) for s in SIZES], queue=1) as served,
        ThreadPoolExecutor(8) as pool,
    ):
        for n in range(3):
            pool.submit(served.chat, EASY)
            soon(lambda n=n: len(faulty.calls) == n + 1)
        with pytest.raises(openai.APITimeoutError):
            served.client(timeout=0.2).chat.completions.create(
                model="zeta", messages=[{"role": "user", "content": EASY}]
            )
        assert soon(lambda: served.metric("zeta_waiting") == 0.0) is True
        gate.set()


def test_an_answer_that_is_not_there_by_the_deadline_is_an_error_and_cancelled(tmp_path, upstream, faulty):
    faulty.faults = dict.fromkeys(SIZES, lambda body: time.sleep(1.5) or (200, chat("late")))
    with running(tmp_path, [rung(s, upstream.url) for s in SIZES], deadline_s=30) as served:
        with pytest.raises(openai.InternalServerError, match=r"No whole answer within 0\.2 s") as error:
            served.chat(EASY, extra_headers={"x-zeta-deadline-s": "0.2"})
        assert error.value.status_code == 504
        assert served.metric('zeta_open{size="7B"}') == 0.0
        with pytest.raises(openai.BadRequestError, match="give a number of seconds above 0"):
            served.chat(EASY, extra_headers={"x-zeta-deadline-s": "soon"})


def test_a_rung_that_the_caller_names_is_not_replaced(served, faulty):
    faulty.faults["4B"] = FAULTS["HTTP 500"]
    for stream in (False, True):
        with pytest.raises(openai.InternalServerError, match="4B gives no answer: HTTP 500: out of memory"):
            list(served.chat(HARD, "4B", stream=stream))
    assert set(faulty.calls) == {"4B"}


def test_several_servers_of_a_rung_share_its_requests_and_stand_in_for_each_other(tmp_path, upstream, unused_port):
    dead = f"http://127.0.0.1:{unused_port}/v1"
    with running(tmp_path, [rung(s, [dead, upstream.url]) for s in SIZES]) as served:
        assert [served.chat(EASY).zeta["size"] for _ in range(8)] == ["7B"] * 8

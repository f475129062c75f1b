"""The load of the serving benchmarks: its upstream, its client, and how it tells answers from errors."""

import asyncio
import json
import threading
from collections import Counter

import pytest

pytest.importorskip("uvloop")
pytest.importorskip("httptools")

from load.client import Client, Reply, chat
from load.patterns import closed_loop, open_loop
from load.upstream import FAULTS, PIECES, Script, _serve
from serving_faults import heard, memory, number_of, numbered


@pytest.fixture
def upstream(request):
    """The port of a scripted upstream with that share of faults, in a thread of its own."""
    script, ready, found = Script(getattr(request, "param", 0.0), 0), threading.Event(), []
    loop = asyncio.new_event_loop()
    task = loop.create_task(_serve(script, 0, lambda port: (found.append(port), ready.set())))

    def serve():
        asyncio.set_event_loop(loop)
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)

    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(10)
    yield found[0], script
    loop.call_soon_threadsafe(task.cancel)
    thread.join()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


@pytest.mark.parametrize("stream", [False, True])
def test_connections_that_ask_without_a_pause_get_whole_replies(upstream, stream):
    asked = [chat("Hi", "m", stream=stream)]
    replies = asyncio.run(closed_loop(upstream[0], asked, connections=3, seconds=0.2))
    assert len(replies) >= 3
    assert {heard(reply) for reply in replies} == {"answer"}
    assert all(reply.sent < reply.first <= reply.done for reply in replies)
    if stream:
        assert {bytes(reply.body).count(b"word") for reply in replies} == {PIECES}


def test_arrivals_at_a_rate_have_the_numbers_in_their_order_and_times_since_they_were_due(upstream):
    seen = []
    load = open_loop(upstream[0], numbered("m"), rate=100, seconds=0.5, seed=0, note=lambda q, r: seen.append((q, r)))
    asyncio.run(load)
    assert sorted(number_of(request.decode()) for request, _ in seen) == list(range(len(seen)))
    assert 20 < len(seen) < 100
    assert upstream[1].counts["requests"] == len(seen)


@pytest.mark.parametrize("upstream", [1.0], indirect=True)
def test_a_faulty_upstream_gives_every_fault_and_the_client_none_for_an_answer(upstream):
    async def ask():
        kinds = Counter()
        for n in range(60):
            client = Client(upstream[0])
            kinds[heard(await client.ask(chat("Hi", "m", stream=n % 2 == 0)))] += 1
            client.close()
        return kinds

    kinds, counts = asyncio.run(ask()), upstream[1].counts
    assert set(counts) == {"requests", *FAULTS}
    assert kinds["answer"] == counts["slow"]
    assert kinds["error"] == counts["error 500"] + counts["error 429"]
    assert kinds["200 with no answer"] == counts["garbage"]


@pytest.mark.parametrize(
    "status, body, kind",
    [
        (200, b'{"choices": [{"message": {"content": "4"}}]}', "answer"),
        (200, b'{"choices": []}', "200 with no answer"),
        (502, b'{"error": {"message": "m", "type": "t", "code": null, "param": null}}', "error"),
        (502, b"Bad Gateway", "neither: HTTP 502, whole"),
    ],
)
def test_what_a_caller_got_is_told_apart(status, body, kind):
    reply = Reply(sent=0.0, status=status, body=bytearray(body), whole=True)
    reply.headers["content-type"] = "application/json"
    assert heard(reply) == kind


def test_an_event_with_an_error_ends_a_stream_as_an_error():
    events = b"data: {}\n\ndata: " + json.dumps({"error": dict.fromkeys(("message", "type", "code", "param"))}).encode()
    reply = Reply(sent=0.0, status=200, body=bytearray(events + b"\n\n"), whole=True)
    reply.headers["content-type"] = "text/event-stream"
    assert heard(reply) == "error in a stream"
    reply.whole = False
    assert heard(reply) == "neither: HTTP 200, cut off"


def test_memory_growth_is_from_the_second_tenth_to_the_last():
    assert memory([50.0, *[100.0] * 18, 120.0])["memory growth"] == pytest.approx(0.1)

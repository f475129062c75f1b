"""What is looked for in the bytes of a stream."""

import itertools
import json

import pytest

from zeta_eval.serving.sse import _NOTABLE, DONE, BrokenStreamError, Relay, _may_be_notable

PARTS = (
    *(b'"finish_reason"', b'"usage"', b'"error"', b'"object"', b"[DONE]", b"data:", b"null", b'"stop"', b"{", b"}"),
    *(b":", b": ", b" : ", b"\n", b"\n\n", b" ", b'\\"usage\\"', b"word"),
)


def test_the_quick_look_misses_nothing_that_the_slow_one_finds():
    texts = [b"".join(parts) for n in range(5) for parts in itertools.product(PARTS, repeat=n)]
    found = [text for text in texts if _NOTABLE.search(text) is not None]
    assert len(found) > 100
    assert [text for text in found if not _may_be_notable(text)] == []


def test_pieces_with_empty_names_pass_as_they_came_and_the_end_gets_the_field():
    piece = b'data: {"choices":[{"delta":{"content":"\\"usage\\": {"},"finish_reason":null}],"usage": null}\n\n'
    assert not _may_be_notable(piece)
    relay = Relay(lambda: b'{"size":"4B"}', drops_usage=True)
    assert relay.feed(piece) == piece
    end = relay.feed(b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n' + DONE)
    assert end.startswith(b'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"zeta":{"size":"4B"}}\n\n')
    assert relay.end() == b"" and relay.ended


def relayed(*chunks, drops_usage=True):
    relay = Relay(lambda: b'{"size":"4B"}', drops_usage=drops_usage)
    return b"".join([*map(relay.feed, chunks), relay.end()])


def lines(data):
    return [json.loads(line[5:]) for line in data.decode().split("\n") if line.startswith("data: {")]


FINISH = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'


def test_an_error_that_is_null_is_none_wherever_it_stands():
    first = b'data: {"error": null, "choices":[{"delta":{"content":"a"},"finish_reason":null}]}\n\n'
    assert relayed(first, FINISH, DONE).startswith(first)
    for bad in (b'{"error": {"message": "engine died"}}', b'{"object": "error", "message": "no"}', b'{"error": half'):
        with pytest.raises(BrokenStreamError):
            relayed(b"data: " + bad + b"\n\n")


def test_only_a_reason_of_a_choice_ends_an_answer():
    for reason in (b'{"delta":{"content":"a"},"finish_reason":""}', b'{"delta":{"x":{"finish_reason":"stop"}}}'):
        with pytest.raises(BrokenStreamError, match="half-way"):
            relayed(b'data: {"choices":[' + reason + b"]}\n\n")
    whole = relayed(b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":""}]}\n\n', FINISH, DONE)
    assert [line.get("zeta") for line in lines(whole)] == [None, {"size": "4B"}]


def test_an_answer_of_which_no_event_says_why_it_ended_gets_the_field_before_its_end():
    piece = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
    told = relayed(piece, DONE)
    assert told.startswith(piece) and told.endswith(DONE)
    assert lines(told)[1] == {"choices": [], "zeta": {"size": "4B"}}
    split = b'data: {"choices":\ndata: [{"delta":{},"finish_reason":"stop"}]}\n\n'  # one event on two lines
    assert relayed(split, DONE).startswith(split) and relayed(split, DONE).count(b'"zeta"') == 1


def test_what_follows_the_end_is_left_out_and_the_end_is_a_whole_event():
    after = b'data: {"error": {"message": "too late"}}\n\n'
    assert relayed(FINISH, DONE + after).endswith(b"}\n\n" + DONE)
    assert relayed(FINISH, b"data: [DONE]\n").endswith(b"}\n\n" + DONE)
    assert relayed(b"\xef\xbb\xbf" + FINISH, DONE).startswith(b'data: {"choices"')

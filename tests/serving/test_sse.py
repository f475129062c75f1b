"""What is looked for in the bytes of a stream."""

import itertools

from zeta_eval.serving.sse import _NOTABLE, DONE, Relay, _may_be_notable

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

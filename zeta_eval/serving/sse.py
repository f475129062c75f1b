"""Streams of server-sent events: passed on as bytes, with a field added where the answer ends."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from zeta_eval.inference.server.failures import reason_of

LONGEST_LINE: Final = 2**22
"""Most bytes of a line of a stream."""
DONE: Final = b"data: [DONE]\n\n"
"""The event that ends a stream."""

_NOTABLE: Final = re.compile(
    rb'"finish_reason"\s*:\s*"[^"]|"usage"\s*:\s*\{|"error"\s*:\s*[{"]|^data:\s*\[DONE\]|^data:\s*\{"(?:error|object"\s*:\s*"error)"',
    re.MULTILINE,
)
"""What is looked for in a stream; in the texts of JSON the quotes would stand behind backslashes."""
_FINISH: Final = re.compile(rb'"finish_reason"\s*:\s*"[^"]')
_BOM: Final = b"\xef\xbb\xbf"
_NAMES: Final = (b'"finish_reason"', b'"usage"')
_NULL: Final = (b":null", b": null")


def _may_be_notable(data: bytes) -> bool:
    """Whether bytes may hold what is looked for: quicker than to look, and true too often rather than too seldom.

    Most events hold these names with null.
    """
    if b"[DONE]" in data or b'"error"' in data:
        return True
    for name in _NAMES:
        at = data.find(name)
        while at >= 0:
            at += len(name)
            if not data.startswith(_NULL, at):
                return True
            at = data.find(name, at)
    return False


class BrokenStreamError(Exception):
    """A stream that holds an error, or ends half-way."""


def spliced(data: bytes, field: bytes) -> bytes:
    """A JSON object with the field "zeta" at its end, without reading it.

    >>> spliced(b'{"a": 1}', b'{"size": "4B"}')
    b'{"a": 1,"zeta":{"size": "4B"}}'
    """
    body = data.rstrip()
    if not body.endswith(b"}"):
        return data
    comma = b"" if body[:-1].rstrip().endswith(b"{") else b","
    return b'%b%b"zeta":%b}' % (body[:-1], comma, field)


def event(data: Any) -> bytes:
    """An event that holds JSON data."""
    return b"data: %b\n\n" % json.dumps(data).encode()


class Relay:
    """Passes the bytes of one stream on, line by line."""

    __slots__ = ("_drops_usage", "_field", "_rest", "ended", "finish", "first_s", "usage")

    def __init__(self, field: Callable[[], bytes], *, drops_usage: bool) -> None:
        """Add `field()` to the event that ends the answer; counts that the caller did not ask for are taken out."""
        self._field: Callable[[], bytes] | None = field
        self._drops_usage, self._rest = drops_usage, b""
        self.usage: Mapping[str, Any] = {}
        """Counts of tokens, as the server gives them."""
        self.ended = False
        """Whether the stream says that it is over."""
        self.finish: bool = False
        """Whether the answer says why it ended."""
        self.first_s: float | None = None
        """Clock time of the first bytes, in seconds."""

    def feed(self, chunk: bytes) -> bytes:
        """The whole lines that can be passed on once these bytes have come; what follows the end is left out.

        Raises:
            BrokenStreamError: the server says that it failed.
        """
        if self.first_s is None:
            self.first_s, chunk = time.perf_counter(), chunk.removeprefix(_BOM)
        data = self._rest + chunk if self._rest else chunk
        cut = data.rfind(b"\n") + 1
        self._rest, data = data[cut:], data[:cut]
        if len(self._rest) > LONGEST_LINE:
            raise BrokenStreamError(f"a line of its stream has more than {LONGEST_LINE} bytes")
        if not _may_be_notable(data) or (found := _NOTABLE.search(data)) is None:
            return data
        start = data.rfind(b"\n", 0, found.start()) + 1
        told = data[:start] + b"\n".join(map(self._line, data[start:].split(b"\n")))
        return told.rstrip(b"\r\n") + b"\n\n" if self.ended else told

    def end(self) -> bytes:
        """What is left at the end.

        Raises:
            BrokenStreamError: the answer is half.
        """
        rest = self._line(self._rest) if self._rest else b""
        self._rest = b""
        if not (self.ended or self.finish):
            raise BrokenStreamError("the answer ends half-way")
        return rest

    def _line(self, line: bytes) -> bytes:
        if self.ended:
            return line if not line.strip() else b""
        if not _may_be_notable(line) or _NOTABLE.search(line) is None or not line.startswith(b"data:"):
            return line
        data = line[5:].strip()
        if data == b"[DONE]":
            self.ended = True
            return line if self._field is None else self._last() + line
        if _is_error(data):
            raise BrokenStreamError(reason_of(data.decode(errors="replace")) or "the server broke off")
        if b'"usage"' in data and self._counts(data) and self._drops_usage:
            return b""
        if _FINISH.search(data) and _finishes(data):
            self.finish = True
            if self._field is not None:
                data, self._field = spliced(data, self._field()), None
                return b"data: " + data
        return line

    def _last(self) -> bytes:
        """An event with the field alone, for an answer of which no event says why it ended."""
        assert self._field is not None
        field, self._field = self._field(), None
        return b"data: %b\n\n" % spliced(b'{"choices": []}', field)

    def _counts(self, data: bytes) -> bool:
        """Read the counts of an event, and tell whether it holds nothing else."""
        try:
            read = json.loads(data)
        except ValueError:
            return False
        if not isinstance(read, dict):
            return False
        self.usage = read["usage"] if isinstance(read.get("usage"), dict) else self.usage
        return not read.get("choices")


def _is_error(data: bytes) -> bool:
    """Whether an event is an error, wherever in it that stands."""
    if b'"error"' not in data:
        return False
    try:
        read = json.loads(data)
    except (ValueError, RecursionError):
        return data.startswith(b'{"error"')
    return isinstance(read, dict) and (bool(read.get("error")) or read.get("object") == "error")


def _finishes(data: bytes) -> bool:
    """Whether an event says of a choice why it ended."""
    try:
        choices = json.loads(data)["choices"]
        return any(choice.get("finish_reason") for choice in choices)
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return False


def events_of(data: Mapping[str, Any], field: bytes, *, usage: bool, kind: str) -> bytes:
    """A whole answer as the events of a stream: its text, why it ended, counts where they are asked for, the end."""
    head = {k: data[k] for k in ("id", "created", "model", "system_fingerprint") if k in data}
    head["object"] = "chat.completion.chunk" if kind == "chat" else "text_completion"
    made = []
    choices = data.get("choices") or []
    for choice in choices:
        made.append(event({**head, "choices": [_piece(choice, kind) | {"finish_reason": None}]}))
    for n, choice in enumerate(choices):
        said: dict[str, Any] = {"delta": {}} if kind == "chat" else {"text": ""}
        last = {"index": choice.get("index", 0), "finish_reason": choice.get("finish_reason") or "stop", **said}
        ending = json.dumps({**head, "choices": [last]}).encode()
        made.append(b"data: %b\n\n" % (spliced(ending, field) if n + 1 == len(choices) else ending))
    if usage:
        made.append(event({**head, "choices": [], "usage": data.get("usage")}))
    return b"".join([*made, DONE])


def _piece(choice: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The whole text of a choice as one piece."""
    kept = {k: choice[k] for k in ("index", "logprobs") if k in choice}
    if kind != "chat":
        return {**kept, "text": choice.get("text", "")}
    delta = dict(choice.get("message") or {})
    if calls := delta.get("tool_calls"):
        delta["tool_calls"] = [{"index": i} | dict(call) for i, call in enumerate(calls)]
    return {**kept, "delta": delta}

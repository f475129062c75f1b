"""A server's answer as it arrives: whole or in pieces, in the forms that servers really send."""

import json
import math
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from zeta_eval.inference.server.failures import Fault, Refusal, reason_of, without_halves
from zeta_eval.models import Completion

THOUGHT = ("reasoning_content", "reasoning")
"""Names that servers give to the reasoning before an answer."""

LEAST_LOGPROB = 1e6
"""Log-probabilities below minus this are none."""

DONE = "[DONE]"
"""The piece that ends a streamed answer; what comes after it is no part of the answer."""

MOST_TOKENS = 2**31
"""A count of tokens from which on it is no count: it becomes unknown."""


async def whole(chunks: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    """The only piece of an answer that isn't streamed, from its bytes."""
    yield json.loads(b"".join([chunk async for chunk in chunks]))


async def events(chunks: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    """Pieces of a streamed answer up to `DONE`, from the bytes of its server-sent events.

    Lines end at line feeds alone: JSON may hold the other characters that Python takes for a line's end.
    """
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if data := _data(line):
                yield data if data == DONE else json.loads(data)
    if data := _data(rest):
        yield data if data == DONE else json.loads(data)


def _data(line: bytes) -> bytes | str:
    """The data in a line of an event stream; empty for comments and other fields, `DONE` for the end mark."""
    data = line.removeprefix(b"data:").strip()
    if not line.startswith(b"data:"):
        return b""
    return DONE if data == DONE.encode() else data


@dataclass(kw_only=True, slots=True)
class Reply:
    """A server's answer as far as it has arrived; an answer of a wrong shape raises Python's own error.

    Figures beside the answer that are of a wrong shape (counts, log-probabilities) are unknown, and cost no answer.
    """

    began_s: float
    """Clock time of the request, in seconds."""
    text: str = ""
    """The answer so far."""
    thought: str = ""
    """Reasoning that has come apart from the answer."""
    thinks: bool = False
    """Whether such reasoning has come, even the empty one of a chat template."""
    finish: str | None = None
    """Why it ended; None while it goes on, or where the server does not say."""
    ended: bool = False
    """Whether it has come to its end: a whole answer, or the end mark of a streamed one."""
    refusal: str = ""
    """What the model says where its server tells a refusal apart from an answer."""
    usage: Mapping[str, Any] = field(default_factory=dict)
    """Tokens read and written, as the server counts them."""
    tokens: list[Any] = field(default_factory=list)
    """Each written token with its log-probability, where the server gives them."""
    ttft_s: float | None = None
    """Time from the request to the first token, in seconds."""
    latency_s: float | None = None
    """Time from the request to the last token, in seconds."""
    odd: Counter[str] = field(default_factory=Counter)
    """Figures beside the answer that can't be right, by name; they are unknown."""

    def add(self, data: Any) -> None:
        """Add a whole answer, or the next piece of a streamed one, at the moment it arrives.

        Pieces that hold no answer (pings, counts of tokens alone) add nothing to it. Of several answers the first
        counts.
        """
        now_s = perf_counter() - self.began_s
        if data == DONE:
            self.ended = True
            return
        self.usage = _mapping(data.get("usage")) or self.usage
        for choice in (data.get("choices") or [])[:1]:
            if choice.get("index"):  # another answer than the first
                continue
            part = choice.get("delta") or choice.get("message") or {}
            written = self._take(part)
            self.tokens += _list(_mapping(choice.get("logprobs")).get("content"))
            self.finish = choice.get("finish_reason") or self.finish
            self.ended |= "message" in choice  # whole, whatever the reason
            if choice.get("finish_reason") or written:
                self.ttft_s = now_s if self.ttft_s is None else self.ttft_s
                self.latency_s = now_s

    def _take(self, part: Mapping[str, Any]) -> bool:
        """Add the text of a piece, and tell whether the piece has a token in it.

        Pieces that only name the role, or hold the empty reasoning of a template that turns thinking off, have none.
        """
        thought = "".join(_joined(part.get(name)) for name in THOUGHT)
        said = _joined(part.get("content"))
        self.thinks |= bool(thought)
        self.thought += thought
        self.refusal += str(part.get("refusal") or "")
        if self.thinks and not self.text:
            said = said.lstrip()  # blank lines after a thought set it off, and are no part of the answer
        self.text += said
        return bool(
            thought.strip() or said or any(v for k, v in part.items() if k not in ("role", "content", *THOUGHT))
        )

    def completion(self, stop: Sequence[str], *, timed: bool, limit: int = MOST_TOKENS) -> Completion:
        """The finished answer up to the first stop text, with latencies or without.

        `limit` are the most tokens that were asked for, which tells a cut answer where the server gives no reason.

        Raises:
            Fault: it isn't finished, or empty without a reason.
            Refusal: the server or the model refused to answer.
        """
        if self.finish in ("abort", "error") or not (self.finish or self.ended):
            raise Fault("The answer ends half-way")
        if self.finish == "content_filter":
            raise Refusal("The server's content filter held the answer back", status=400, body="")
        if self.refusal and not self.text:
            raise Refusal(f"The model refused: {reason_of(self.refusal)}", status=400, body="")
        return self.as_it_stands(stop, timed=timed, limit=limit)

    def as_it_stands(self, stop: Sequence[str] = (), *, timed: bool = False, limit: int = MOST_TOKENS) -> Completion:
        """The answer up to the first stop text, whatever ended it; arguments as in `completion`."""
        cuts = [at for s in stop if (at := self.text.find(s)) >= 0]
        logprobs = self._logprobs(self.tokens)
        written = self._count("completion_tokens") or len(self.tokens) or None
        return Completion(
            text=without_halves(self.text[: min(cuts, default=None)]),
            prompt_tokens=self._count("prompt_tokens"),
            completion_tokens=written,
            mean_logprob=sum(logprobs) / len(logprobs) if logprobs else None,
            min_logprob=min(logprobs, default=None),
            prefill_margin=self._margin(),
            latency_s=self.latency_s if timed else None,
            ttft_s=self.ttft_s if timed else None,
            truncated=self.finish == "length" or (self.finish is None and (written or 0) >= limit),
        )

    def _count(self, name: str) -> int | None:
        """A count of tokens; None where the server gives none, or what can't be one."""
        value = self.usage.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST_TOKENS:
            return value
        self.odd[name] += value is not None
        return None

    def _margin(self) -> float | None:
        """Probability of the likeliest first token minus that of the second; None where they are not given."""
        top = self._logprobs(_list(_mapping(self.tokens[0]).get("top_logprobs")) if self.tokens else [])
        if len(top) < 2:
            return None
        first, second = sorted(map(math.exp, top), reverse=True)[:2]
        return min(1.0, first) - min(1.0, second)

    def _logprobs(self, tokens: Sequence[Any]) -> list[float]:
        """Log-probabilities of tokens, or an empty list where one of them is none; rounding may lift them over 0."""
        found = [_mapping(t).get("logprob") for t in tokens]
        known = [float(v) for v in found if isinstance(v, int | float) and -LEAST_LOGPROB < v < 1e-3]
        if len(known) == len(found):  # NaN and infinities fail
            return [min(0.0, v) for v in known]
        self.odd["logprobs"] += any(v is not None for v in found)
        return []


def _joined(content: Any) -> str:
    """The text of a content, which may be given in parts."""
    if isinstance(content, list):
        return "".join(_joined(part.get("text") if isinstance(part, Mapping) else part) for part in content)
    if isinstance(content, Mapping):
        return _joined(content.get("text"))
    return content if isinstance(content, str) else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    """The value where it is a list, else an empty one."""
    return value if isinstance(value, list) else []

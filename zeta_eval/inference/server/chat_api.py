"""The chat completions API of OpenAI-compatible servers: what is sent, what comes back, how it fails. No network here.

Reference: https://platform.openai.com/docs/api-reference/chat, as vLLM, SGLang, TGI, llama.cpp and Ollama serve it.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from zeta_eval.models import Completion, GenerateConfig

OPTIONAL: Mapping[str, Mapping[str, Any]] = {
    "logprobs": {"logprobs": True, "top_logprobs": 2},
    "seed": {"seed": 0},
    "chat_template": {"chat_template_kwargs": {"enable_thinking": False}},
    "stream_options": {"stream_options": {"include_usage": True}},
}
"""Parameters that a server may refuse, by the word that its refusal says."""

THOUGHT = ("reasoning_content", "reasoning")
"""What servers call the part of an answer that is thought, not said."""

TEXT_LENGTH = 300
"""Longest reason that is kept of what a server says, in characters."""


class Fault(Exception):
    """A request that failed and may be made again: 429, 5xx, a timeout, a dropped connection, half an answer."""

    def __init__(self, reason: str, *, wait_s: float = 0.0, everywhere: bool = False) -> None:
        """Say why, how long the server asks to wait, and whether every other query would fail just so."""
        super().__init__(reason)
        self.wait_s = wait_s
        self.everywhere = everywhere


class AbsentError(Fault):
    """Nobody answers at the address."""


class Refusal(Exception):
    """A request that the server doesn't take, however often it is made."""

    def __init__(self, reason: str, *, status: int, body: str) -> None:
        """Say why, in one line, with the HTTP status and all that the server said."""
        super().__init__(reason)
        self.status = status
        self.body = body


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One answer that is asked for."""

    prompt: str
    """The user's message."""
    config: GenerateConfig
    """How it is answered."""
    stream: bool = False
    """Whether it comes piece by piece, and is timed."""
    on_text: Callable[[str], None] | None = None
    """Told the answer so far."""


def chat_url(base_url: str) -> str:
    """Where chat completions are asked for; an address without a path gets the usual /v1."""
    base = base_url.rstrip("/")
    return f"{base}{'' if urlsplit(base).path else '/v1'}/chat/completions"


def request(model: str, call: Call, extras: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Body of a request for a greedy answer, with optional parameters."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": call.prompt}],
        "temperature": 0,
        "max_tokens": call.config.max_new_tokens,
        "stream": call.stream,
    }
    if call.config.stop:
        body["stop"] = list(call.config.stop)
    for extra in extras:
        body |= extra
    return body


def failure(status: int, body: str, retry_after: str | None, *, secret: str = "") -> Fault | Refusal:
    """What an HTTP status other than 200 means for a request; `secret` is left out of the reason."""
    reason = f"HTTP {status}: {reason_of(body, secret=secret) or 'no reason given'}"
    if status == 429:
        return Fault(reason, wait_s=wait_of(retry_after), everywhere=True)
    if status >= 500 or status == 408:
        return Fault(reason, wait_s=wait_of(retry_after))
    return Refusal(reason, status=status, body=body)


def reason_of(body: str, *, secret: str = "") -> str:
    """One line of what a server says of an error, in any of the usual JSON forms, HTML or plain text.

    A `secret` that it says is not repeated.
    """
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = re.sub(r"<[^>]*>", " ", body)
    for key in ("error", "detail", "message", "msg"):
        said = said[0] if isinstance(said, list) and said else said
        said = said.get(key) or said if isinstance(said, dict) else said
    line = " ".join(_text(str(said)).split())
    return (line.replace(secret, "***") if secret else line)[:TEXT_LENGTH].rstrip(". ")


def wait_of(retry_after: str | None) -> float:
    """Seconds that a Retry-After header (seconds, or a date) asks to wait; 0 where it says nothing."""
    try:
        wait_s = float(retry_after or 0)
    except ValueError:
        try:
            date = parsedate_to_datetime(str(retry_after))
        except ValueError:
            return 0.0
        wait_s = (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return max(0.0, wait_s) if math.isfinite(wait_s) else 0.0


async def whole(chunks: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    """An answer that isn't streamed, from its bytes, as the only piece.

    Raises:
        ValueError: it is no JSON.
    """
    yield json.loads(b"".join([chunk async for chunk in chunks]))


async def events(chunks: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    """Pieces of a streamed answer, from the bytes of its server-sent events.

    Lines end at line feeds alone: JSON may hold the other characters that Python takes for a line's end.

    Raises:
        ValueError: a piece that is no JSON.
    """
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if data := _data(line):
                yield json.loads(data)
    if data := _data(rest):
        yield json.loads(data)


def _data(line: bytes) -> bytes:
    """What a line of an event stream carries; nothing for comments, other fields and the end mark."""
    data = line.removeprefix(b"data:").strip()
    return data if line.startswith(b"data:") and data != b"[DONE]" else b""


@dataclass(kw_only=True, slots=True)
class Reply:
    """What a server has answered so far; wrong shapes raise the error that Python raises for them."""

    began_s: float
    """Clock time of the request, in seconds."""
    text: str = ""
    """The answer so far."""
    thought: bool = False
    """Whether thought has come apart from the answer, if only the template's own empty one."""
    finish: str | None = None
    """Why it ended; None while it goes on."""
    usage: Mapping[str, Any] = field(default_factory=dict)
    """Tokens read and written, as the server counts them."""
    tokens: list[Mapping[str, Any]] = field(default_factory=list)
    """Each written token with its log-probability, where the server gives them."""
    ttft_s: float | None = None
    """Time from the request to the first token, in seconds."""
    latency_s: float | None = None
    """Time from the request to the last token, in seconds."""

    def add(self, data: Mapping[str, Any]) -> None:
        """Take in a whole answer, or the next piece of a streamed one, as it arrives."""
        now_s = time.perf_counter() - self.began_s
        self.usage = data.get("usage") or self.usage
        for choice in data["choices"]:
            part = choice.get("delta") or choice.get("message") or {}
            written = self._take(part)
            self.tokens += (choice.get("logprobs") or {}).get("content") or []
            self.finish = choice.get("finish_reason") or self.finish
            if choice.get("finish_reason") or written:
                self.ttft_s = now_s if self.ttft_s is None else self.ttft_s
                self.latency_s = now_s

    def _take(self, part: Mapping[str, Any]) -> bool:
        """Take in a piece's text; whether it carries a token.

        Those that only name the role, or the empty thought by which a template turns thinking off, come before any.
        """
        thought = "".join(str(part.get(name) or "") for name in THOUGHT)
        said = part.get("content") or ""
        self.thought |= bool(thought)
        if self.thought and not self.text:
            said = said.lstrip()  # blank lines after a thought set it off, and are no part of the answer
        self.text += said
        return bool(
            thought.strip() or said or any(v for k, v in part.items() if k not in ("role", "content", *THOUGHT))
        )

    def completion(self, stop: Sequence[str], *, timed: bool) -> Completion:
        """The finished answer up to the first stop text, with latencies or without.

        Raises:
            Fault: the answer is not finished.
        """
        if self.finish in (None, "abort", "error"):
            raise Fault("The answer ends half-way")
        cuts = [at for s in stop if (at := self.text.find(s)) >= 0]
        logprobs = _numbers(t["logprob"] for t in self.tokens)
        return Completion(
            text=_text(self.text[: min(cuts, default=None)]),
            prompt_tokens=_count(self.usage.get("prompt_tokens")),
            completion_tokens=_count(self.usage.get("completion_tokens")) or len(self.tokens) or None,
            mean_logprob=sum(logprobs) / len(logprobs) if logprobs else None,
            min_logprob=min(logprobs, default=None),
            prefill_margin=_margin(self.tokens),
            latency_s=self.latency_s if timed else None,
            ttft_s=self.ttft_s if timed else None,
            truncated=self.finish == "length",
        )


def _margin(tokens: Sequence[Mapping[str, Any]]) -> float | None:
    """Probability of the likeliest first token minus that of the second; None where they are not given."""
    top = _numbers(t["logprob"] for t in (tokens[0].get("top_logprobs") or [] if tokens else []))
    if len(top) < 2:
        return None
    first, second = sorted(map(math.exp, top), reverse=True)[:2]
    return min(1.0, first) - min(1.0, second)


def _numbers(values: Iterable[Any]) -> list[float]:
    """Values, or none at all where one is no finite number."""
    found = list(values)
    return found if all(isinstance(v, int | float) and math.isfinite(v) for v in found) else []


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _text(text: str) -> str:
    """Text that can be written as UTF-8: a token may be half of a character."""
    return text.encode(errors="replace").decode()

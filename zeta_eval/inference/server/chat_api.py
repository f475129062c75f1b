"""The chat completions API of OpenAI-compatible servers: requests, answers and failures as data, without network.

Reference: https://platform.openai.com/docs/api-reference/chat, as vLLM, SGLang, TGI, llama.cpp and Ollama serve it.
"""

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
from zeta_eval.outcomes.too_long import is_too_long
from zeta_eval.router.complexity import messages_of
from zeta_eval.tasks.asked import Asked

OPTIONAL: Mapping[str, Mapping[str, Any]] = {
    "logprobs": {"logprobs": True, "top_logprobs": 2},
    "seed": {"seed": 0},
    "chat_template": {"chat_template_kwargs": {"enable_thinking": False}},
    "stream_options": {"stream_options": {"include_usage": True}},
}
"""Request parameters that some servers refuse, by the word with which a refusal names them."""

CONTEXT = ("max_model_len", "n_ctx", "context_length", "context_window")
"""What lists of models call the context that is served: vLLM and SGLang, llama.cpp, OpenRouter, Groq."""

THOUGHT = ("reasoning_content", "reasoning")
"""Names that servers give to the reasoning before an answer."""

TEXT_LENGTH = 300
"""Longest reason for a failure that is kept, in characters."""


class Fault(Exception):
    """A request that failed but may succeed when it is made again: HTTP 429 or 5xx, a timeout, a dropped connection."""

    def __init__(self, reason: str, *, wait_s: float = 0.0, everywhere: bool = False) -> None:
        """Give the reason, how long the server asks to wait, and whether every other query would fail the same way."""
        super().__init__(reason)
        self.wait_s = wait_s
        self.everywhere = everywhere


class AbsentError(Fault):
    """No server answers at the address."""


class Refusal(Exception):
    """A request that the server rejects, and would reject again."""

    def __init__(self, reason: str, *, status: int, body: str) -> None:
        """Give the reason in one line, with the HTTP status and the server's whole reply."""
        super().__init__(reason)
        self.status = status
        self.body = body


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request for an answer."""

    prompt: str | Asked
    """The user's message, a `Conversation` with all turns, or what is asked word for word in turns."""
    config: GenerateConfig
    """How it is answered."""
    stream: bool = False
    """Whether the answer comes piece by piece, and is timed."""
    on_text: Callable[[str], None] | None = None
    """Called with the answer so far."""


def chat_url(base_url: str) -> str:
    """Address of the chat completions of a server; a base address without a path gets the usual /v1."""
    base = base_url.rstrip("/")
    return f"{base}{'' if urlsplit(base).path else '/v1'}/chat/completions"


def models_url(base_url: str) -> str:
    """Address where a server lists its models."""
    return chat_url(base_url).replace("/chat/completions", "/models")


def context_of(listed: Any, model: str) -> int | None:
    """Context of a model, in tokens, from a server's list of models; None where the list does not say."""
    models = listed.get("data") if isinstance(listed, dict) else None
    for entry in models if isinstance(models, list) else []:
        if isinstance(entry, dict) and entry.get("id") == model:
            told = entry | (entry["meta"] if isinstance(entry.get("meta"), dict) else {})
            found = next((told[n] for n in CONTEXT if isinstance(told.get(n), int) and told[n] > 1), None)
            return found
    return None


def request(model: str, call: Call, extras: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Body of a request for an answer, with optional parameters."""
    body: dict[str, Any] = {
        "model": model,
        "messages": _messages(call),
        "temperature": call.config.temperature,
        "max_tokens": call.config.max_new_tokens,
        "stream": call.stream,
    }
    if call.config.stop:
        body["stop"] = list(call.config.stop)
    for extra in extras:
        body |= extra
    if "seed" in body:
        body["seed"] = call.config.seed
    return body


def _messages(call: Call) -> list[dict[str, Any]]:
    """The messages of a request."""
    if isinstance(call.prompt, Asked):
        return [{"role": role, "content": text} for role, text in call.prompt.chat[0].turns]
    return messages_of(call.prompt, call.config.system)


def failure(status: int, body: str, retry_after: str | None, *, secret: str = "") -> Fault | Refusal:
    """The error that an HTTP status other than 200 stands for; `secret` is left out of the reason."""
    reason = f"HTTP {status}: {reason_of(body, secret=secret) or 'no reason given'}"
    if is_too_long(reason):  # some servers send 500 for it
        return Refusal(reason, status=400, body=body)
    if status == 429:
        return Fault(reason, wait_s=wait_of(retry_after), everywhere=True)
    if status >= 500 or status == 408:
        return Fault(reason, wait_s=wait_of(retry_after))
    return Refusal(reason, status=status, body=body)


def reason_of(body: str, *, secret: str = "") -> str:
    """A server's reason for an error in one line, from any of the usual JSON forms, HTML or text, without `secret`."""
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
    """The only piece of an answer that isn't streamed, from its bytes."""
    yield json.loads(b"".join([chunk async for chunk in chunks]))


async def events(chunks: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    """Pieces of a streamed answer, from the bytes of its server-sent events.

    Lines end at line feeds alone: JSON may hold the other characters that Python takes for a line's end.
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
    """The data in a line of an event stream; empty for comments, other fields and the end mark."""
    data = line.removeprefix(b"data:").strip()
    return data if line.startswith(b"data:") and data != b"[DONE]" else b""


@dataclass(kw_only=True, slots=True)
class Reply:
    """A server's answer as far as it has arrived; data of a wrong shape raises Python's own error."""

    began_s: float
    """Clock time of the request, in seconds."""
    text: str = ""
    """The answer so far."""
    thought: bool = False
    """Whether reasoning has come apart from the answer, even the empty one of a chat template."""
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
        """Add a whole answer, or the next piece of a streamed one, at the moment it arrives."""
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
        """Add the text of a piece, and tell whether the piece has a token in it.

        Pieces that only name the role, or hold the empty reasoning of a template that turns thinking off, have none.
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
        """The finished answer up to the first stop text, with latencies or without; a Fault if it isn't finished."""
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
    """The values, or an empty list where one of them is no finite number."""
    found = list(values)
    return found if all(isinstance(v, int | float) and math.isfinite(v) for v in found) else []


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _text(text: str) -> str:
    """The text without halves of characters, which a token may hold and UTF-8 can't."""
    return text.encode(errors="replace").decode()

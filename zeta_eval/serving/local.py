"""Rungs whose weights this process loads: they answer one request after the other, on a thread of their own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import perf_counter
from typing import Any, Final
from uuid import uuid4

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.inference.run.residency import EnginePool
from zeta_eval.inference.run.runner import default_engine
from zeta_eval.models import Completion, GenerateConfig, Ladder, ModelSpec
from zeta_eval.router.too_long import is_too_long
from zeta_eval.serving.asked import Asked
from zeta_eval.serving.errors import ApiError, PassedOverError, TooLongError, UnableError
from zeta_eval.serving.rung import Rung, Whole
from zeta_eval.serving.sse import DONE, event, spliced
from zeta_eval.serving.vectors import whole_of

UNKNOWN: Final = ("tools", "functions", "response_format", "logit_bias", "logprobs")
"""Parameters that the engine of this process has no use for, and must not pass over."""
PLAIN: Final = {"type": "text"}
"""The response format that every answer has."""


def local_rungs(ladder: Ladder, specs: Sequence[ModelSpec], freed: Callable[[], None]) -> Mapping[str, Rung]:
    """Load the weights of rungs that fit the memory together, and return all of them by size."""
    plain = [replace(spec, temperature=None, max_new_tokens=None) for spec in specs]  # a caller's settings win
    writers = EnginePool([spec for spec in plain if spec.role == "generate"], default_engine)
    readers = EnginePool([spec for spec in plain if spec.role == "embed"], default_engine)
    writers.load()
    thread = ThreadPoolExecutor(1, thread_name_prefix="zeta-engine")
    pools = {"generate": writers, "embed": readers}
    return {s.size: LocalRung(s, pools[s.role], thread, ladder.max_new_tokens, freed) for s in specs}


class LocalRung:
    """One rung of this process; all of them share one thread."""

    rest_s = 0.0

    def __init__(
        self, spec: ModelSpec, engines: EnginePool, thread: ThreadPoolExecutor, limit: int, freed: Callable[[], None]
    ) -> None:
        """Take a rung, the engines, and the longest answer of the ladder in tokens."""
        self.spec, self.open = spec, 0
        self._engines, self._thread, self._limit, self._freed = engines, thread, limit, freed

    @property
    def full(self) -> bool:
        """Whether as many requests wait as it takes."""
        return self.open >= self.spec.concurrency

    @property
    def ready(self) -> bool:
        """Whether it can be asked now."""
        return not self.full

    async def whole(self, asked: Asked, *, logprobs: bool = False) -> Whole:
        """Answer a request whole; see `Rung`."""
        config = self._config(asked)
        answer = _given(await self._worked(lambda engine: engine.generate([asked.query], config)[0]))
        data = self._data(asked, answer)
        return Whole(raw=json.dumps(data).encode(), data=data, completion=answer)

    async def pieces(self, asked: Asked, field: Callable[[], bytes]) -> AsyncIterator[bytes | Completion]:
        """Answer a request as the events of a stream; see `Rung`."""
        config, loop = self._config(asked), asyncio.get_running_loop()
        texts: asyncio.Queue[str | None] = asyncio.Queue()
        left, began_s = list[bool](), perf_counter()

        def on_text(text: str) -> None:
            if left:
                raise KeyboardInterrupt  # the caller is gone; this ends the generation
            loop.call_soon_threadsafe(texts.put_nowait, text)

        def write(engine: Any) -> Completion:
            try:
                found: Completion = engine.stream(asked.query, config, on_text)
                return found
            except KeyboardInterrupt:
                return Completion(text="", error="the caller left")
            finally:
                loop.call_soon_threadsafe(texts.put_nowait, None)

        task = asyncio.ensure_future(self._worked(write))
        task.add_done_callback(lambda _: texts.put_nowait(None))
        head, given = self._head(asked), ""
        try:
            while (text := await texts.get()) is not None:
                if text.startswith(given) and len(text) > len(given):
                    yield event({**head, "choices": [_piece(asked, text[len(given) :])]})
                    given = text
            answer = _given(await task)
            if rest := answer.text.removeprefix(given):
                yield event({**head, "choices": [_piece(asked, rest)]})
            ending = {**head, "choices": [_piece(asked, "") | {"finish_reason": _finish(answer)}]}
            yield b"data: %b\n\n" % spliced(json.dumps(ending).encode(), field())
            if asked.wants_usage:
                yield event({**head, "choices": [], "usage": _usage(answer)})
            yield DONE
            yield replace(answer, latency_s=perf_counter() - began_s)
        finally:
            left.append(True)
            if not task.done():
                with contextlib.suppress(Exception):
                    await asyncio.shield(task)

    async def embeddings(self, body: dict[str, Any]) -> bytes:
        """Answer a request for embeddings; see `Rung`."""
        texts = [body["input"]] if isinstance(body.get("input"), str) else body.get("input")
        if not (isinstance(texts, list) and texts and all(isinstance(t, str) for t in texts)):
            raise ApiError(400, "`input` is no text and no list of texts; give one of them.", param="input")
        if body.get("encoding_format") == "base64":
            vectors = [_base64(v) for v in await self._worked(lambda engine: engine.embed(texts))]
        else:
            vectors = (await self._worked(lambda engine: engine.embed(texts))).tolist()
        data = [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)]
        usage = {"prompt_tokens": 0, "total_tokens": 0}
        return json.dumps({"object": "list", "data": data, "model": self.spec.size, "usage": usage}).encode()

    async def _worked(self, work: Callable[[Any], Any]) -> Any:
        """What work makes with the rung's engine, on the engines' thread."""
        if self.full:
            raise PassedOverError(f"{self.open} requests are open, and it takes no more", busy=True)
        self.open += 1
        try:
            run = asyncio.get_running_loop().run_in_executor
            return await run(self._thread, lambda: work(self._engines.engine(self.spec.size)))
        finally:
            self.open -= 1
            self._freed()

    def _config(self, asked: Asked) -> GenerateConfig:
        """How a request wants to be answered, by the rung's settings where it does not say."""
        body, spec = asked.body, self.spec
        if (given := _beyond(body)) is not None:
            raise UnableError(f"{spec.size} runs in this process and takes no {given[1]}.", param=given[0])
        limit = body.get("max_completion_tokens") or body.get("max_tokens") or spec.max_new_tokens or self._limit
        stop = body.get("stop") or ()
        temperature = body.get("temperature")
        try:
            return GenerateConfig(
                max_new_tokens=limit,
                temperature=(spec.temperature or 0.0) if temperature is None else temperature,
                seed=body.get("seed") or 0,
                stop=(stop,) if isinstance(stop, str) else tuple(stop),
            )
        except (InvalidInputError, TypeError) as e:
            raise ApiError(400, str(e)) from e

    def _head(self, asked: Asked) -> dict[str, Any]:
        kind = "chat.completion.chunk" if asked.kind == "chat" else "text_completion"
        return {"id": f"zeta-{uuid4().hex}", "object": kind, "created": int(time.time()), "model": self.spec.size}

    def _data(self, asked: Asked, answer: Completion) -> dict[str, Any]:
        made = whole_of(answer.text, self.spec.size, _usage(answer), kind=asked.kind, finish=_finish(answer))
        return made | {"id": f"zeta-{uuid4().hex}"}


def _beyond(body: Mapping[str, Any]) -> tuple[str, str] | None:
    """What a request asks for that the engine can't do: the parameter, and how to call it; None where there is none."""
    for name in UNKNOWN:
        if body.get(name) and not (name == "response_format" and body[name] == PLAIN):
            return name, f"`{name}`"
    if body.get("n") not in (None, 1):
        return "n", "`n`"
    if any(_has_more(message.get("content")) for message in body.get("messages") or ()):
        return "messages", "content that is no text"
    return None


def _has_more(content: Any) -> bool:
    """Whether a message's content holds parts that are no text."""
    parts = content if isinstance(content, list) else ()
    return any(not isinstance(part, dict) or part.get("type", "text") != "text" for part in parts)


def _piece(asked: Asked, text: str) -> dict[str, Any]:
    said = {"delta": {"role": "assistant", "content": text}} if asked.kind == "chat" else {"text": text}
    return {"index": 0, "finish_reason": None, **said}


def _given(answer: Completion) -> Completion:
    """An answer that is one; raises why there is none."""
    if answer.error is None:
        return answer
    raise TooLongError(answer.error) if is_too_long(answer.error) else PassedOverError(answer.error)


def _finish(answer: Completion) -> str:
    return "length" if answer.truncated else "stop"


def _usage(answer: Completion) -> dict[str, int]:
    read, written = answer.prompt_tokens or 0, answer.completion_tokens or 0
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _base64(vector: Any) -> str:
    import base64

    return base64.b64encode(vector.astype("<f4").tobytes()).decode()

"""`EndpointGenerator`: asks a model behind an OpenAI-compatible server (vLLM, SGLang, TGI, llama.cpp, Ollama)."""

import asyncio
import json
import logging
import os
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from queue import SimpleQueue
from typing import TypeVar

import httpx
from anyio.from_thread import start_blocking_portal

from zeta_eval.exceptions import GenerationError, HubAccessError, InvalidInputError, ZetaError
from zeta_eval.inference.server import chat_api
from zeta_eval.inference.server.chat_api import OPTIONAL, AbsentError, Call, Fault, Refusal, Reply, reason_of
from zeta_eval.models import API_KEY_ENV, Completion, GenerateConfig, ModelSpec
from zeta_eval.tasks.asked import Asked

_log = logging.getLogger(__name__)

T = TypeVar("T")

ROUNDS = 16
"""Queries per batch as a multiple of `concurrency`: large batches keep the server busy, a crash loses one batch."""
CONNECT_S = 10.0
"""Longest time to connect, in seconds."""
BACKOFF_S, MAX_BACKOFF_S = 0.5, 60.0
"""First and longest wait before a request is made again, in seconds; each is twice the one before, less some jitter."""
MAX_WAIT_S = 600.0
"""Longest wait that a server may ask for by Retry-After, in seconds; beyond it the run stops and can be resumed."""
OUTAGE = 16
"""Queries in a row that fail in spite of all retries before the server counts as broken, not the queries."""
ONE_TOKEN = GenerateConfig(max_new_tokens=1)
"""Settings of the request that finds out what the server takes."""


class EndpointGenerator:
    """Answers prompts with a model behind a server, many requests at once.

    The server applies its chat template, with thinking off where it takes the setting. Latencies are known for
    `measure` and `stream` only, the accelerator's time never. A server that refuses log-probabilities or another
    optional parameter is asked without it. The key is read from the environment for each call and stored nowhere.
    """

    verbatim = True
    """Whether the engine can be asked word for word: in turns of a conversation."""

    def __init__(self, spec: ModelSpec) -> None:
        """Ask the server for one token, to find out whether it answers and which parameters it takes."""
        if spec.base_url is None:
            raise InvalidInputError(f"Rung '{spec.size}' has no base_url; give one that a server serves.")
        self.size = spec.size
        self.batch_size = ROUNDS * spec.concurrency
        """Queries per append of a benchmark."""
        self.dropped: set[str] = set()
        """Optional parameters that the server refuses."""
        self._spec = spec
        try:
            self._url = httpx.URL(chat_api.chat_url(spec.base_url))
        except httpx.InvalidURL as e:
            raise InvalidInputError(f"Rung '{spec.size}' has base_url {spec.base_url!r}, no address ({e}).") from e
        self._tls = httpx.create_ssl_context()
        self._extras = {True: dict(OPTIONAL), False: {k: v for k, v in OPTIONAL.items() if k != "stream_options"}}
        self._random = random.Random()  # jitter; leaves the caller's random numbers alone
        self._reached = False  # whether the server has answered anything yet
        self._streams = False  # whether a streamed answer has been asked for
        self.context = spec.context
        """Most tokens of a prompt and its answer; None where neither the ladder nor the server says."""
        self._failed = 0  # queries that failed since the last that didn't
        self._run(self._first)

    def generate(self, prompts: Sequence[str | Asked], config: GenerateConfig) -> list[Completion]:
        """Answer prompts in their order, `concurrency` at once; one that fails gives a Completion with `error`."""

        async def at_once() -> list[Completion]:
            todo, answers = iter(enumerate(prompts)), dict[int, Completion]()

            async def worker() -> None:
                # A client each: one pool of many connections looks through all of them for every request.
                async with self._client() as client:
                    for i, prompt in todo:
                        answers[i] = await self._answer(client, Call(prompt=prompt, config=config))

            workers = [asyncio.create_task(worker()) for _ in range(min(self._spec.concurrency, len(prompts)))]
            try:
                await asyncio.gather(*workers)
            finally:
                for task in workers:
                    task.cancel()
            return [answers[i] for i in range(len(prompts))]

        return self._run(at_once)

    def measure(self, prompts: Sequence[str | Asked], config: GenerateConfig) -> list[Completion]:
        """Answer prompts one by one over a warm connection, with latency_s and ttft_s of each.

        Both run from the request that succeeded to the arrival of the first and the last token, network included.
        """

        async def one_by_one() -> list[Completion]:
            async with self._client() as client:
                # Warms up with a prompt of its own: the server would keep what it has read of a measured one.
                await self._settle(client, stream=True)
                return [await self._answer(client, Call(prompt=p, config=config, stream=True)) for p in prompts]

        return self._run(one_by_one) if prompts else []

    def stream(self, prompt: str, config: GenerateConfig, on_text: Callable[[str], None]) -> Completion:
        """Answer one prompt with latency_s and ttft_s; `on_text` gets the answer so far.

        Whatever `on_text` raises ends the generation; any failure gives a Completion with `error`.
        """
        texts: SimpleQueue[str | None] = SimpleQueue()
        call = Call(prompt=prompt, config=config, stream=True, on_text=texts.put)

        async def answer() -> Completion:
            try:
                async with self._client() as client:
                    if not self._streams:
                        await self._settle(client, stream=True)
                    return await self._answer(client, call)
            except ZetaError as e:
                return Completion(text="", error=str(e))

        with start_blocking_portal() as portal:
            made = portal.start_task_soon(answer)
            made.add_done_callback(lambda _: texts.put(None))
            while (text := texts.get()) is not None:
                on_text(text)
            return made.result()

    def close(self) -> None:
        """Do nothing: connections live as long as a call."""

    def _run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do asynchronous work on another thread (a notebook's own has a loop already); Ctrl-C ends it at once."""
        with start_blocking_portal() as portal:
            return portal.call(work)

    def _client(self) -> httpx.AsyncClient:
        # The time of a whole try is limited, not that of each read: a server that trickles would never end.
        timeout = httpx.Timeout(None, connect=min(CONNECT_S, self._spec.timeout_s))
        headers = {"Content-Type": "application/json"}
        if key := self._key():
            headers["Authorization"] = f"Bearer {key}"
        return httpx.AsyncClient(headers=headers, timeout=timeout, verify=self._tls)

    async def _first(self) -> None:
        """Find out which parameters the server takes, and how much the model can hold."""
        async with self._client() as client:
            await self._settle(client, stream=False)
            if self.context is None:
                self.context = await self._listed(client)

    async def _listed(self, client: httpx.AsyncClient) -> int | None:
        """Context of the model by the server's own list; None where it has none, or no list."""
        try:
            async with asyncio.timeout(min(self._spec.timeout_s, CONNECT_S)):
                response = await client.get(chat_api.models_url(str(self._spec.base_url)))
            return chat_api.context_of(response.json(), self._spec.model) if response.status_code == 200 else None
        except (TimeoutError, httpx.HTTPError, ValueError, RecursionError):
            return None

    def _key(self) -> str:
        """The server's key, or nothing."""
        name = self._spec.api_key_env
        key = os.environ.get(name, "").strip()
        if not key and name != API_KEY_ENV:
            raise InvalidInputError(
                f"Environment variable {name}, the api_key_env of rung '{self.size}', is not set; export the key in it."
            )
        if not key.isascii() or not key.isprintable() or " " in key:
            raise InvalidInputError(f"Environment variable {name} holds no key: it has blanks or odd characters.")
        return key

    async def _settle(self, client: httpx.AsyncClient, *, stream: bool) -> None:
        """Ask for one token until the server takes the request, dropping optional parameters that it refuses."""
        extras, refused = self._extras[stream], set[str]()
        where = f"Server {self._spec.base_url} of rung '{self.size}'"
        while True:
            try:
                await self._ask(client, Call(prompt="Hi", config=ONE_TOKEN, stream=stream))
            except Refusal as e:
                named = [name for name in extras if name in e.body] or list(extras)
                if e.status not in (400, 422) or not named:
                    raise HubAccessError(
                        f"{where} refuses to answer for model '{self._spec.model}' ({e}). Check `base_url`, `model` "
                        f"and the key in environment variable {self._spec.api_key_env}."
                    ) from e
                refused |= {name for name in named if extras.pop(name)}
            except Fault as e:
                mend = f"Start it, or mend `base_url` or `model` ('{self._spec.model}') in the ladder."
                raise HubAccessError(f"{where} can't be used ({e}). {mend}") from e
            else:
                break
        if new := refused - self.dropped:
            _log.warning("%s refuses the parameters %s; going on without", where, ", ".join(sorted(new)))
            self.dropped |= new
        self._streams |= stream

    async def _answer(self, client: httpx.AsyncClient, call: Call) -> Completion:
        """Answer a prompt; one that is refused, or fails alone, gives a Completion with `error`."""
        try:
            answer = await self._ask(client, call)
        except Refusal as e:
            if e.status != 401:
                return Completion(text="", error=str(e))
            reason = str(e)
        except Fault as e:
            self._failed += 1
            reason = f"{e}, after {self._spec.retries} retries"
            if not e.everywhere and self._failed < OUTAGE:
                return Completion(text="", error=reason)
        else:
            self._failed = 0
            return answer
        raise GenerationError(
            f"Server {self._spec.base_url} of rung '{self.size}' gives no more answers ({reason}). Mend that and start "
            "again; finished rows are kept."
        )

    async def _ask(self, client: httpx.AsyncClient, call: Call) -> Completion:
        """Ask until an answer is whole."""
        body = chat_api.request(self._spec.model, call, self._extras[call.stream].values())
        content, tried = json.dumps(body).encode(), 0
        while True:
            try:
                return await self._try(client, call, content)
            except Fault as e:
                unreached = isinstance(e, AbsentError) and not self._reached
                if tried == self._spec.retries or unreached or e.wait_s > MAX_WAIT_S:
                    raise
                wait_s = e.wait_s + min(MAX_BACKOFF_S, BACKOFF_S * 2**tried) * self._random.uniform(0.5, 1)
                _log.info("%s: %s; asking again in %.1f s", self.size, e, wait_s)
            await asyncio.sleep(wait_s)
            tried += 1

    async def _try(self, client: httpx.AsyncClient, call: Call, content: bytes) -> Completion:
        """Make one request."""
        reply = Reply(began_s=time.perf_counter())
        try:
            async with (
                asyncio.timeout(self._spec.timeout_s),
                client.stream("POST", self._url, content=content) as response,
            ):
                self._reached = True
                if response.status_code != 200:
                    said = (await response.aread()).decode(errors="replace")
                    wait = response.headers.get("Retry-After")
                    raise chat_api.failure(response.status_code, said, wait, secret=self._key())
                async for piece in (chat_api.events if call.stream else chat_api.whole)(response.aiter_bytes()):
                    if broken := piece.get("error"):
                        raise Fault(f"The server broke off: {reason_of(json.dumps(broken), secret=self._key())}")
                    reply.add(piece)
                    if call.on_text is not None:
                        call.on_text(reply.text)
                return reply.completion(call.config.stop, timed=call.stream)
        except TimeoutError as e:
            raise Fault(f"No whole answer within {self._spec.timeout_s:g} s") from e
        except (httpx.ConnectError, httpx.ConnectTimeout) as e:
            raise AbsentError(f"No connection: {reason_of(str(e)) or type(e).__name__}", everywhere=True) from e
        except httpx.RequestError as e:
            raise Fault(f"The connection broke: {reason_of(str(e)) or type(e).__name__}") from e
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
            raise Fault("The answer is half or no chat completion") from e

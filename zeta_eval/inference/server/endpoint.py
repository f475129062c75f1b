"""`EndpointGenerator`: asks a model behind an OpenAI-compatible server (vLLM, SGLang, TGI, llama.cpp, Ollama)."""

import asyncio
import json
import logging
import os
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from queue import SimpleQueue
from typing import Any, TypeVar

import httpx
from anyio.from_thread import start_blocking_portal

from zeta_eval.exceptions import GenerationError, HubAccessError, InvalidInputError, ZetaError
from zeta_eval.inference.server import chat_api
from zeta_eval.inference.server.capabilities import Capabilities
from zeta_eval.inference.server.chat_api import Call
from zeta_eval.inference.server.failures import AbsentError, Fault, Refusal, failure, reason_of, told_error
from zeta_eval.inference.server.replicas import Replica, Replicas
from zeta_eval.inference.server.reply import Reply, events, whole
from zeta_eval.inference.server.usage import TokenCounter
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
REDIRECTS = 3
"""Most addresses that a server may send a request on to, one after the other."""


class Secrets:
    """Keys and headers of a rung, read from the environment each time and written nowhere."""

    def __init__(self, spec: ModelSpec) -> None:
        """Take the names of the variables."""
        self._spec = spec

    def headers(self) -> dict[str, str]:
        """Headers of every request: the key, and those that the ladder takes from the environment.

        Raises:
            InvalidInputError: a variable is not set, or holds what can't be sent.
        """
        headers = {"Content-Type": "application/json"}
        if key := self._read(self._spec.api_key_env, "the api_key_env", optional=API_KEY_ENV):
            headers["Authorization"] = f"Bearer {key}"
        for header, variable in self._spec.headers_env.items():
            headers[header] = self._read(variable, f"{header} in headers_env")
        return headers

    def masked(self, text: str) -> str:
        """The text of a server without keys that it may have repeated."""
        for name in (self._spec.api_key_env, *self._spec.headers_env.values()):
            if secret := os.environ.get(name, "").strip():
                text = text.replace(secret, "***").replace(json.dumps(secret)[1:-1], "***")
        return text

    def _read(self, variable: str, role: str, *, optional: str = "") -> str:
        """What an environment variable holds; nothing where it is not set and need not be."""
        text = os.environ.get(variable, "").strip()
        if not text and variable != optional:
            raise InvalidInputError(
                f"Environment variable {variable}, {role} of rung '{self._spec.size}', is not set; export the key in "
                "it."
            )
        if not text.isascii() or not text.isprintable() or (" " in text and role == "the api_key_env"):
            raise InvalidInputError(f"Environment variable {variable} holds no key: it has blanks or odd characters.")
        return text


class EndpointGenerator:
    """Answers prompts with a model behind a server, many requests at once.

    The server applies its chat template, with thinking off where it takes the setting and the rung asks for nothing
    else. Latencies are known for `measure` and `stream` only, the accelerator's time never. What a server refuses of
    the optional is left out, what it does not say is counted here or stays unknown; `how` says so. Keys are read from
    the environment for each call and stored nowhere.
    """

    verbatim = True
    """Whether the engine can be asked word for word: in turns of a conversation."""

    def __init__(self, spec: ModelSpec) -> None:
        """Ask the server for one token, to find out whether it answers and which parameters it takes."""
        if not spec.addresses:
            raise InvalidInputError(f"Rung '{spec.size}' has no base_url; give one that a server serves.")
        self.size = spec.size
        self.batch_size = ROUNDS * spec.concurrency
        """Queries per append of a benchmark."""
        self._spec = spec
        self._where = f"Server {' or '.join(spec.addresses)} of rung '{spec.size}'"
        try:
            urls = [(base_url, httpx.URL(chat_api.chat_url(base_url))) for base_url in spec.addresses]
        except httpx.InvalidURL as e:
            raise InvalidInputError(f"Rung '{spec.size}' has base_url {spec.base_url!r}, no address ({e}).") from e
        self._replicas = Replicas(urls)
        self._tls = httpx.create_ssl_context()
        self._taken = Capabilities()
        if "chat_template_kwargs" in chat_api.demanded(spec):  # asked for by name, so no longer optional
            self._taken.forget("chat_template")
        self._counter = TokenCounter(spec.model)
        self._secrets = Secrets(spec)
        self._random = random.Random()  # jitter; leaves the caller's random numbers alone
        self._reached = False  # whether the server has answered anything yet
        self._settled: set[bool] = set()  # whether whole and streamed answers have been asked for
        self.context = spec.context
        """Most tokens of a prompt and its answer; None where neither the ladder nor the server says."""
        self._failed = 0  # queries that failed since the last that didn't
        self._run(self._first)

    @property
    def dropped(self) -> set[str]:
        """Optional parameters that the server refuses."""
        return self._taken.dropped

    @property
    def how(self) -> dict[str, str]:
        """What is particular of the server and of figures that go by it, for the run's record."""
        found = self._taken.notes()
        if self._counter.how:
            found["tokens"] = self._counter.how
        if len(self._replicas.all) > 1:
            found["replicas"] = json.dumps(self._replicas.record())
        if self._spec.usd_per_gpu_hour is not None:
            found["cost_usd"] = (
                "the hour's price by each answer's share, in tokens, of the time that its batch of requests took, at "
                f"most {self._spec.concurrency} at once"
            )
        return found

    def generate(self, prompts: Sequence[str | Asked], config: GenerateConfig) -> list[Completion]:
        """Answer prompts in their order, `concurrency` at once; one that fails gives a Completion with `error`."""
        config = self._checked(config)

        async def at_once() -> list[Completion]:
            todo, answers = iter(enumerate(prompts)), dict[int, Completion]()

            async def worker() -> None:
                # A client each: one pool of many connections looks through all of them for every request.
                async with self._client() as client:
                    for i, prompt in todo:
                        answers[i] = await self._answer(client, Call(prompt=prompt, config=config))

            began_s = time.perf_counter()
            workers = [asyncio.create_task(worker()) for _ in range(min(self._spec.concurrency, len(prompts)))]
            try:
                await asyncio.gather(*workers)
            finally:
                for task in workers:
                    task.cancel()
            return _shared([answers[i] for i in range(len(prompts))], time.perf_counter() - began_s)

        return self._run(at_once)

    def measure(self, prompts: Sequence[str | Asked], config: GenerateConfig) -> list[Completion]:
        """Answer prompts one by one over a warm connection, with latency_s and ttft_s of each.

        Both run from the request that succeeded to the arrival of the first and the last token, network included.
        """
        config = self._checked(config)

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
        config = self._checked(config)
        texts: SimpleQueue[str | None] = SimpleQueue()
        call = Call(prompt=prompt, config=config, stream=True, on_text=texts.put)

        async def answer() -> Completion:
            try:
                async with self._client() as client:
                    if True not in self._settled:
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

    def _checked(self, config: GenerateConfig) -> GenerateConfig:
        """A run's settings with the rung's; refuses to draw tokens where the server takes no temperature."""
        config = self._spec.over(config)
        if config.temperature and not self._taken.temperature:
            raise InvalidInputError(
                f"{self._where} takes no temperature, and {config.temperature:g} "
                "was asked for; leave the temperature out, or the rung."
            )
        return config

    def _client(self) -> httpx.AsyncClient:
        # The time of a whole try is limited, not that of each read: a server that trickles would never end.
        timeout = httpx.Timeout(None, connect=min(CONNECT_S, self._spec.timeout_s))
        return httpx.AsyncClient(headers=self._secrets.headers(), timeout=timeout, verify=self._tls)

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
                response = await client.get(chat_api.models_url(self._spec.addresses[0]))
            return chat_api.context_of(response.json(), self._spec.model) if response.status_code == 200 else None
        except (TimeoutError, httpx.HTTPError, ValueError, RecursionError):
            return None

    async def _settle(self, client: httpx.AsyncClient, *, stream: bool) -> None:
        """Ask for one token until the server takes the request, without what it refuses of the optional."""
        where = self._where
        before = set(self.dropped)
        call = Call(prompt="Hi", config=ONE_TOKEN, stream=stream)
        try:
            while (failed := await self._failure(client, call)) is not None:
                if self._taken.mend(failed, stream=stream) or await self._unnamed(client, call, failed):
                    continue
                if isinstance(failed, Refusal):
                    raise failed
                await self._ask(client, call)  # with retries: it may have been a passing fault
                break
        except Refusal as e:
            raise HubAccessError(
                f"{where} refuses to answer for model '{self._spec.model}' ({e}). Check `base_url`, `model` "
                f"and the key in environment variable {self._spec.api_key_env}."
            ) from e
        except Fault as e:
            mend = f"Start it, or mend `base_url` or `model` ('{self._spec.model}') in the ladder."
            raise HubAccessError(f"{where} can't be used ({e}). {mend}") from e
        if new := self.dropped - before:
            _log.warning("%s refuses the parameters %s; going on without", where, ", ".join(sorted(new)))
        self._settled.add(stream)

    async def _unnamed(self, client: httpx.AsyncClient, call: Call, failed: Refusal | Fault) -> bool:
        """Find the optional parameters that are refused without a name, and tell whether there are any.

        Without all of them the server must answer; then each is tried alone, twice where it fails by a fault.
        """
        optional = self._taken.optional(stream=call.stream)
        if not optional or failed.status in (0, 401, 429):
            return False
        tried = dict(optional)
        optional.clear()
        if await self._failure(client, call) is not None:
            optional.update(tried)
            return False
        for name, parameters in tried.items():
            optional[name] = parameters
            refused = await self._failure(client, call)
            if isinstance(refused, Fault):
                refused = await self._failure(client, call)
            if refused is not None:
                self._taken.drop([name], stream=call.stream)
        return True

    async def _failure(self, client: httpx.AsyncClient, call: Call) -> Refusal | Fault | None:
        """Make a request once, and return what went wrong."""
        try:
            await self._try(client, call, chat_api.request(self._spec, call, self._taken))
        except (Refusal, Fault) as e:
            return e
        return None

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
            f"{self._where} gives no more answers ({reason}). Mend that and start again; finished rows are kept."
        )

    async def _ask(self, client: httpx.AsyncClient, call: Call) -> Completion:
        """Ask until an answer is whole; one that may not be so long is asked for as long as it may be."""
        body, tried = chat_api.request(self._spec, call, self._taken), 0
        while True:
            try:
                return await self._try(client, call, body)
            except Refusal as e:
                fits = self._taken.shorter(e, body[self._taken.limit])
                if fits is None:
                    raise
                body, wait_s = body | {self._taken.limit: fits}, 0.0
            except Fault as e:
                unreached = isinstance(e, AbsentError) and not self._reached
                if tried == self._spec.retries or (not e.elsewhere and (unreached or e.wait_s > MAX_WAIT_S)):
                    raise
                wait_s = e.wait_s + min(MAX_BACKOFF_S, BACKOFF_S * 2**tried) * self._random.uniform(0.5, 1)
                wait_s = 0.0 if e.elsewhere else wait_s
                tried += 1
                _log.info("%s: %s; asking again in %.1f s", self.size, e, wait_s)
            await asyncio.sleep(wait_s)

    async def _try(self, client: httpx.AsyncClient, call: Call, body: Mapping[str, Any]) -> Completion:
        """Make one request, to the replica with the fewest open ones."""
        began_s = time.perf_counter()
        with self._replicas.taken() as replica:
            try:
                reply = await self._replied(client, call, body, replica)
                answer = reply.completion(call.config.stop, timed=call.stream, limit=body[self._taken.limit])
            except Fault as e:
                e.elsewhere = self._replicas.failed(replica, e.wait_s)
                raise
        self._replicas.answered(replica, time.perf_counter() - began_s)
        prompt = call.prompt.text if isinstance(call.prompt, Asked) else call.prompt
        asked = f"{call.config.system}\n{prompt}".strip()
        return self._counter.filled(answer, asked, reply.thought)

    async def _replied(self, client: httpx.AsyncClient, call: Call, body: Mapping[str, Any], replica: Replica) -> Reply:
        """A replica's whole reply; what goes wrong on the way is a Fault, or a Refusal."""
        content, reply = json.dumps(body).encode(), Reply(began_s=time.perf_counter())
        try:
            async with asyncio.timeout(self._spec.timeout_s):
                for _ in range(REDIRECTS + 1):
                    async with client.stream("POST", replica.url, content=content) as response:
                        self._reached = True
                        if not response.is_redirect:
                            await self._read(response, call, reply)
                            return reply
                        replica.url = _moved(replica.url, response)
                raise Refusal("The server sends requests on and on", status=response.status_code, body="")
        except TimeoutError as e:
            raise Fault(f"No whole answer within {self._spec.timeout_s:g} s") from e
        except (httpx.ConnectError, httpx.ConnectTimeout) as e:
            raise AbsentError(f"No connection: {reason_of(str(e)) or type(e).__name__}", everywhere=True) from e
        except httpx.RequestError as e:
            raise Fault(f"The connection broke: {reason_of(str(e)) or type(e).__name__}") from e
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
            raise Fault("The answer is half or no chat completion") from e

    async def _read(self, response: httpx.Response, call: Call, reply: Reply) -> None:
        """Read an answer as it comes; a server may send it whole though it was asked for in pieces."""
        if response.status_code != 200:
            said = self._secrets.masked((await response.aread()).decode(errors="replace"))
            raise failure(response.status_code, said, response.headers.get("Retry-After"))
        at_once = not call.stream or response.headers.get("Content-Type", "").startswith("application/json")
        if at_once and call.stream:
            self._taken.streams = False
        async for piece in (whole if at_once else events)(response.aiter_bytes()):
            if broken := told_error(piece, mask=self._secrets.masked):
                raise broken
            reply.add(piece)
            if reply.ended:
                break
            if call.on_text is not None:
                call.on_text(reply.text)
        if call.on_text is not None:
            call.on_text(reply.text)


def _moved(url: httpx.URL, response: httpx.Response) -> httpx.URL:
    """The address on the same host that a server sends a request on to; another host never gets the key."""
    there = url.join(response.headers.get("Location", ""))
    upgraded = there.host == url.host and (url.scheme, there.scheme) == ("http", "https")
    if (there.scheme, there.host, there.port) != (url.scheme, url.host, url.port) and not upgraded:
        raise Refusal(
            f"The server sends requests on to {there.scheme}://{there.host}; give that as base_url if it is yours",
            status=response.status_code,
            body="",
        )
    return there


def _shared(answers: Sequence[Completion], took_s: float) -> list[Completion]:
    """The answers of a batch, each with its share of the time that all took, by tokens read and written."""
    tokens = [(a.prompt_tokens or 0) + (a.completion_tokens or 0) for a in answers]
    whole_s = took_s / max(1, sum(tokens))
    return [replace(a, server_s=n * whole_s) if a.error is None else a for a, n in zip(answers, tokens, strict=True)]

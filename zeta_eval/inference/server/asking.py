"""Asks the servers of a rung: finds out what they take, makes requests again that fail, and reads replies."""

import asyncio
import json
import logging
import random
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import httpx

from zeta_eval.exceptions import HubAccessError, InvalidInputError
from zeta_eval.inference.server import chat_api
from zeta_eval.inference.server.capabilities import Capabilities
from zeta_eval.inference.server.chat_api import Call
from zeta_eval.inference.server.credentials import Secrets
from zeta_eval.inference.server.failures import AbsentError, Fault, Refusal, failure, reason_of, told_error
from zeta_eval.inference.server.replicas import Replica, Replicas
from zeta_eval.inference.server.reply import Reply, events, whole
from zeta_eval.inference.server.usage import TokenCounter
from zeta_eval.models import Completion, GenerateConfig, ModelSpec
from zeta_eval.models.served import chat_url, demanded, models_url
from zeta_eval.tasks.asked import Asked

_log = logging.getLogger(__name__)

CONNECT_S = 10.0
"""Longest time to connect, in seconds."""
BACKOFF_S, MAX_BACKOFF_S = 0.5, 60.0
"""First and longest wait before a request is made again, in seconds; each is twice the one before, less some jitter."""
MAX_WAIT_S = 600.0
"""Longest wait that a server may ask for by Retry-After, in seconds; beyond it the run stops and can be resumed."""
ONE_TOKEN = GenerateConfig(max_new_tokens=1)
"""Settings of the request that finds out what the server takes."""
REDIRECTS = 3
"""Most addresses that a server may send a request on to, one after the other."""
DRAIN_S = 0.2
"""Longest time for what a server sends after an answer's end, in seconds."""


class Server:
    """The servers of a rung, as far as they are known."""

    def __init__(self, spec: ModelSpec) -> None:
        """Take the addresses of a rung; nothing is asked yet.

        Raises:
            InvalidInputError: the rung has no address, or one that is none.
        """
        if not spec.addresses:
            raise InvalidInputError(f"Rung '{spec.size}' has no base_url; give one that a server serves.")
        self._spec = spec
        self.where = f"Server {' or '.join(spec.addresses)} of rung '{spec.size}'"
        """What a message calls it."""
        try:
            urls = [(base_url, httpx.URL(chat_url(base_url))) for base_url in spec.addresses]
        except httpx.InvalidURL as e:
            raise InvalidInputError(f"Rung '{spec.size}' has base_url {spec.base_url!r}, no address ({e}).") from e
        self.replicas = Replicas(urls)
        """Where requests go."""
        self.taken = Capabilities()
        """What they take."""
        if "chat_template_kwargs" in demanded(spec):  # asked for by name, so no longer optional
            self.taken.forget("chat_template")
        self.counter = TokenCounter(spec.model)
        """Counts tokens that they don't."""
        self.settled: set[bool] = set()
        """Whether it is known what they take: False for whole answers, True for streamed ones."""
        self._tls = httpx.create_ssl_context()
        self._secrets = Secrets(spec)
        self._random = random.Random()  # jitter; leaves the caller's random numbers alone
        self._reached = False  # whether a server has answered anything yet

    @property
    def how(self) -> dict[str, str]:
        """What is particular of them and of figures that go by them, for the run's record."""
        found = self.taken.notes()
        if self.counter.how:
            found["tokens"] = self.counter.how
        if len(self.replicas.all) > 1:
            found["replicas"] = json.dumps(self.replicas.record())
        if self._spec.usd_per_gpu_hour is not None:
            found["cost_usd"] = (
                "the hour's price by each answer's share, in tokens, of the time that its batch of requests took, at "
                f"most {self._spec.concurrency} at once"
            )
        return found

    def client(self) -> httpx.AsyncClient:
        """A client of one connection; each call of the rung's engine makes its own."""
        # The time of a whole try is limited, not that of each read: a server that trickles would never end.
        timeout = httpx.Timeout(None, connect=min(CONNECT_S, self._spec.timeout_s))
        return httpx.AsyncClient(headers=self._secrets.headers(), timeout=timeout, verify=self._tls)

    async def listed(self, client: httpx.AsyncClient) -> int | None:
        """Context of the model by the server's own list; None where it has none, or no list."""
        try:
            async with asyncio.timeout(min(self._spec.timeout_s, CONNECT_S)):
                response = await client.get(models_url(self._spec.addresses[0]))
            return chat_api.context_of(response.json(), self._spec.model) if response.status_code == 200 else None
        except (TimeoutError, httpx.HTTPError, ValueError, RecursionError):
            return None

    async def settle(self, client: httpx.AsyncClient, *, stream: bool) -> None:
        """Ask for one token until the server takes the request, without what it refuses of the optional."""
        where = self.where
        before = set(self.taken.dropped)
        call = Call(prompt="Hi", config=ONE_TOKEN, stream=stream)
        try:
            while (failed := await self._failure(client, call)) is not None:
                if self.taken.mend(failed, stream=stream) or await self._unnamed(client, call, failed):
                    continue
                if isinstance(failed, Refusal):
                    raise failed
                await self.ask(client, call)  # with retries: it may have been a passing fault
                break
        except Refusal as e:
            raise HubAccessError(
                f"{where} refuses to answer for model '{self._spec.model}' ({e}). Check `base_url`, `model` "
                f"and the key in environment variable {self._spec.api_key_env}."
            ) from e
        except Fault as e:
            mend = f"Start it, or mend `base_url` or `model` ('{self._spec.model}') in the ladder."
            raise HubAccessError(f"{where} can't be used ({e}). {mend}") from e
        if new := self.taken.dropped - before:
            _log.warning("%s refuses the parameters %s; going on without", where, ", ".join(sorted(new)))
        self.settled.add(stream)

    async def _unnamed(self, client: httpx.AsyncClient, call: Call, failed: Refusal | Fault) -> bool:
        """Find the optional parameters that are refused without a name, and tell whether there are any.

        Without all of them the server must answer; then each is tried alone, twice where it fails by a fault.
        """
        optional = self.taken.optional(stream=call.stream)
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
                self.taken.drop([name], stream=call.stream)
        return True

    async def _failure(self, client: httpx.AsyncClient, call: Call) -> Refusal | Fault | None:
        """Make a request once, and return what went wrong."""
        try:
            await self._try(client, call, chat_api.request(self._spec, call, self.taken))
        except (Refusal, Fault) as e:
            return e
        return None

    async def ask(self, client: httpx.AsyncClient, call: Call) -> Completion:
        """Ask until an answer is whole; one that may not be so long is asked for as long as it may be."""
        body, tried = chat_api.request(self._spec, call, self.taken), 0
        while True:
            try:
                return await self._try(client, call, body)
            except Refusal as e:
                fits = self.taken.shorter(e, body[self.taken.limit])
                if fits is None:
                    raise
                body, wait_s = body | {self.taken.limit: fits}, 0.0
            except Fault as e:
                unreached = isinstance(e, AbsentError) and not self._reached
                if tried == self._spec.retries or (not e.elsewhere and (unreached or e.wait_s > MAX_WAIT_S)):
                    raise
                wait_s = 0.0 if e.elsewhere else e.wait_s + pause_s(tried, self._random)
                tried += 1
                _log.info("%s: %s; asking again in %.1f s", self._spec.size, e, wait_s)
            await asyncio.sleep(wait_s)

    async def _try(self, client: httpx.AsyncClient, call: Call, body: Mapping[str, Any]) -> Completion:
        """Make one request, to the replica with the fewest open ones."""
        began_s = time.perf_counter()
        with self.replicas.taken() as replica:
            try:
                reply = await self._replied(client, call, body, replica)
                answer = reply.completion(call.config.stop, timed=call.stream, limit=body[self.taken.limit])
            except Fault as e:
                e.elsewhere = self.replicas.failed(replica, e.wait_s)
                raise
        self.replicas.answered(replica, time.perf_counter() - began_s)
        prompt = call.prompt.text if isinstance(call.prompt, Asked) else call.prompt
        asked = f"{call.config.system}\n{prompt}".strip()
        return self._secrets.unrepeated(self.counter.filled(answer, asked, reply.thought))

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
        except httpx.InvalidURL as e:
            raise Refusal(f"The server sends requests on to what is no address ({e})", status=307, body="") from e
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
            self.taken.streams = False
        chunks = response.aiter_bytes()
        async for piece in (whole if at_once else events)(chunks):
            if broken := told_error(piece, mask=self._secrets.masked):
                raise broken
            reply.add(piece)
            if call.on_text is not None:
                call.on_text(reply.text)
            if reply.ended:
                break
        with suppress(TimeoutError, httpx.HTTPError):  # a connection that is read to its end serves the next request
            async with asyncio.timeout(DRAIN_S):
                async for _ in chunks:
                    pass


def pause_s(tried: int, jitter: random.Random) -> float:
    """Wait before a request that failed is made again, in seconds; `tried` retries came before."""
    longest: float = min(MAX_BACKOFF_S, BACKOFF_S * 2**tried)
    return longest * jitter.uniform(0.5, 1)


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

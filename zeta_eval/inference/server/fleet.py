"""The servers of a rung: where requests go, are sent on to, and are made again when they fail."""

import asyncio
import json
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx
from anyio.from_thread import start_blocking_portal

from zeta_eval.exceptions import InvalidInputError, in_words
from zeta_eval.inference.server.credentials import Secrets
from zeta_eval.inference.server.failures import AbsentError, Fault, Refusal, failure, reason_of
from zeta_eval.inference.server.limits import MOST_LISTED, limited
from zeta_eval.inference.server.replicas import Replica, Replicas
from zeta_eval.models import ModelSpec

_log = logging.getLogger(__name__)
T = TypeVar("T")
Item = TypeVar("Item")

CONNECT_S = 10.0
"""Longest time to connect, in seconds."""
BACKOFF_S, MAX_BACKOFF_S = 0.5, 60.0
"""First and longest wait before a request is made again, in seconds; each is twice the one before, less some jitter."""
MAX_WAIT_S = 600.0
"""Longest wait that a server may ask for by Retry-After, in seconds; beyond it the run stops and can be resumed."""
REDIRECTS = 3
"""Most addresses that a server may send a request on to, one after the other."""


class Fleet:
    """The servers of a rung, all of which answer the same requests."""

    def __init__(self, spec: ModelSpec, url_of: Callable[[str], str]) -> None:
        """Take the addresses of a rung, and what makes the address of a request of each; nothing is asked yet.

        Raises:
            InvalidInputError: the rung has no address, or one that is none.
        """
        if not spec.addresses:
            raise InvalidInputError(f"Rung '{spec.size}' has no base_url; give one that a server serves.")
        try:
            urls = [(base_url, httpx.URL(url_of(base_url))) for base_url in spec.addresses]
        except httpx.InvalidURL as e:
            raise InvalidInputError(f"Rung '{spec.size}' has base_url {spec.base_url!r}, no address ({e}).") from e
        self.where = f"Server {' or '.join(spec.addresses)} of rung '{spec.size}'"
        """What a message calls them."""
        self.replicas = Replicas(urls)
        """Where requests go."""
        self._spec = spec
        self._tls = httpx.create_ssl_context()
        self.secrets = Secrets(spec)
        """The keys of requests, which replies may repeat."""
        self._random = random.Random()  # jitter; leaves the caller's random numbers alone
        self._reached = False  # whether a server has answered anything yet

    @property
    def how(self) -> dict[str, str]:
        """What each of several servers did, for the run's record."""
        return {"replicas": json.dumps(self.replicas.record())} if len(self.replicas.all) > 1 else {}

    def client(self) -> httpx.AsyncClient:
        """A client of one connection; each call of the rung's engine makes its own."""
        # The time of a whole try is limited, not that of each read: a server that trickles would never end.
        timeout = httpx.Timeout(None, connect=min(CONNECT_S, self._spec.timeout_s))
        return httpx.AsyncClient(headers=self.secrets.headers(), timeout=timeout, verify=self._tls)

    async def each(self, items: Iterable[Item], do: Callable[[httpx.AsyncClient, Item], Awaitable[T]]) -> list[T]:
        """Do something about each of many items, `concurrency` at once; returns what it gives, in their order."""
        todo, done = list(enumerate(items)), dict[int, T]()
        waiting = iter(todo)

        async def worker() -> None:
            # A client each: one pool of many connections looks through all of them for every request.
            async with self.client() as client:
                for i, item in waiting:
                    done[i] = await do(client, item)

        workers = [asyncio.create_task(worker()) for _ in range(min(self._spec.concurrency, len(todo)))]
        try:
            await asyncio.gather(*workers)
        finally:
            for task in workers:
                task.cancel()
        return [done[i] for i, _ in todo]

    async def patiently(self, once: Callable[[], Awaitable[T]], *, retries: int) -> T:
        """Do what makes a request until it succeeds; after so many retries the fault is raised."""
        for tried in range(retries + 1):
            try:
                return await once()
            except Fault as e:
                unreached = isinstance(e, AbsentError) and not self._reached
                if tried == retries or (not e.elsewhere and (unreached or e.wait_s > MAX_WAIT_S)):
                    e.retries = tried
                    raise
                wait_s = 0.0 if e.elsewhere else e.wait_s + _pause_s(tried, self._random)
                _log.info("%s: %s; asking again in %.1f s", self._spec.size, e, wait_s)
            await asyncio.sleep(wait_s)
        raise AssertionError  # the loop returns or raises

    async def post(
        self, client: httpx.AsyncClient, body: Mapping[str, Any], read: Callable[[httpx.Response], Awaitable[T]]
    ) -> T:
        """Make one request, to the replica with the fewest open ones, and read its reply.

        Raises:
            Fault: it failed, and may succeed when it is made again.
            Refusal: the server rejects it.
        """
        began_s = time.perf_counter()
        with self.replicas.taken() as replica:
            try:
                async with self._reply(client, json.dumps(body).encode(), replica) as response:
                    found = await read(response)
            except Fault as e:
                e.elsewhere = self.replicas.failed(replica, e.wait_s)
                raise
        self.replicas.answered(replica, time.perf_counter() - began_s)
        return found

    @asynccontextmanager
    async def _reply(
        self, client: httpx.AsyncClient, content: bytes, replica: Replica
    ) -> AsyncIterator[httpx.Response]:
        """A replica's reply of status 200, to be read; what goes wrong on the way is a Fault, or a Refusal."""
        try:
            async with asyncio.timeout(self._spec.timeout_s):
                for _ in range(REDIRECTS + 1):
                    async with client.stream("POST", replica.url, content=content) as response:
                        self._reached = True
                        if not response.is_redirect:
                            await self._check(response)
                            yield response
                            return
                        replica.url = _moved(replica.url, response)
                raise Refusal("The server sends requests on and on", status=response.status_code, body="")
        except TimeoutError as e:
            raise Fault(f"No whole answer within {self._spec.timeout_s:g} s") from e
        except (httpx.ConnectError, httpx.ConnectTimeout) as e:
            raise AbsentError(f"No connection: {reason_of(str(e)) or in_words(e)}", everywhere=True) from e
        except httpx.InvalidURL as e:
            raise Refusal(f"The server sends requests on to what is no address ({e})", status=307, body="") from e
        except httpx.RequestError as e:
            raise Fault(f"The connection broke: {reason_of(str(e)) or in_words(e)}") from e

    async def _check(self, response: httpx.Response) -> None:
        if response.status_code != 200:
            body = b"".join([chunk async for chunk in limited(response.aiter_bytes(), MOST_LISTED)])
            said = self.secrets.masked(body.decode(errors="replace"))
            raise failure(response.status_code, said, response.headers.get("Retry-After"))


def apart(work: Callable[[], Awaitable[T]]) -> T:
    """Do asynchronous work on another thread (a notebook's own has a loop already); Ctrl-C ends it at once."""
    with start_blocking_portal() as portal:
        return portal.call(work)


def _pause_s(tried: int, jitter: random.Random) -> float:
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

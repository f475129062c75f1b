"""Asks the servers of a rung for answers: finds out what they take, makes requests, and reads replies."""

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import httpx

from zeta_eval.exceptions import HubAccessError
from zeta_eval.inference.server import chat_api
from zeta_eval.inference.server.capabilities import Capabilities
from zeta_eval.inference.server.chat_api import Call
from zeta_eval.inference.server.failures import Fault, Refusal, told_error
from zeta_eval.inference.server.fleet import CONNECT_S, Fleet
from zeta_eval.inference.server.limits import MOST_LISTED, limited
from zeta_eval.inference.server.reply import Reply, events, whole
from zeta_eval.inference.server.usage import TokenCounter
from zeta_eval.models import Completion, GenerateConfig, ModelSpec
from zeta_eval.models.served import chat_url, demanded, models_url
from zeta_eval.tasks.asked import Asked

_log = logging.getLogger(__name__)

ONE_TOKEN = GenerateConfig(max_new_tokens=1)
"""Settings of the request that finds out what the server takes."""
DRAIN_S = 0.2
"""Longest time for what a server sends after an answer's end, in seconds."""


class Server:
    """The servers of a rung, as far as they are known."""

    def __init__(self, spec: ModelSpec) -> None:
        """Take the addresses of a rung; nothing is asked yet.

        Raises:
            InvalidInputError: the rung has no address, or one that is none.
        """
        self._spec = spec
        self.fleet = Fleet(spec, chat_url)
        """Where requests go."""
        self.where = self.fleet.where
        """What a message calls them."""
        self.taken = Capabilities()
        """What they take."""
        if "chat_template_kwargs" in demanded(spec):  # asked for by name, so no longer optional
            self.taken.forget("chat_template")
        self.counter = TokenCounter(spec.model)
        """Counts tokens that they don't."""
        self.settled: set[bool] = set()
        """Whether it is known what they take: False for whole answers, True for streamed ones."""
        self.odd: Counter[str] = Counter()
        """Figures of their replies that can't be right, by name."""

    @property
    def how(self) -> dict[str, str]:
        """What is particular of them and of figures that go by them, for the run's record."""
        found = self.taken.notes() | self.fleet.how
        if self.counter.how:
            found["tokens"] = self.counter.how
        if self.odd:
            counts = ", ".join(f"{n} of {name}" for name, n in sorted(self.odd.items()))
            found["unknown"] = f"figures of replies that can't be right are unknown: {counts}"
        if self._spec.usd_per_gpu_hour is not None:
            found["cost_usd"] = (
                "the hour's price by each answer's share, in tokens, of the time that its batch of requests took, at "
                f"most {self._spec.concurrency} at once"
            )
        return found

    async def listed(self, client: httpx.AsyncClient) -> int | None:
        """Context of the model by the server's own list; None where it has none, or no list."""
        try:
            async with asyncio.timeout(min(self._spec.timeout_s, CONNECT_S)):
                async with client.stream("GET", models_url(self._spec.addresses[0])) as response:
                    if response.status_code != 200:
                        return None
                    data = b"".join([c async for c in limited(response.aiter_bytes(), MOST_LISTED)])
            return chat_api.context_of(json.loads(data), self._spec.model)
        except (TimeoutError, httpx.HTTPError, ValueError, RecursionError, Refusal):
            return None

    async def settle(self, client: httpx.AsyncClient, *, stream: bool) -> None:
        """Ask for one token until the server takes the request, without what it refuses of the optional."""
        where = self.where
        before = set(self.taken.dropped)
        call = Call(prompt="Hi", config=ONE_TOKEN, stream=stream)
        try:
            failed = await self._failure(client, call)
            while failed is not None:
                if self.taken.mend(failed, stream=stream) or await self._unnamed(client, call, failed):
                    failed = await self._failure(client, call)
                elif isinstance(failed, Refusal):
                    raise failed
                else:  # it may have been a passing fault
                    failed = await self._refusal(client, call)
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

    async def _refusal(self, client: httpx.AsyncClient, call: Call) -> Refusal | None:
        """Make a request until it does not fail, and return why the server refuses it, if it does."""
        try:
            await self.ask(client, call)
        except Refusal as e:
            return e
        return None

    async def ask(self, client: httpx.AsyncClient, call: Call) -> Completion:
        """Ask until an answer is whole; one that may not be so long is asked for as long as it may be."""
        body = chat_api.request(self._spec, call, self.taken)
        while True:
            try:
                return await self.fleet.patiently(partial(self._try, client, call, body), retries=self._spec.retries)
            except Refusal as e:
                fits = self.taken.shorter(e, body[self.taken.limit])
                if fits is None:
                    raise
                body = body | {self.taken.limit: fits}

    async def _try(self, client: httpx.AsyncClient, call: Call, body: Mapping[str, Any]) -> Completion:
        """Make one request."""
        began_s = time.perf_counter()

        async def read(response: httpx.Response) -> tuple[Completion, str]:
            reply = Reply(began_s=began_s)
            try:
                await self._read(response, call, reply)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
                raise Fault("The answer is half or no chat completion") from e
            answer = reply.completion(call.config.stop, timed=call.stream, limit=body[self.taken.limit])
            self.odd += reply.odd
            return answer, reply.thought

        answer, thought = await self.fleet.post(client, body, read)
        prompt = call.prompt.text if isinstance(call.prompt, Asked) else call.prompt
        counted = self.counter.filled(answer, f"{call.config.system}\n{prompt}".strip(), thought)
        return self.fleet.secrets.unrepeated(counted)

    async def _read(self, response: httpx.Response, call: Call, reply: Reply) -> None:
        """Read an answer as it comes; a server may send it whole though it was asked for in pieces."""
        at_once = not call.stream or response.headers.get("Content-Type", "").startswith("application/json")
        if at_once and call.stream:
            self.taken.streams = False
        chunks = limited(response.aiter_bytes())
        async for piece in (whole if at_once else events)(chunks):
            if broken := told_error(piece, mask=self.fleet.secrets.masked):
                raise broken
            reply.add(piece)
            if call.on_text is not None:
                call.on_text(reply.text)
            if reply.ended:
                break
        # A connection that is read to its end serves the next request.
        with suppress(TimeoutError, httpx.HTTPError, Refusal):
            async with asyncio.timeout(DRAIN_S):
                async for _ in chunks:
                    pass

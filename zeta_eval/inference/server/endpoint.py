"""`EndpointGenerator`: asks a model behind an OpenAI-compatible server (vLLM, SGLang, TGI, llama.cpp, Ollama)."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from queue import SimpleQueue

import httpx
from anyio.from_thread import start_blocking_portal

from zeta_eval.exceptions import GenerationError, InvalidInputError, ZetaError
from zeta_eval.inference.server.asking import Server
from zeta_eval.inference.server.chat_api import Call
from zeta_eval.inference.server.failures import Fault, Refusal
from zeta_eval.inference.server.fleet import apart
from zeta_eval.models import Completion, GenerateConfig, ModelSpec
from zeta_eval.tasks.asked import Asked

ROUNDS = 16
"""Queries per batch as a multiple of `concurrency`: large batches keep the server busy, a crash loses one batch."""
OUTAGE = 16
"""Queries in a row that fail in spite of all retries before the server counts as broken, not the queries."""


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
        self._server = Server(spec)
        self.size = spec.size
        self.batch_size = ROUNDS * spec.concurrency
        """Queries per append of a benchmark."""
        self._spec = spec
        self.context = spec.context
        """Most tokens of a prompt and its answer; None where neither the ladder nor the server says."""
        self._failed = 0  # queries that failed since the last that didn't
        apart(self._first)

    @property
    def dropped(self) -> set[str]:
        """Optional parameters that the server refuses."""
        return self._server.taken.dropped

    @property
    def how(self) -> dict[str, str]:
        """What is particular of the server and of figures that go by it, for the run's record."""
        return self._server.how

    def generate(self, prompts: Sequence[str | Asked], config: GenerateConfig) -> list[Completion]:
        """Answer prompts in their order, `concurrency` at once; one that fails gives a Completion with `error`."""
        config = self._checked(config)

        async def at_once() -> list[Completion]:
            began_s = time.perf_counter()
            answers = await self._server.fleet.each(
                prompts, lambda client, prompt: self._answer(client, Call(prompt=prompt, config=config))
            )
            return _shared(answers, time.perf_counter() - began_s)

        return apart(at_once)

    def measure(self, prompts: Sequence[str | Asked], config: GenerateConfig) -> list[Completion]:
        """Answer prompts one by one over a warm connection, with latency_s and ttft_s of each.

        Both run from the request that succeeded to the arrival of the first and the last token, network included.
        """
        config = self._checked(config)

        async def one_by_one() -> list[Completion]:
            async with self._server.fleet.client() as client:
                # Warms up with a prompt of its own: the server would keep what it has read of a measured one.
                await self._server.settle(client, stream=True)
                return [await self._answer(client, Call(prompt=p, config=config, stream=True)) for p in prompts]

        return apart(one_by_one) if prompts else []

    def stream(self, prompt: str, config: GenerateConfig, on_text: Callable[[str], None]) -> Completion:
        """Answer one prompt with latency_s and ttft_s; `on_text` gets the answer so far.

        Whatever `on_text` raises ends the generation; any failure gives a Completion with `error`.
        """
        config = self._checked(config)
        texts: SimpleQueue[str | None] = SimpleQueue()
        call = Call(prompt=prompt, config=config, stream=True, on_text=texts.put)

        async def answer() -> Completion:
            try:
                async with self._server.fleet.client() as client:
                    if True not in self._server.settled:
                        await self._server.settle(client, stream=True)
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

    def _checked(self, config: GenerateConfig) -> GenerateConfig:
        """A run's settings with the rung's; refuses to draw tokens where the server takes no temperature."""
        config = self._spec.over(config)
        if config.temperature and not self._server.taken.temperature:
            raise InvalidInputError(
                f"{self._server.where} takes no temperature, and {config.temperature:g} "
                "was asked for; leave the temperature out, or the rung."
            )
        return config

    async def _first(self) -> None:
        """Find out which parameters the server takes, and how much the model can hold."""
        async with self._server.fleet.client() as client:
            await self._server.settle(client, stream=False)
            if self.context is None:
                self.context = await self._server.listed(client)

    async def _answer(self, client: httpx.AsyncClient, call: Call) -> Completion:
        """Answer a prompt; one that is refused, or fails alone, gives a Completion with `error`."""
        try:
            answer = await self._server.ask(client, call)
        except Refusal as e:
            if e.status != 401:
                return Completion(text="", error=str(e))
            reason = str(e)
        except Fault as e:
            self._failed += 1
            reason = f"{e}, after {e.retries} retries" if e.retries else str(e)
            if not e.everywhere and self._failed < OUTAGE:
                return Completion(text="", error=reason)
        else:
            self._failed = 0
            return answer
        raise GenerationError(
            f"{self._server.where} gives no more answers ({reason}). Mend that and start again; finished rows are kept."
        )


def _shared(answers: Sequence[Completion], took_s: float) -> list[Completion]:
    """The answers of a batch, each with its share of the time that all took, by tokens read and written."""
    tokens = [(a.prompt_tokens or 0) + (a.completion_tokens or 0) for a in answers]
    whole_s = took_s / max(1, sum(tokens))
    return [replace(a, server_s=n * whole_s) if a.error is None else a for a, n in zip(answers, tokens, strict=True)]

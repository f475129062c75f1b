"""`EmbeddingEndpoint`: asks a server's `/v1/embeddings` for the vectors of texts."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import httpx
import numpy as np
import numpy.typing as npt

from zeta_eval.exceptions import GenerationError, HubAccessError
from zeta_eval.files import LARGEST, from_json
from zeta_eval.inference.server.failures import Fault, Refusal, told_error
from zeta_eval.inference.server.fleet import Fleet, apart
from zeta_eval.inference.server.limits import limited
from zeta_eval.inference.server.usage import TokenCounter
from zeta_eval.models import Completion, ModelSpec
from zeta_eval.models.served import embeddings_url

BATCH: Final = 64
"""Texts per request."""
MOST_VECTORS: Final = 1 << 27
"""Most bytes of a reply with the vectors of a batch."""


class EmbeddingEndpoint:
    """Turns texts into vectors of length 1 with an embedding model behind a server (vLLM, TEI, llama.cpp, Ollama)."""

    def __init__(self, spec: ModelSpec) -> None:
        """Ask the server for one vector, to find out whether it answers.

        Raises:
            HubAccessError: it does not, or gives no vector.
        """
        self.size = spec.size
        self.context = spec.context
        self._spec = spec
        self._fleet = Fleet(spec, embeddings_url)
        self._counter = TokenCounter(spec.model)
        try:
            apart(self._first)
        except (Fault, Refusal) as e:
            raise HubAccessError(
                f"{self._fleet.where} gives no embedding for model '{spec.model}' ({e}). "
                f"Start it, or mend `base_url`, `model` or the key in environment variable {spec.api_key_env}."
            ) from e

    @property
    def how(self) -> dict[str, str]:
        """How tokens are counted, and what each of several servers did, for the run's record."""
        return self._fleet.how | ({"tokens": self._counter.how} if self._counter.how else {})

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed N texts as unit vectors (N, D), in their order, several requests at once.

        Raises:
            GenerationError: the server refuses a text, or gives no vectors after all retries.
        """
        batches = [texts[i : i + BATCH] for i in range(0, len(texts), BATCH)]
        parts = apart(lambda: self._fleet.each(batches, self._ask)) if batches else []
        return np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.float32)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, by the model's tokenizer where it is here, else about."""
        return [self._counter.count(text) for text in texts]

    def measure(self, texts: Sequence[str]) -> list[Completion]:
        """Embed texts one by one over a warm connection; latency_s and ttft_s are the time to the vector."""

        async def one_by_one() -> list[float]:
            async with self._fleet.client() as client:
                await self._ask(client, texts[:1])
                return [await self._timed(client, text) for text in texts]

        took_s = apart(one_by_one) if texts else []
        return [
            Completion(text="", prompt_tokens=tokens, completion_tokens=0, latency_s=seconds, ttft_s=seconds)
            for tokens, seconds in zip(self.count_tokens(texts), took_s, strict=True)
        ]

    def close(self) -> None:
        """Do nothing: connections live as long as a call."""

    async def _first(self) -> None:
        """Ask each server once until one gives a vector."""
        async with self._fleet.client() as client:
            await self._fleet.patiently(partial(self._try, client, ["Hi"]), retries=len(self._spec.addresses) - 1)

    async def _timed(self, client: httpx.AsyncClient, text: str) -> float:
        """Seconds until the vector of a text is here."""
        began_s = time.perf_counter()
        await self._ask(client, [text])
        return time.perf_counter() - began_s

    async def _ask(self, client: httpx.AsyncClient, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit vectors of one request's texts, asked for until they are here."""
        try:
            return await self._fleet.patiently(partial(self._try, client, texts), retries=self._spec.retries)
        except (Fault, Refusal) as e:
            raise GenerationError(
                f"{self._fleet.where} gives no more embeddings ({e}). Mend that and start again; finished rows are "
                "kept."
            ) from e

    async def _try(self, client: httpx.AsyncClient, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Make one request."""
        body = {"model": self._spec.model, "input": list(texts)} | dict(self._spec.extra_body)

        async def read(response: httpx.Response) -> npt.NDArray[np.float32]:
            return self._vectors(b"".join([c async for c in limited(response.aiter_bytes(), MOST_VECTORS)]), len(texts))

        return await self._fleet.post(client, body, read)

    def _vectors(self, said: bytes, n: int) -> npt.NDArray[np.float32]:
        """Unit vectors (n, D) of a reply."""
        try:
            data = from_json(said)
        except ValueError as e:
            raise Fault("The reply holds no embeddings") from e
        if broken := told_error(data, mask=self._fleet.secrets.masked):
            raise broken
        return _vectors(data, n)


def _vectors(data: Any, n: int) -> npt.NDArray[np.float32]:
    """Unit vectors (n, D) of a reply, in the order of their index."""
    try:
        entries = sorted(data["data"], key=lambda entry: entry.get("index", 0))
        found = np.array([entry["embedding"] for entry in entries], dtype=np.float64)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as e:
        raise Fault("The reply holds no embeddings") from e
    if found.ndim != 2 or len(found) != n or not (np.abs(found) <= LARGEST).all():
        raise Fault(f"The reply holds no {n} vectors of finite numbers of one length")
    length = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(found / np.where(length > 0, length, 1), dtype=np.float32)

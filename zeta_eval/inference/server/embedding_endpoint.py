"""`EmbeddingEndpoint`: asks a server's `/v1/embeddings` for the vectors of texts."""

import random
import time
from collections.abc import Sequence
from typing import Any, Final

import httpx
import numpy as np
import numpy.typing as npt

from zeta_eval.exceptions import GenerationError, HubAccessError
from zeta_eval.inference.server.asking import CONNECT_S, pause_s
from zeta_eval.inference.server.credentials import Secrets
from zeta_eval.inference.server.failures import Fault, Refusal, failure, reason_of
from zeta_eval.inference.server.usage import TokenCounter
from zeta_eval.models import Completion, ModelSpec
from zeta_eval.models.served import embeddings_url

BATCH: Final = 64
"""Texts per request."""


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
        self._url = embeddings_url(spec.addresses[0])
        self._secrets = Secrets(spec)
        self._counter = TokenCounter(spec.model)
        self._random = random.Random()
        try:
            self._ask(["Hi"], retries=0)
        except (Fault, Refusal) as e:
            raise HubAccessError(
                f"Server {spec.addresses[0]} of rung '{spec.size}' gives no embedding for model '{spec.model}' ({e}). "
                f"Start it, or mend `base_url`, `model` or the key in environment variable {spec.api_key_env}."
            ) from e

    @property
    def how(self) -> dict[str, str]:
        """How tokens are counted, for the run's record."""
        return {"tokens": self._counter.how} if self._counter.how else {}

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed N texts as unit vectors (N, D), in their order.

        Raises:
            GenerationError: the server refuses a text, or gives no vectors after all retries.
        """
        try:
            parts = [self._ask(texts[i : i + BATCH]) for i in range(0, len(texts), BATCH)]
        except (Fault, Refusal) as e:
            raise GenerationError(
                f"Server {self._spec.addresses[0]} of rung '{self.size}' gives no more embeddings ({e}). Mend that and "
                "start again; finished rows are kept."
            ) from e
        return np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.float32)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, by the model's tokenizer where it is here, else about."""
        return [self._counter.count(text) for text in texts]

    def measure(self, texts: Sequence[str]) -> list[Completion]:
        """Embed texts one by one, after a warm-up; latency_s and ttft_s are the time to the vector."""
        self.embed(texts[:1])
        measured = []
        for text, tokens in zip(texts, self.count_tokens(texts), strict=True):
            start = time.perf_counter()
            self.embed([text])
            seconds = time.perf_counter() - start
            measured.append(
                Completion(text="", prompt_tokens=tokens, completion_tokens=0, latency_s=seconds, ttft_s=seconds)
            )
        return measured

    def close(self) -> None:
        """Do nothing: connections live as long as a call."""

    def _ask(self, texts: Sequence[str], *, retries: int | None = None) -> npt.NDArray[np.float32]:
        """Unit vectors of one request's texts."""
        most = self._spec.retries if retries is None else retries
        for tried in range(most + 1):
            try:
                return self._try(texts)
            except Fault as e:
                if tried == most:
                    raise
                time.sleep(e.wait_s + pause_s(tried, self._random))
        raise AssertionError  # the loop returns or raises

    def _try(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        timeout = httpx.Timeout(self._spec.timeout_s, connect=min(CONNECT_S, self._spec.timeout_s))
        body = {"model": self._spec.model, "input": list(texts)} | dict(self._spec.extra_body)
        try:
            response = httpx.post(self._url, json=body, headers=self._secrets.headers(), timeout=timeout)
        except httpx.HTTPError as e:
            raise Fault(f"No connection: {reason_of(str(e)) or type(e).__name__}") from e
        said = self._secrets.masked(response.text)
        if response.status_code != 200:
            raise failure(response.status_code, said, response.headers.get("Retry-After"))
        return _vectors(response.json() if said else None, len(texts))


def _vectors(data: Any, n: int) -> npt.NDArray[np.float32]:
    """Unit vectors (n, D) of a reply, in the order of their index."""
    try:
        entries = sorted(data["data"], key=lambda entry: entry.get("index", 0))
        found = np.array([entry["embedding"] for entry in entries], dtype=np.float32)
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise Fault("The reply holds no embeddings") from e
    if found.ndim != 2 or len(found) != n or not np.isfinite(found).all():
        raise Fault(f"The reply holds no {n} vectors of finite numbers of one length")
    length = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(found / np.where(length > 0, length, 1), dtype=np.float32)

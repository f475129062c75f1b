"""What a rung must do to be served, whether a server or this process runs its model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from zeta_eval.models import Completion, ModelSpec
from zeta_eval.serving.asked import Asked


@dataclass(frozen=True, kw_only=True, slots=True)
class Whole:
    """A whole answer."""

    raw: bytes
    """The response, as JSON text."""
    data: dict[str, Any]
    """The same as data."""
    completion: Completion
    """What the router reads of it."""


class Rung(Protocol):
    """A rung that is served."""

    spec: ModelSpec
    """Its settings."""
    open: int
    """Requests that wait for its answer now."""

    @property
    def full(self) -> bool:
        """Whether as many requests are open as it takes at the same time."""

    @property
    def rest_s(self) -> float:
        """For how long it can't be asked since it failed, in seconds; 0 where it can."""

    @property
    def ready(self) -> bool:
        """Whether it can be asked now."""

    async def whole(self, asked: Asked, *, logprobs: bool = False) -> Whole:
        """Answer a request whole, with log-probabilities where the router reads them.

        Raises:
            PassedOverError: it can't be asked now.
            ApiError: the request is wrong.
        """

    def pieces(self, asked: Asked, field: Callable[[], bytes]) -> AsyncIterator[bytes | Completion]:
        """Answer a request as the events of a stream, the last one with `field()`; then the answer's counts.

        Errors as in `whole`; PassedOverError also where it breaks off.
        """

    async def embeddings(self, body: dict[str, Any]) -> bytes:
        """Answer a request for embeddings; errors as in `whole`."""

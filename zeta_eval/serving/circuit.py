"""A circuit breaker: a server that keeps failing rests for a while, and one request finds out whether it is back."""

import time
from collections.abc import Callable
from typing import Final

PATIENCE: Final = 3
"""Failures in a row before a server rests."""
REST_S, MAX_REST_S = 1.0, 60.0
"""First and longest rest, in seconds; each is twice the one before."""


class Circuit:
    """What became of the latest requests to one server.

    >>> now_s = 0.0
    >>> circuit = Circuit(clock=lambda: now_s)
    >>> for _ in range(3):
    ...     circuit.failed()
    >>> circuit.ready, circuit.rest_s
    (False, 1.0)
    >>> now_s = 1.0
    >>> circuit.ready
    True
    """

    __slots__ = ("_clock", "_probing", "_until_s", "failing")

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Start closed: requests pass."""
        self.failing = 0
        """Requests that failed since the last that did not."""
        self._clock, self._until_s, self._probing = clock, 0.0, False

    @property
    def ready(self) -> bool:
        """Whether the server may be asked."""
        return not self._until_s or (not self._probing and self._clock() >= self._until_s)

    @property
    def rest_s(self) -> float:
        """For how long it still rests, in seconds; 0 where it may be asked, or is being tried."""
        return max(0.0, self._until_s - self._clock()) if self._until_s else 0.0

    def begin(self) -> None:
        """Note a request; after a rest it is the only one until it ends."""
        self._probing = bool(self._until_s)

    def worked(self) -> None:
        """Note an answer."""
        self.failing, self._until_s, self._probing = 0, 0.0, False

    def failed(self) -> None:
        """Note a failure."""
        self.failing, self._probing = self.failing + 1, False
        if self.failing >= PATIENCE:
            self.rest(min(MAX_REST_S, REST_S * 2 ** min(16, self.failing - PATIENCE)))

    def rest(self, seconds: float) -> None:
        """Let the server rest, as it asks to, at most `MAX_REST_S`."""
        self._probing = False
        self._until_s = max(self._until_s, self._clock() + min(MAX_REST_S, seconds))

    def left(self) -> None:
        """Note a request that ended without telling anything."""
        self._probing = False

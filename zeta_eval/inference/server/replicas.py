"""Several servers of one model: a request goes where the fewest are open, and one that fails rests for a while."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import httpx

REST_S, MAX_REST_S = 1.0, 60.0
"""First and longest rest of a replica that failed, in seconds; each is twice the one before."""
DECIMALS: Final = 3
"""Decimals of the seconds in a record."""


@dataclass(kw_only=True, slots=True)
class Replica:
    """One server, and what became of its requests."""

    url: httpx.URL
    """Address of its chat completions, after any redirect."""
    base_url: str
    """Its address as the ladder gives it."""
    open: int = 0
    """Requests that wait for an answer now."""
    answers: int = 0
    """Requests that it answered."""
    faults: int = 0
    """Requests that failed on it."""
    busy_s: float = 0.0
    """Sum of the seconds that its answers took."""
    failing: int = 0
    """Requests that failed on it since the last that did not."""
    rests_until_s: float = 0.0
    """Clock time until which it is asked nothing, in seconds."""

    def record(self) -> dict[str, float]:
        """What it did, for the record of a run."""
        mean_s = self.busy_s / self.answers if self.answers else 0.0
        return {"answers": self.answers, "faults": self.faults, "mean_s": round(mean_s, DECIMALS)}


class Replicas:
    """The servers of one rung, of which each request takes one.

    >>> two = Replicas([("http://a/v1", httpx.URL("http://a/v1")), ("http://b/v1", httpx.URL("http://b/v1"))])
    >>> with two.taken() as first, two.taken() as second:
    ...     first.base_url, second.base_url
    ('http://a/v1', 'http://b/v1')
    """

    def __init__(
        self, addresses: Sequence[tuple[str, httpx.URL]], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take the addresses of the servers, as the ladder gives them and where chat completions are."""
        self.all = tuple(Replica(base_url=base_url, url=url) for base_url, url in addresses)
        self._clock = clock

    @contextmanager
    def taken(self) -> Iterator[Replica]:
        """The replica with the fewest open requests, of those that rest none but where all do."""
        now_s = self._clock()
        awake = [r for r in self.all if r.rests_until_s <= now_s] or [min(self.all, key=lambda r: r.rests_until_s)]
        replica = min(awake, key=lambda r: r.open)
        replica.open += 1
        try:
            yield replica
        finally:
            replica.open -= 1

    def answered(self, replica: Replica, seconds: float) -> None:
        """Note that a replica answered a request in so many seconds."""
        replica.answers, replica.failing = replica.answers + 1, 0
        replica.busy_s += seconds
        replica.rests_until_s = 0.0

    def failed(self, replica: Replica, wait_s: float = 0.0) -> bool:
        """Let a replica rest, for as long as it asks at least, and return whether another one is awake."""
        replica.faults += 1
        rest_s = max(wait_s, min(MAX_REST_S, REST_S * 2**replica.failing))
        replica.failing += 1
        replica.rests_until_s = self._clock() + rest_s
        return any(r.rests_until_s <= self._clock() for r in self.all)

    def record(self) -> dict[str, dict[str, float]]:
        """What each replica did, by its address, for the record of a run."""
        return {replica.base_url: replica.record() for replica in self.all}

"""What is measured of one server: a burst on many connections, and a stretch at a steady rate."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle

import uvloop

from load.client import Reply, chat
from load.patterns import closed_loop, open_loop
from load.servers import Server
from load.texts import texts

CONNECTIONS, RATE = 64, 50.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Burst:
    """Connections that ask without a pause."""

    per_s: float
    """Whole answers per second."""
    processor_ms: float
    """Processor time of the server per answer, in milliseconds."""
    bad: int
    """Replies that were no whole answer."""


def burst(server: Server, *, stream: bool, seconds: float) -> Burst:
    """Ask on 64 connections for some seconds."""
    asked = [chat(text, server.model, stream=stream) for text in texts()]
    begun, worked = time.perf_counter(), server.processor_s()
    replies = uvloop.run(closed_loop(server.port, asked, connections=CONNECTIONS, seconds=seconds))
    taken, worked = time.perf_counter() - begun, server.processor_s() - worked
    good = sum(reply.good for reply in replies)
    return Burst(per_s=good / taken, processor_ms=1000 * worked / max(1, good), bad=len(replies) - good)


@dataclass(slots=True)
class Stretch:
    """Replies at a steady rate; times in milliseconds from when a request was due."""

    first: list[float] = field(default_factory=list)
    """Until the first bytes of the body."""
    whole: list[float] = field(default_factory=list)
    """Until the end."""
    bad: int = 0

    def note(self, request: bytes, reply: Reply) -> None:
        """Take a reply in."""
        if not reply.good:
            self.bad += 1
            return
        self.first.append(1000 * (reply.first - reply.sent))
        self.whole.append(1000 * (reply.done - reply.sent))


def stretch(server: Server, into: Stretch, *, stream: bool, seconds: float, seed: int) -> None:
    """Ask 50 times per second at random times, and note the replies."""
    asked = cycle([chat(text, server.model, stream=stream) for text in texts()])
    uvloop.run(open_loop(server.port, asked, rate=RATE, seconds=seconds, seed=seed, note=into.note))


def median_and_p99(values: Sequence[float]) -> tuple[float, float]:
    """The two; NaN of nothing."""
    if not values:
        return float("nan"), float("nan")
    ordered = sorted(values)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]

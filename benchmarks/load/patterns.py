"""Two patterns of load: many connections that ask without a pause, and arrivals at random times at a given rate."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from itertools import cycle

from load.client import Client, Reply


async def closed_loop(port: int, requests: list[bytes], *, connections: int, seconds: float) -> list[Reply]:
    """Ask on every connection, again as soon as an answer is there; returns the replies that came in time."""
    texts, end = cycle(requests), time.perf_counter() + seconds

    async def one() -> list[Reply]:
        client, replies = Client(port), []
        while time.perf_counter() < end:
            replies.append(await client.ask(next(texts)))
        client.close()
        return replies

    return [r for replies in await asyncio.gather(*[one() for _ in range(connections)]) for r in replies]


async def open_loop(
    port: int,
    requests: Iterator[bytes],
    *,
    rate: float,
    seconds: float,
    seed: int,
    note: Callable[[bytes, Reply], None],
) -> None:
    """Ask at random times (a Poisson process) whatever became of earlier requests, on kept connections.

    A reply's times begin when its request was due, so that what waits before it is sent counts.
    """
    lots, idle, tasks = random.Random(seed), [], set()
    due = start = time.perf_counter()

    async def one(request: bytes, due: float) -> None:
        client = idle.pop() if idle else Client(port)
        reply = await client.ask(request)
        reply.sent = min(reply.sent, due)
        idle.append(client)
        note(request, reply)

    while (due := due + lots.expovariate(rate)) < start + seconds:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        task = asyncio.create_task(one(next(requests), due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    if tasks:
        await asyncio.wait(tasks)
    for client in idle:
        client.close()

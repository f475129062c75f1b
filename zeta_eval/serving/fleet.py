"""The rungs that are served, and the line of requests that wait while all of them are at their concurrency."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence

from zeta_eval.serving.errors import ApiError
from zeta_eval.serving.rung import Rung


class Fleet:
    """The rungs by size, and who waits for one."""

    def __init__(self, *, queue: int) -> None:
        """Start without rungs; at most `queue` requests wait."""
        self.rungs: Mapping[str, Rung] = {}
        """The rungs, by size."""
        self._most = queue
        self._waiting: deque[tuple[asyncio.Future[None], Sequence[str]]] = deque()

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return len(self._waiting)

    async def room(self, sizes: Sequence[str]) -> None:
        """Return once one of these sizes can be asked.

        Raises:
            ApiError: 429, too many wait already; 503, all of them rest after failures.
        """
        while not any(self.rungs[size].ready for size in sizes):
            self._refuse(sizes)
            future = asyncio.get_running_loop().create_future()
            place = (future, sizes)
            self._waiting.append(place)
            try:
                await future
            except asyncio.CancelledError:
                if future.done() and not future.cancelled():
                    self.freed()  # somebody else may go
                raise
            finally:
                if place in self._waiting:
                    self._waiting.remove(place)

    def freed(self) -> None:
        """Let the first that waits for a size which can be asked now go on, and all for whom there is none left."""
        for future, sizes in self._waiting:
            rungs = [self.rungs[size] for size in sizes]
            able = any(rung.ready for rung in rungs)
            if not future.done() and (able or not any(rung.full for rung in rungs)):
                future.set_result(None)
                if able:
                    return

    def _refuse(self, sizes: Sequence[str]) -> None:
        """Refuse a request that would wait in vain, or for too long."""
        rungs = [self.rungs[size] for size in sizes]
        if not any(rung.full for rung in rungs):
            wait_s = min(rung.rest_s for rung in rungs)
            why = f"{' and '.join(sizes)}: no answers at present; asked again in {wait_s:.0f} s."
            raise ApiError(503, why, kind="server_error", code="unavailable", retry_after_s=wait_s)
        if len(self._waiting) >= self._most:
            why = f"All sizes are busy, and {len(self._waiting)} requests wait already; try again later."
            raise ApiError(429, why, kind="rate_limit_error", code="rate_limit_exceeded", retry_after_s=1.0)

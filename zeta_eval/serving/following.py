"""Takes a new version of the policy over while the server runs; one that can't be used leaves the old one in use."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from zeta_eval.exceptions import ZetaError
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.serving.app import App
from zeta_eval.serving.desk import Desk

_log = logging.getLogger(__name__)


class Follower:
    """Looks at the policy's file again and again."""

    def __init__(self, file: Path, app: App, make: Callable[[RoutingPolicy], Desk], *, every_s: float) -> None:
        """Follow a file, whose policy `make` makes ready."""
        self._file, self._app, self._make, self._every_s = file, app, make, every_s
        self._seen: tuple[int, int, int] | None = None  # it may have changed since it was loaded

    async def run(self) -> None:
        """Follow the file until this task is cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            if (stamp := _stamp(self._file)) != self._seen:
                self._seen = stamp
                await self._take()

    async def _take(self) -> None:
        """Read the file on another thread, and put its policy into use."""
        app, reloads = self._app, self._app.notes.metrics.reloads
        try:
            desk = await asyncio.to_thread(lambda: self._make(RoutingPolicy.load(self._file)))
        except ZetaError as e:
            if app.problem != str(e):
                _log.warning("The policy in use stays: %s", e)
            app.problem = str(e)
            reloads.labels("refused").inc()
            return
        app.problem = None
        if desk.policy.checksum != app.desk.policy.checksum:
            _log.warning("Policy %s@%s is in use now", desk.policy.name, desk.policy.checksum[:8])
            desk.router.take_sessions(app.desk.router)
            before, app.desk = app.desk, desk
            if before.learned is not None:
                await asyncio.to_thread(before.learned.keep)
            reloads.labels("taken over").inc()


def _stamp(file: Path) -> tuple[int, int, int] | None:
    """What tells a file from the one that was there before; None where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

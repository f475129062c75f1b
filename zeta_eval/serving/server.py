"""uvicorn's server, which ends when it is told to: once open requests have ended, or without them."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn

from zeta_eval.serving.ending import Ending

PROMPT_S: Final = 0.2
"""How long open requests are waited for without saying so, in seconds."""


class Server(uvicorn.Server):
    """A server that is ended by `Ending`, whose signals it leaves alone."""

    def __init__(self, config: uvicorn.Config, ending: Ending, address: str) -> None:
        """Take how it runs, what ends it, and where it is reached."""
        super().__init__(config)
        self._ending, self._address = ending, address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so; from now on a signal lets open requests end."""
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self._ending.stop = self.stop
        if self.started:
            os.write(1, f"Serving: {self._address} (Ctrl-C stops it)\n".encode(errors="replace"))

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `Ending`."""
        yield

    def stop(self, again: bool) -> None:
        """Let open requests end; where that was said before, end them. Called in a signal's handler."""
        self._loop.call_soon_threadsafe(self._cut_off if again else self._finish)

    def _finish(self) -> None:
        self.should_exit = True
        self._loop.call_later(PROMPT_S, self._tell)

    def _cut_off(self) -> None:
        for task in self.server_state.tasks:
            task.cancel()

    def _tell(self) -> None:
        """Say what is waited for."""
        if n := len(self.server_state.tasks):
            requests = "1 open request" if n == 1 else f"{n} open requests"
            most_s = self.config.timeout_graceful_shutdown
            self._ending.say(f"stops; waits for {requests}, at most {most_s} s (a second signal ends them)")

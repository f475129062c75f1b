"""uvicorn's server, which ends when it is told to: once open requests have ended, or without them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import uvicorn

from zeta_eval.serving.ending import Ending, write

PROMPT_S: Final = 0.2
"""How long open requests are waited for without saying so, in seconds."""
TAKE_S: Final = 0.5
"""How long callers have to take what they are told when their requests are ended, in seconds."""


class Server(uvicorn.Server):
    """A server that is ended by `Ending`, whose signals it leaves alone."""

    def __init__(self, config: uvicorn.Config, ending: Ending, address: str) -> None:
        """Take how it runs, what ends it, and where it is reached."""
        super().__init__(config)
        self._ending, self._address = ending, address
        self._most_s, config.timeout_graceful_shutdown = config.timeout_graceful_shutdown or 0, None
        self._cut = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so; from now on a signal lets open requests end."""
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self._ending.stop = self.stop
        if self.started:
            write(1, f"Serving: {self._address} (Ctrl-C stops it)\n")

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `Ending`."""
        yield

    def stop(self, again: bool) -> None:
        """Let open requests end; where that was said before, end them. Called in a signal's handler."""
        with suppress(RuntimeError):  # all requests have ended, and the loop with them
            self._loop.call_soon_threadsafe(self._cut_off if again else self._finish)

    def _finish(self) -> None:
        self.should_exit = True
        self._loop.call_later(PROMPT_S, self._tell)
        self._loop.call_later(self._most_s, self._cut_off)

    def _cut_off(self) -> None:
        """End open requests; their callers are told, where they read. The second time, end their connections."""
        if self._cut:
            self._abort()
            return
        self._cut = True
        for task in self.server_state.tasks:
            task.cancel()
        self._loop.call_later(TAKE_S, self._abort)

    def _abort(self) -> None:
        """Drop what callers have not taken."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    def _tell(self) -> None:
        """Say what is waited for."""
        if n := sum(map(_open, self.server_state.connections)):
            requests = "1 open request" if n == 1 else f"{n} open requests"
            self._ending.say(f"stops; waits for {requests}, at most {self._most_s} s (a second signal ends them)")


def _open(connection: Any) -> bool:
    """Whether a connection has a request without an answer, or an answer that its caller has not taken."""
    asked = connection.cycle is not None and not connection.cycle.response_complete
    return asked or connection.transport.get_write_buffer_size() > 0

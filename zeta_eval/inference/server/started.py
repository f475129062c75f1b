"""Starts the server of a rung, waits until it answers, and stops it: the rung's `start` in the ladder."""

import atexit
import contextlib
import logging
import os
import shlex
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from zeta_eval.exceptions import GenerationError, InvalidInputError
from zeta_eval.inference.server.guard import guard
from zeta_eval.models import ModelSpec
from zeta_eval.models.served import models_url

_log = logging.getLogger(__name__)

HOST: Final = "127.0.0.1"
"""Where a started server is asked."""
POLL_S: Final = 0.5
"""Time between two looks at a server that is starting, in seconds."""
STOP_S: Final = 20.0
"""Time that a server has to stop by itself, in seconds, before it is killed."""
TAIL: Final = 200
"""Characters of a log's last line that a message repeats."""


class StartedEngine:
    """The engine of a rung whose server it starts: that of the server's address, until `close` stops the server."""

    def __init__(self, spec: ModelSpec, engine: Callable[[ModelSpec], Any], *, log: Path | None = None) -> None:
        """Start the server, wait until it answers, and make the engine that asks it."""
        self._server = StartedServer(spec, log=log)
        try:
            self._engine = engine(replace(spec, base_url=self._server.base_url, start=None))
        except BaseException:
            self._server.stop()
            raise

    def __getattr__(self, name: str) -> Any:
        """What the engine has."""
        return getattr(self._engine, name)

    def close(self) -> None:
        """Stop the server."""
        self._engine.close()
        self._server.stop()


class StartedServer:
    """The process of a server, with its address and its log."""

    def __init__(self, spec: ModelSpec, *, log: Path | None = None) -> None:
        """Start the server and wait until it answers.

        Raises:
            InvalidInputError: its port is in use, or its program is not there.
            GenerationError: it ended, or did not answer in time.
        """
        self.port, self.base_url = _address(spec)
        self.log = log or Path(tempfile.mkdtemp(prefix="zeta-server-")) / "server.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        words = shlex.split(str(spec.start))
        command = [w.replace("{port}", str(self.port)).replace("{model}", spec.model) for w in words]
        with self.log.open("ab") as out:
            try:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
                )
            except OSError as e:
                raise InvalidInputError(
                    f"The server of rung '{spec.size}' can't be started: {command[0]}: {e.strerror}. Install it, or "
                    "mend `start` in the ladder."
                ) from e
        self._guard = guard(self._process.pid)
        atexit.register(self.stop)
        _log.info("%s: started %s, log in %s", spec.size, command[0], self.log)
        try:
            self._wait(spec)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server with all its processes, kindly at first; a second Ctrl-C kills them at once."""
        atexit.unregister(self.stop)
        try:
            if self._process.poll() is None:
                self._signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(STOP_S)
        finally:
            self._signal(signal.SIGKILL)  # workers that outlive the one that was started, too
            self._guard.kill()
            self._guard.communicate()
        self._process.wait()

    def _signal(self, kind: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, kind)

    def _wait(self, spec: ModelSpec) -> None:
        """Wait until the server answers anything but that it is not ready."""
        ends_s = time.monotonic() + spec.start_timeout_s
        while not self._ready():
            if (status := self._process.poll()) is not None:
                raise GenerationError(
                    f"The server of rung '{spec.size}' ended with status {status} before it answered"
                    f"{self._last_line()}. Its log: {self.log}"
                )
            if time.monotonic() > ends_s:
                raise GenerationError(
                    f"The server of rung '{spec.size}' did not answer at {self.base_url} within "
                    f"{spec.start_timeout_s:g} s{self._last_line()}. Raise start_timeout_s, or see its log: {self.log}"
                )
            time.sleep(POLL_S)

    def _ready(self) -> bool:
        """Whether the server says that it is healthy, or lists its models; some do only one of the two."""
        health = httpx.URL(self.base_url).join("/health")
        return self._status(health) == 200 or self._status(models_url(self.base_url)) < 500

    def _status(self, url: httpx.URL | str) -> int:
        """HTTP status of an address; 503 where nobody answers."""
        try:
            return httpx.get(url, timeout=2.0, trust_env=False).status_code
        except httpx.HTTPError:
            return 503

    def _last_line(self) -> str:
        """The last line of the log, as a part of a message."""
        with contextlib.suppress(OSError, IndexError):
            text = self.log.read_bytes()[-10_000:].decode(errors="replace")
            line = [line.strip() for line in text.splitlines() if line.strip()][-1]
            return f" ({''.join(c if c.isprintable() else ' ' for c in line)[:TAIL]})"
        return ""


def _address(spec: ModelSpec) -> tuple[int, str]:
    """The port and the address of a server to start: the ladder's, else of a free port."""
    given = spec.addresses[0] if spec.addresses else None
    parts = urlsplit(given or "")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, parts.port or 0))
        except OSError as e:
            raise InvalidInputError(
                f"Port {parts.port} of rung '{spec.size}' is in use ({e.strerror}); stop what uses it, or leave "
                "base_url out for a free one."
            ) from e
        port = int(probe.getsockname()[1])
    return port, given or f"http://{HOST}:{port}/v1"

"""Pages of MLflow and Optuna: servers on this machine that end with the kernel."""

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from types import FrameType

from zeta_eval.cli.verb import WebPage
from zeta_eval.exceptions import GenerationError

START_S = 90.0
"""Longest wait for a page to answer, in seconds."""
STOP_S = 5.0
"""Longest wait for a server to end before it is killed, in seconds."""


def free_port() -> int:
    """A loopback port that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class Pages:
    """The servers of a notebook. Each runs below a guard that ends it when the kernel ends, in whatever way."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[subprocess.Popen[bytes], WebPage]] = {}

    def serve(self, page: WebPage, source: str) -> WebPage:
        """Start a page's server and wait until it answers; a source that is shown already is not served twice."""
        if not page.command:
            return page
        if source in self._running and self._running[source][0].poll() is None:
            return self._running[source][1]
        with tempfile.TemporaryFile() as log:
            guard = subprocess.Popen(
                [sys.executable, "-m", "zeta_eval.notebook.pages", *page.command],
                env=os.environ | page.env,
                stdin=subprocess.PIPE,  # closes when the kernel ends: the guard waits for that
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # an interrupted or killed kernel must not take the guard with it
            )
            try:
                _wait(guard, page)
            except BaseException as e:
                _end(guard)
                if not isinstance(e, TimeoutError):
                    raise
                log.seek(0)
                last = log.read().decode(errors="replace").strip().rpartition("\n")[2] or "it says nothing"
                raise GenerationError(f"The {page.title} does not start: {last}") from None
        self._running[source] = (guard, page)
        return page

    def stop(self) -> None:
        """End all servers."""
        for guard, _ in self._running.values():
            _end(guard)
        self._running.clear()


def _wait(guard: subprocess.Popen[bytes], page: WebPage) -> None:
    """Wait until a page answers; a TimeoutError says that it does not."""
    until = time.monotonic() + START_S
    while time.monotonic() < until and guard.poll() is None:
        if page.answers():
            return
        time.sleep(0.2)
    raise TimeoutError


def _end(guard: subprocess.Popen[bytes]) -> None:
    if guard.stdin is not None:
        guard.stdin.close()
    try:
        guard.wait(2 * STOP_S)
    except subprocess.TimeoutExpired:
        guard.kill()
        guard.wait()


def guard(command: list[str]) -> int:
    """Run a server until it ends, or until standard input does; then end its whole process group."""

    def ended(number: int, frame: FrameType | None) -> None:
        pass  # the guard is of the group that it signals, and outlives it

    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    signal.signal(signal.SIGTERM, ended)
    while server.poll() is None:
        if select.select([sys.stdin], [], [], 0.2)[0]:  # nobody ever writes, so this is its end
            os.killpg(0, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                server.wait(STOP_S)
            os.killpg(0, signal.SIGKILL)
    return server.returncode


if __name__ == "__main__":
    sys.exit(guard(sys.argv[1:]))

"""Ends a server that is told to stop (Ctrl-C, SIGTERM, a closed terminal), and says so. Standard library only."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Final

SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that end a server, where nobody else heeds or ignores them (as nohup and a shell's background jobs do)."""
GRACE_S: Final = 1.0
"""Longest time between a signal and the end of a server that does not serve yet, in seconds."""
NOTHING: Final = "nothing was served"
"""What a server says that is stopped before it serves."""


class Ending:
    """Heeds the signals that end a server, from its first line to its last.

    While it serves, `stop` is called. Before and after, a KeyboardInterrupt is raised; where that does not end a
    server that has not served yet, the process ends by force. What it has started ends with it.
    """

    def __init__(self) -> None:
        """Heed the signals from now on."""
        self.number = 0
        """The signal that came first; 0 while none has."""
        self.stop: Callable[[bool], None] | None = None
        """Ends what is served; it is told whether it has been called before."""
        self.begun = False
        """Whether there is something to close; an import that is interrupted may raise anything."""
        _open_closed()
        self._stderr = os.dup(2)
        free = (signal.SIG_DFL, signal.default_int_handler)
        for number in SIGNALS:
            if signal.getsignal(number) in free:
                signal.signal(number, self._heed)

    @property
    def code(self) -> int:
        """Exit code of a server that a signal ended, as shells give it: 130 or 143."""
        return 128 + self.number

    def _heed(self, number: int, frame: FrameType | None) -> None:
        """Take a signal; called in the main thread."""
        again, self.number = bool(self.number), self.number or number
        if self.stop is not None:
            self.stop(again)
            return
        self._hush()
        if not self.begun:
            self._end_now()
        if not again:
            timer = threading.Timer(GRACE_S, self._end_now)
            timer.daemon = True
            timer.start()
        raise KeyboardInterrupt

    def say(self, line: str) -> None:
        """Write a line to standard error, also within a signal's handler."""
        write(self._stderr, f"zeta: {line}\n")

    def _hush(self) -> None:
        """Let nobody else write there: what is interrupted prints traces, also from within collections of garbage."""
        logging.disable()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)

    def _end_now(self) -> None:
        """End a process that has not served, whatever it does."""
        self.say(f"stopped; {NOTHING}")
        os._exit(self.code)


def write(file: int, text: str) -> None:
    """Write to a file that may be full, or a pipe that nobody reads: a server goes on all the same."""
    with suppress(OSError):
        os.write(file, text.encode(errors="replace"))


def _open_closed() -> None:
    """Open standard input, output and error where they are closed; what is opened next would be written to as these."""
    for file in range(3):
        try:
            os.fstat(file)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free

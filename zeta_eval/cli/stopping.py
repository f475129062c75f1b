"""Ends a command that is told to stop (Ctrl-C, SIGTERM, a closed terminal): in order, or by force after some seconds.

It imports the standard library alone, so that a command heeds signals before it has imported anything else.
"""

import contextlib
import logging
import os
import signal
import sys
import threading
from types import FrameType
from typing import Any, Final

GRACE_S: Final = 4.0
"""Longest time between a signal and the end of the process, in seconds."""
SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that stop a command, where nobody else heeds or ignores them (as nohup and a shell's background jobs do)."""


class Stopping:
    """Heeds the signals that stop a command while its `with` block runs.

    The first signal raises a KeyboardInterrupt, so that whatever is open is closed; from then on libraries that are
    interrupted print nothing. Within an import, which raises anything where it is interrupted, or at a second signal,
    or `GRACE_S` after the first one, the process ends at once with its children: what is on disk is whole at any time.
    """

    def __init__(self, *, own: bool) -> None:
        """Take whether the process ends with the command; else all is put back as it was before."""
        self.number = 0
        """The signal that came; 0 while none has."""
        self.kept = "nothing was begun"
        """What is kept, and how to go on, in one line."""
        self._own, self._pid, self._over = own, os.getpid(), False
        self.said = False
        """Whether that has been said."""
        self._before: dict[int, Any] = {}
        self._pipe: tuple[int, int] = (-1, -1)
        self._stderr = -1
        self._left = threading.Event()

    @property
    def code(self) -> int:
        """Exit code of a command that a signal ended, as shells give it: 130 or 143."""
        return 128 + self.number

    @property
    def line(self) -> str:
        """What a stopped command says."""
        return f"stopped; {self.kept}"

    def __enter__(self) -> "Stopping":
        """Heed the signals, where this is the main thread."""
        if threading.current_thread() is not threading.main_thread():
            return self
        free = (signal.SIG_DFL, signal.default_int_handler)
        self._before = {n: signal.getsignal(n) for n in SIGNALS if signal.getsignal(n) in free}
        if not self._before:
            return self
        self._pipe = os.pipe()
        os.set_blocking(self._pipe[1], False)
        signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
        threading.Thread(target=self._watch, name="zeta-stopping", daemon=True).start()
        for number in self._before:
            signal.signal(number, self._heed)
        return self

    def __exit__(self, *_: object) -> bool:
        """Let standard error be seen again, take any error of a stopped command for its end, and put all back."""
        self._over = True
        self.speak()
        if self.number:
            clear_line()
        else:
            self.kept = "the work was done"
        if self._before and not self._own:
            self._put_back()
        return bool(self.number)

    def _put_back(self) -> None:
        self._left.set()
        logging.disable(logging.NOTSET)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)
        os.close(self._pipe[1])  # ends the watch

    def speak(self) -> None:
        """Undo `hush`."""
        if self._stderr >= 0:
            os.dup2(self._stderr, 2)

    def hush(self) -> None:
        """Send standard error nowhere: libraries that are interrupted print traces, also from C."""
        with contextlib.suppress(OSError):
            if self._stderr < 0:
                self._stderr = os.dup(2)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)

    def _heed(self, number: int, frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt in the main thread; called there."""
        if os.getpid() != self._pid:  # a forked helper just ends
            os._exit(128 + number)
        again, self.number = bool(self.number), self.number or number
        if again or self._over or _importing(frame):
            self._end_now()
        logging.disable()
        self.hush()
        raise KeyboardInterrupt

    def _watch(self) -> None:
        """End the process where it has not ended `GRACE_S` after a signal; the main thread may be deep in C."""
        while heard := os.read(self._pipe[0], 1):
            if signal.getsignal(heard[0]) == self._heed:  # else a server that the command runs has it
                break
        else:
            os.close(self._pipe[0])
            return
        if not self._left.wait(GRACE_S):
            self.number = self.number or heard[0]
            self._end_now()

    def _end_now(self) -> None:
        """Say what is kept, end all children, and leave."""
        if os.environ.get("RANK", "0") == "0" and not self.said:
            self.speak()
            clear_line()
            os.write(2, f"zeta: {self.line}\n".encode())
        with contextlib.suppress(Exception):
            _kill_children()
        os._exit(self.code)


def clear_line() -> None:
    """Clear the line of a terminal that the cursor is in: what was stopped can't, and `^C` is echoed there."""
    with contextlib.suppress(OSError, ValueError):
        if os.isatty(2):
            os.write(2, f"\r{' ' * (os.get_terminal_size(2).columns - 1)}\r".encode())


def _importing(frame: FrameType | None) -> bool:
    """Whether an import is under way in a stack of frames."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _kill_children() -> None:
    """Kill all processes below this one, with the groups that they lead."""
    import psutil  # type: ignore[import-untyped]  # a dependency, but seldom needed here

    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(Exception):
            if os.getpgid(child.pid) == child.pid:
                os.killpg(child.pid, signal.SIGKILL)
            child.kill()
    sys.stdout.flush()

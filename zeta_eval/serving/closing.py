"""Writes what a history still has to write when a server ends, and lets a second signal give that up."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from zeta_eval.serving.ending import Ending

if TYPE_CHECKING:
    from zeta_eval.feedback import History

PROMPT_S: Final = 0.3
"""How long a history is waited for without saying so, in seconds."""
LOOK_S: Final = 0.05
"""Time between two looks whether it is written or given up, in seconds."""


class Closing:
    """The end of a history, on a thread of its own: a database that waits for another process heeds no signal."""

    def __init__(self, history: History | None, name: str, ending: Ending) -> None:
        """Take the history, if there is one, its name, and what tells of signals; from now on they end no more."""
        self._history, self._name, self._ending = history, name, ending
        self._given_up = False
        ending.stop = self._stop

    @property
    def unwritten(self) -> int:
        """Number of decisions that were not written."""
        return 0 if self._history is None else self._history.lost + self._history.queued

    def wait(self) -> None:
        """Return once all is written, can't be, or is given up."""
        if self._history is None:
            return
        thread = threading.Thread(target=self._history.close, name="zeta-closing", daemon=True)
        thread.start()
        thread.join(PROMPT_S)
        if thread.is_alive() and not self._given_up:
            n = decisions(self.unwritten)
            self._ending.say(f"stops; waits until {n} can be written to {self._name} (a second signal gives up)")
        while thread.is_alive() and not self._given_up:
            thread.join(LOOK_S)

    def _stop(self, again: bool) -> None:
        """Give up; called in a signal's handler."""
        self._given_up = True


def decisions(n: int) -> str:
    """A number of decisions, in words."""
    return "1 decision" if n == 1 else f"{n} decisions"

"""A queue of limited length that a background thread writes to a database. Standard library only."""

import atexit
import logging
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final, Generic, TypeVar

_T = TypeVar("_T")

BATCH: Final = 500
"""Most items of one write."""
LINGER_S: Final = 0.1
"""How long the thread gathers items before it writes, in seconds."""
RETRY_S: Final = 1.0
"""Pause after a write that failed, in seconds."""
MAX_CHARACTERS: Final = 2**26
"""Most characters of text that wait in the queue, whatever its capacity in items."""


def reason(error: Exception) -> str:
    """Why a database failed, in a line."""
    return str(getattr(error, "orig", None) or error).partition("\n")[0].strip().rstrip(".")


class BackgroundWriter(Generic[_T]):
    """Takes items without delay, and writes them a moment later.

    Items that can't be written now stay queued and are tried again; a full queue drops what comes, and counts it.
    """

    def __init__(self, write: Callable[[Sequence[_T]], int], *, capacity: int, name: str) -> None:
        """Start with an empty queue; the thread starts with the first item. The warning names the database.

        `write` takes a batch and returns how many items were refused for good; it raises where nothing can be written
        now.
        """
        self._write, self._capacity, self._name = write, capacity, name
        self._reset()
        atexit.register(self.close)
        own = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: None if (writer := own()) is None else writer._reset())

    def _reset(self) -> None:
        """Begin anew; in a forked child the thread is gone, and the queued items are the parent's to write."""
        self._items: deque[tuple[_T, int]] = deque()
        self._characters = 0
        self._lost = 0
        self._warned = False
        self._thread: threading.Thread | None = None
        self._lock, self._writing = threading.Lock(), threading.Lock()  # of the queue; of the one who writes
        self._wake, self._closed = threading.Event(), threading.Event()

    @property
    def lost(self) -> int:
        """Items dropped or refused so far."""
        return self._lost

    @property
    def queued(self) -> int:
        """Items that wait to be written."""
        return len(self._items)

    @property
    def closed(self) -> bool:
        """Whether nothing is taken any more."""
        return self._closed.is_set()

    def put(self, item: _T, characters: int) -> None:
        """Queue an item that holds so many characters of text, or drop and count it; never raises, never waits."""
        with self._lock:
            refused = self._closed.is_set() or len(self._items) >= self._capacity
            if refused or self._characters + characters > MAX_CHARACTERS:
                self._lost += 1
                refused = True
            else:
                self._items.append((item, characters))
                self._characters += characters
        if refused:
            self._warn("it is closed" if self.closed else "its queue is full")
            return
        if self._thread is None:
            self._start()
        if not self._wake.is_set():
            self._wake.set()

    def flush(self) -> str | None:
        """Write what is queued now; return in a line why that failed, None where it went well."""
        with self._writing:
            left = len(self._items)
            while left > 0:
                with self._lock:
                    batch = [item for item, _ in islice(self._items, min(left, BATCH))]
                try:
                    refused = self._write(batch)
                except Exception as e:
                    self._warn(why := reason(e))
                    return why
                self._drop(len(batch), refused)
                left -= len(batch)
        return None

    def close(self) -> None:
        """Write what is queued, count as lost what can't be, and take nothing more."""
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
        self._wake.set()
        self.flush()
        with self._writing:
            self._drop(len(self._items), len(self._items))
        if self._thread is not None and self._thread.is_alive():
            self._thread.join()
        atexit.unregister(self.close)

    def _drop(self, n: int, refused: int) -> None:
        """Take the `n` oldest items off the queue, of which so many were refused."""
        with self._lock:
            for _ in range(n):
                self._characters -= self._items.popleft()[1]
            self._lost += refused
        if refused:
            self._warn("rows were refused")

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None:
                return
            self._thread = threading.Thread(target=self._run, name="zeta-history", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as e:  # no thread is to be had: `flush` and `close` still write
            self._warn(str(e))

    def _run(self) -> None:
        while not self._closed.is_set():
            self._wake.wait()
            self._closed.wait(LINGER_S)
            self._wake.clear()
            if self.flush() is not None:
                self._closed.wait(RETRY_S)
                self._wake.set()

    def _warn(self, why: str) -> None:
        if not self._warned:
            self._warned = True
            logging.getLogger(__name__).warning(
                "The history %s misses a write (%s). Routing goes on: up to %d decisions wait to be written, more are "
                "dropped and counted in `lost`. This is said once.",
                self._name,
                why,
                self._capacity,
            )

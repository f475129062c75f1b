"""Forks: nobody is inside a database at that moment, locks are nobody's, and the child begins anew.

A child has the thread that forked alone, but memory as it was. A lock that another thread held stays held there for
ever, Python's as well as those in the libraries of databases. So a fork waits until all threads are outside.
"""

import os
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

WAIT_S: Final = 15.0
"""Longest wait for the threads inside before the process forks all the same, in seconds."""


class Gate:
    """Lets threads in, except while the process forks."""

    def __init__(self) -> None:
        """Open, and shut around every fork from now on."""
        self._reset()
        os.register_at_fork(before=self._shut, after_in_parent=self._open, after_in_child=self._reset)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be inside; a thread may enter again while it is."""
        me = threading.get_ident()
        with self._changed:
            self._changed.wait_for(lambda: not self._forking or me in self._inside)
            self._inside[me] += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= Counter([me])
                self._changed.notify_all()

    def _reset(self) -> None:
        self._changed = threading.Condition()
        self._inside: Counter[int] = Counter()
        self._forking = 0

    def _shut(self) -> None:
        own = {threading.get_ident()}
        with self._changed:
            self._forking += 1
            self._changed.wait_for(lambda: self._inside.keys() <= own, WAIT_S)

    def _open(self) -> None:
        with self._changed:
            self._forking -= 1
            self._changed.notify_all()


STORES: Final = Gate()
"""Around all that uses a history's database."""


def held_over_forks(owner: Any) -> None:
    """Hold an owner's `_lock`, an RLock, around every fork, and give the child's owner a new one."""
    own = weakref.ref(owner)
    held: list[Any] = []  # what this fork took: the owner may be gone after it, or the lock not to be had

    def take() -> None:
        if (it := own()) is not None and it._lock.acquire(timeout=WAIT_S):
            held.append(it._lock)

    def give() -> None:
        if held:
            held.pop().release()

    def renew() -> None:
        held.clear()
        if (it := own()) is not None:
            it._lock = threading.RLock()

    os.register_at_fork(before=take, after_in_parent=give, after_in_child=renew)

"""Run work in a thread, while the cell that waits for the work shows progress and can be interrupted."""

from collections.abc import Callable
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")

TICK_S = 0.1
"""Time between two looks at the work, in seconds."""
GRACE_S = 10.0
"""Longest wait for work to end after an interruption, in seconds; a model that is loading can't be stopped."""


def wait_for(work: Callable[[Callable[[], None]], T], tick: Callable[[], None]) -> T:
    """Do some work in a thread of its own, call `tick` every TICK_S meanwhile, and return what the work returns.

    The work takes a function to call often, which raises KeyboardInterrupt once the cell was interrupted.
    """
    stop, made, failed = Event(), list[T](), list[BaseException]()

    def check() -> None:
        if stop.is_set():
            raise KeyboardInterrupt

    def body() -> None:
        try:
            made.append(work(check))
        except BaseException as e:
            failed.append(e)

    thread = Thread(target=body, name="zeta", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(TICK_S)
            tick()
    except BaseException:
        stop.set()
        thread.join(GRACE_S)
        raise
    if failed:
        raise failed[0]
    return made[0]

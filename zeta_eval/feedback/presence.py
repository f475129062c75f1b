"""Whether a history's file is still the one that was opened: one that was deleted or moved takes rows with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

Stamp = tuple[int, int] | None
"""What tells a file from another one of its name: its device and number; None where there is none."""


class Presence:
    """The file of a history in SQLite; a history elsewhere (`file` None) is always there."""

    def __init__(self, file: Path | None) -> None:
        """Take a file before it is opened."""
        self.file = file
        self.stamp: Stamp = None
        """The file that is in use."""

    def note(self) -> None:
        """Take the file that is there now for the one in use."""
        self.stamp = self._now()

    @property
    def gone(self) -> bool:
        """Whether the file in use is not there any more, or another one is in its place."""
        return self._now() != self.stamp

    def _now(self) -> Stamp:
        if self.file is None:
            return None
        try:
            found = self.file.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let one process at a time make a file in a folder, where the platform can."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def drop_leftovers(file: Path) -> None:
    """Remove what SQLite keeps beside a file that is gone: it would take it for a new file's."""
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)

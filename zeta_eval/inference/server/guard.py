"""Ends a server that this process started where this process ends without stopping it, as by `kill -9`."""

import subprocess
from typing import Final

ENDS: Final = 'read -r line; kill -TERM "-$1"; sleep 5; kill -KILL "-$1"'
"""What the guard's shell does: its input ends with the process that holds the other end, in whatever way."""


def guard(group: int) -> subprocess.Popen[bytes]:
    """Start a small process that ends a process group once this process is gone; kill it when the group is stopped."""
    return subprocess.Popen(
        ["/bin/sh", "-c", ENDS, "guard", str(group)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # what ends this process's group must not take the guard with it
    )

"""`python -m zeta_eval.tracking.follow NAME FILE SECONDS [STORE]`: keeps a file as the registry has a policy.

It runs beside a server, so that the server's own process never imports MLflow. It ends when its standard input does.
"""

from __future__ import annotations

import select
import sys
from pathlib import Path

from zeta_eval.exceptions import ZetaError, one_line
from zeta_eval.files import replacing
from zeta_eval.tracking.registry import Registry


def follow(name: str, file: Path, every_s: float, store: str | None) -> int:
    """Write a registered policy's file, and again whenever it is another; returns the exit code.

    A registry that does not answer later on is said once, and asked again.
    """
    registry, before, said = Registry(store), "", ""
    while True:
        try:
            if (version := registry.version(name)) != before:
                content = registry.content(name)
                with replacing(file) as temp:
                    temp.write_bytes(content)
                before, said = version, ""
        except Exception as e:  # of MLflow, which may raise anything
            why = " ".join((str(e) if isinstance(e, ZetaError) else one_line(e)).split())
            if not before:
                sys.stderr.write(f"zeta: {why}\n")
                return e.exit_code if isinstance(e, ZetaError) else 1
            if said != why:
                sys.stderr.write(f"The policy in use stays: {why}\n")
            said = why
        if select.select([sys.stdin], [], [], every_s)[0] and not sys.stdin.read(1):
            return 0


if __name__ == "__main__":
    name, file, every_s, *store = sys.argv[1:]
    sys.exit(follow(name, Path(file), float(every_s), store[0] if store else None))

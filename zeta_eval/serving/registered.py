"""Follows a registered policy: another process asks MLflow, and writes the champion's file where it is looked at."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from zeta_eval.exceptions import PolicyError
from zeta_eval.serving.settings import ServeSettings

PREFIX: Final = "models:/"
"""What a registered name begins with."""
START_S: Final = 120.0
"""Longest time until the registry has given the policy, in seconds."""


def followed(settings: ServeSettings, folder: Path, stack: ExitStack) -> Path:
    """The file of the policy: the one that is named, or one that is kept as the registry has it.

    Raises:
        PolicyError: the registry has no such version.
    """
    if not settings.policy.startswith(PREFIX):
        return Path(settings.policy)
    file = folder / "policy.json"
    command = [sys.executable, "-m", "zeta_eval.tracking.follow", settings.policy, str(file), str(settings.reload_s)]
    if settings.mlflow is not None:
        command.append(settings.mlflow)
    process = subprocess.Popen(  # ends when this pipe does, however we end; Ctrl-C is not for it
        command, stdin=subprocess.PIPE, start_new_session=True
    )
    stack.callback(_ended, process)
    ends_s = time.monotonic() + START_S
    while not file.exists():
        if process.poll() is not None or time.monotonic() > ends_s:
            raise PolicyError(f"{settings.policy} could not be read; the lines above say why.")
        time.sleep(0.05)
    return file


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdin is not None:
        process.stdin.close()

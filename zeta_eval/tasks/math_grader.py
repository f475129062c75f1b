"""Compares mathematical answers with math-verify in a helper process, which is ended when a comparison hangs.

math-verify bounds its own work by SIGALRM, which needs a main thread and can't interrupt a big power of integers. The
helper is a plain interpreter that runs `math_worker.py`, not a multiprocessing child, so that neither a
fork of a process with threads nor a second import of the caller's script takes place.
"""

import atexit
import functools
import json
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

logger = logging.getLogger(__name__)

WORKER = Path(__file__).with_name("math_worker.py")
"""The helper's program."""


class MathGrader:
    """A helper process that grades one answer at a time; it starts with the first answer and again after a hang."""

    def __init__(self, *, limit_s: float = 10.0) -> None:
        """Set how long one answer may take before its helper is ended."""
        self.limit_s = limit_s
        self._lock = threading.Lock()
        self._helper: subprocess.Popen[str] | None = None
        self._usable = True

    def grade(self, gold: str, response: str) -> tuple[bool, bool] | None:
        """Whether a response is right, and whether an answer was found in it; None if the helper couldn't tell."""
        with self._lock:
            try:
                helper = self._helper or self._start()
                if helper is None:
                    return None
                assert helper.stdin is not None
                assert helper.stdout is not None
                helper.stdin.write(json.dumps([gold, response]) + "\n")
                helper.stdin.flush()
                right, parsed = json.loads(helper.stdout.readline())
                return bool(right), bool(parsed)
            except (OSError, ValueError):  # the helper has ended: its pipe is broken or its line is empty
                logger.info("math-verify took more than %s s or failed on a target %r", self.limit_s, gold)
                self._stop()
                return None
            except BaseException:  # an interrupt: the reply still to come must not meet the next question
                self._stop()
                raise

    def close(self) -> None:
        """End the helper."""
        with self._lock:
            self._stop()

    def _start(self) -> subprocess.Popen[str] | None:
        """Start the helper; None (and a warning, once) where it can't run."""
        if not self._usable:
            return None
        try:
            # -P: the folder of the program, with its `embedding.py` and others, stays off the module path.
            helper = subprocess.Popen(
                [sys.executable, "-P", str(WORKER), str(self.limit_s)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
                start_new_session=True,  # Ctrl-C is the caller's
            )
        except OSError:
            helper = None
        self._helper = helper
        if helper is None or helper.stdout is None or helper.stdout.readline() != "ready\n":
            logger.warning("math-verify can't run in a helper process; mathematical answers are compared as text.")
            self._usable = False
            self._stop()
            return None
        return helper

    def _stop(self) -> None:
        helper, self._helper = self._helper, None
        if helper is not None:
            helper.kill()
            for pipe in (helper.stdin, helper.stdout):
                try:
                    if pipe is not None:
                        pipe.close()
                except OSError:  # what was not written any more
                    pass
            helper.wait()


@functools.cache
def grader() -> MathGrader:
    """The process's own grader, ended with it."""
    made = MathGrader()
    atexit.register(made.close)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=grader.cache_clear)  # two processes on one pipe would swap replies
    return made

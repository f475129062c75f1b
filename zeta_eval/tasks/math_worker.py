"""The helper process of `math_grader`: reads [gold, response] lines of JSON, writes [right, parsed] lines.

Started as a program, never imported: `python -P math_worker.py LIMIT_S`.
"""

import contextlib
import faulthandler
import json
import os
import sys
from typing import Any

MEMORY_LIMIT = 4 << 30
"""Bytes of address space: a huge power ends in a MemoryError here, not in the caller's machine."""


def grade(gold: str, response: str) -> tuple[bool, bool]:
    """Whether the response holds the gold answer, and whether it holds any."""
    from math_verify import parse, verify

    wanted: list[Any] = parse(gold if "$" in gold or "\\boxed" in gold else f"${gold}$", parsing_timeout=3)
    found: list[Any] = parse(response, parsing_timeout=3)
    return bool(found) and bool(verify(wanted, found, timeout_seconds=3)), bool(found)


def main() -> None:
    """Answer until the input ends."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    sys.stdout = sys.stderr  # nothing a parser prints may pass for a reply
    limit_s = float(sys.argv[1])
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    grade("1", "1")  # imports, before any clock runs
    print("ready", file=replies, flush=True)
    for line in sys.stdin:
        # A watchdog thread of the interpreter ends the process even inside a long computation in C.
        faulthandler.dump_traceback_later(limit_s, exit=True)
        reply = grade(*json.loads(line))
        faulthandler.cancel_dump_traceback_later()
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()

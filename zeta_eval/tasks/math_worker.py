"""The helper process of `math_grader`: reads [gold, answer] lines of JSON, writes [right, parsed] lines.

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


def grade(gold: str, answer: str) -> tuple[bool, bool]:
    """Whether a formula equals the gold one, and whether it could be read; formulas stand without dollar signs."""
    from math_verify import LatexExtractionConfig, parse, verify

    # Without LaTeX's own rules alone, a number within a formula that can't be read would pass for its value.
    config = [LatexExtractionConfig()]
    wanted, found = (
        parse(f"${text}$", config, fallback_mode="no_fallback", parsing_timeout=3) for text in (gold, answer)
    )
    equal = bool(wanted) and bool(found) and bool(verify(wanted, found, timeout_seconds=3))
    return equal and _close(wanted[0], found[0]), bool(found)


def _close(gold: Any, answer: Any) -> bool:
    """Whether two expressions have the same value to 1e-6 of it, at a point: math-verify rounds to six places."""
    from sympy import Expr, N, Rational

    if not (isinstance(gold, Expr) and isinstance(answer, Expr)):
        return True
    symbols = sorted(gold.free_symbols | answer.free_symbols, key=str)
    at = {symbol: Rational(3 + 2 * i, 2 + i) for i, symbol in enumerate(symbols)}
    a, b = (N(side.subs(at), 30) for side in (gold, answer))
    if not (a.is_number and b.is_number and a.is_finite and b.is_finite):
        return True
    return bool(abs(a - b) <= Rational(1, 10**6) * max(abs(a), abs(b)))


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

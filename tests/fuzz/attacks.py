"""Runs a piece of work on many hostile inputs: it may refuse each in one clear line, and nothing else may go wrong.

ZETA_FUZZ_CASES says how many cases each fuzzer tries: few by default, 10000 for an hour.
"""

import json
import os
import resource
import signal
import time
import traceback
from collections import Counter
from contextlib import contextmanager

import pytest
from mutations import rngs

from zeta_eval.exceptions import LONGEST, ZetaError, escaped

CASES = int(os.environ.get("ZETA_FUZZ_CASES", "0"))
"""Cases of each fuzzer; 0 leaves it to the fuzzer."""
SEED = int(os.environ.get("ZETA_FUZZ_SEED", "0"))
"""Seed of all cases."""
HANG_S = 10
"""Longest time of a case."""
GROWTH_KB = 2**20
"""Most memory that the cases of a fuzzer may take: 1 GB."""


class HangError(BaseException):
    """A case that takes too long."""


@contextmanager
def in_time():
    """End what takes longer than `HANG_S`."""

    def ring(*_):
        raise HangError

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(HANG_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def peak_kb():
    """Most memory that this process has had, in KB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def attack(name, work, *, usual):
    """Call `work(rng)` for every case, `usual` of them by default; it returns whether its input was taken.

    What it refuses must be a ZetaError in one line. Anything else fails the test, each kind once, with its case.
    """
    wrong, taken, before, longest_s = {}, Counter(), peak_kb(), 0.0
    cases = CASES or usual
    for case, rng in rngs(f"{name} {SEED}", cases):
        began = time.perf_counter()
        try:
            with in_time():
                taken["taken" if work(rng) else "refused"] += 1
        except ZetaError as e:
            taken["refused"] += 1
            said = str(e)
            if len(said) > LONGEST or said != escaped(said) or not said.strip():
                wrong.setdefault(f"message: {said[:40]!r}", (case, said[:1000]))
        except (Exception, HangError) as e:
            where = traceback.extract_tb(e.__traceback__)
            last = [f"{f.filename.rpartition('/')[2]}:{f.lineno}" for f in where if "zeta_eval" in f.filename][-1:]
            wrong.setdefault(f"{type(e).__name__} {last}", (case, "".join(traceback.format_exception(e))[-1500:]))
        longest_s = max(longest_s, time.perf_counter() - began)
    grown = peak_kb() - before
    told(name, cases, taken, wrong, grown, longest_s)
    if wrong:
        case, said = next(iter(wrong.values()))
        pytest.fail(f"{name}: {len(wrong)} kinds of failure: {list(wrong)}; the first is case {case}:\n{said}")
    assert grown < GROWTH_KB, f"{name} took {grown / 2**20:.1f} GB"
    assert taken["refused"], f"{name} refused none of {cases} cases: it mutates nothing"


def told(name, cases, taken, wrong, grown, longest_s):
    """Write the counts as a line of the file that ZETA_FUZZ_LOG names."""
    if path := os.environ.get("ZETA_FUZZ_LOG"):
        found = {"grown_mb": grown // 1024, "longest_s": round(longest_s, 2), "wrong": len(wrong)}
        line = {"fuzzer": name, "cases": cases, "seed": SEED} | taken | found
        with open(path, "a") as file:  # noqa: PTH123 - appended to by several processes
            file.write(json.dumps(line | {"kinds": wrong}) + "\n")

"""Notices when the complexity of queries, or a size's success or latency, has changed. Standard library only.

The test is Page and Hinkley's (Page 1954, Biometrika 41; Hinkley 1971, Biometrika 58), run once for a rise and once for
a fall. It sums by how much each value exceeds the mean, less an allowance per value. The mean has changed when the sum
stands more than `threshold` above its lowest point, and the lowest point says when. Values are divided by their own
standard deviation, so that one threshold fits complexity, success and latency alike.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from zeta_eval.feedback.latency import clip, within

if TYPE_CHECKING:
    import pandas as pd

KEPT = 100
"""Most events that are kept, and most recent values among which the moment of a change is looked for."""

ALLOWANCE = 0.25
"""Change of the mean, in standard deviations, that is ignored: half of a change worth finding."""

LAST_S = 253402300799.0
"""Last time that a date can tell, in seconds since the epoch."""

LARGEST_LOG = 200.0
"""Largest logarithm of a latency."""

LEAST = 50
"""Number of values before the first test."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftEvent:
    """A change of complexity, success or latency."""

    what: str
    """"complexity", "success" or "latency"."""
    size: str | None
    """The size that changed; None for complexity."""
    since_s: float
    """Estimated time of the change, in seconds since the epoch."""
    found_s: float
    """Time at which the change was found."""
    before: float
    """Mean before: complexity, share right, or geometric mean of the latency in seconds."""
    after: float
    """Mean since the change."""
    n_before: int
    """Number of values before the change."""
    n_after: int
    """Number of values since the change."""

    def __str__(self) -> str:
        """Describe the change in a line."""
        of = f" of {self.size}" if self.size else ""
        when = datetime.fromtimestamp(self.since_s, UTC).strftime("%Y-%m-%d %H:%M:%S")
        return (
            f"{self.what}{of} changed from {self.before:.3g} to {self.after:.3g} about {when} UTC "
            f"({self.n_before} values before, {self.n_after} since)"
        )


class _Side:
    """Page's sum for a rise (sign 1) or a fall (-1), and the latest values since its lowest point."""

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.excess = 0.0
        self.since: deque[tuple[float, float]] = deque(maxlen=KEPT)


class PageHinkley:
    """Tests whether the mean of one stream of numbers has changed; the memory has a fixed size."""

    def __init__(self, *, threshold: float = 25.0) -> None:
        """Start without values; `threshold` is the sum, in standard deviations, from which the mean has changed."""
        self.threshold = threshold
        self._n, self._mean, self._squares = 0, 0.0, 0.0
        self._sides = _Side(1), _Side(-1)

    def to_dict(self) -> dict[str, Any]:
        """The state of the test, as JSON values."""
        sides = [[side.excess, [list(seen) for seen in side.since]] for side in self._sides]
        return {"n": self._n, "mean": self._mean, "squares": self._squares, "sides": sides}

    def restore(self, data: Mapping[str, Any]) -> None:
        """Go on from what `to_dict` gave; a ValueError where a number is out of its range."""
        self._n, self._mean = int(within(data["n"], 0)), within(data["mean"])
        self._squares = within(data["squares"], 0)
        for side, (excess, since) in zip(self._sides, data["sides"], strict=True):
            side.excess = within(excess)
            side.since.extend((within(value), within(at_s, 0, LAST_S)) for value, at_s in since)

    def see(self, value: float, at_s: float) -> tuple[float, float, int, int, float] | None:
        """Take a value; where the mean has changed, return the means and the counts before and after, and the time.

        The test then starts anew.
        """
        found = self._test(value, at_s) if self._n >= LEAST else None
        if found is not None:
            self._n, self._mean, self._squares = 0, 0.0, 0.0
            self._sides = _Side(1), _Side(-1)
        self._n += 1
        off = value - self._mean
        self._mean += off / self._n
        self._squares += off * (value - self._mean)
        return found

    def _test(self, value: float, at_s: float) -> tuple[float, float, int, int, float] | None:
        spread = max(math.sqrt(self._squares / self._n), 1e-3 * abs(self._mean), 1e-9)
        z = (value - self._mean) / spread
        for side in self._sides:
            side.excess += side.sign * z - ALLOWANCE
            if side.excess <= 0.0:
                side.excess = 0.0
                side.since.clear()
                continue
            side.since.append((value, at_s))
            if side.excess > self.threshold:
                return self._split(side.since, self._mean * self._n + value)
        return None

    def _split(self, since: Sequence[tuple[float, float]], total: float) -> tuple[float, float, int, int, float]:
        """Split the latest values where the mean most likely changed (Hinkley 1971); means, counts and time."""
        n = self._n + 1
        mean = (total - sum(v for v, _ in since)) / (n - len(since)) if n > len(since) else self._mean
        off, best, after = 0.0, -1.0, 1
        for k in range(1, len(since) + 1):
            off += since[-k][0] - mean
            if off * off / k > best:
                best, after = off * off / k, k
        rest = sum(v for v, _ in list(since)[-after:])
        return (total - rest) / max(n - after, 1), rest / after, n - after, after, since[-after][1]


class Drift:
    """Watches the complexity of queries, and the success and latency of every size, for changes.

    >>> drift = Drift()
    >>> for second in range(300):
    ...     event = drift.success("4B", score=1.0 if second < 200 else 0.0, at_s=second) or None
    >>> print(drift.events[0])
    success of 4B changed from 1 to 0 about 1970-01-01 00:03:20 UTC (200 values before, 1 since)
    """

    def __init__(self, *, threshold: float = 25.0) -> None:
        """Start without values; a greater `threshold` takes longer and gives fewer false alarms (see `PageHinkley`)."""
        self.threshold = threshold
        self.events: deque[DriftEvent] = deque(maxlen=KEPT)
        """The latest changes, oldest first."""
        self._tests: dict[tuple[str, str | None], PageHinkley] = {}

    def complexity(self, score: float, *, at_s: float | None = None) -> DriftEvent | None:
        """Take the complexity of a query."""
        return self._see("complexity", None, score, at_s)

    def success(self, size: str, score: float, *, at_s: float | None = None) -> DriftEvent | None:
        """Take the score of a size's answer, in [0, 1]."""
        return self._see("success", size, score, at_s)

    def latency(self, size: str, latency_s: float, *, at_s: float | None = None) -> DriftEvent | None:
        """Take the latency of a size's answer; the test runs on its logarithm, because latencies are skewed."""
        return self._see("latency", size, math.log(max(latency_s, 1e-6)), at_s)

    @classmethod
    def of(cls, decisions: pd.DataFrame, *, threshold: float = 25.0) -> Drift:
        """Watch the decisions of a history: `Drift.of(history.frame()).events`; escalated queries give no latency."""
        drift = cls(threshold=threshold)
        for row in decisions.to_dict("records"):
            at_s = datetime.fromisoformat(str(row["created_at"])).timestamp()
            if _number(row["difficulty"]):
                drift.complexity(float(row["difficulty"]), at_s=at_s)
            final = row["final_size"]
            if isinstance(final, str) and _number(row["score"]):
                drift.success(final, float(row["score"]), at_s=at_s)
            if isinstance(final, str) and _number(row["latency_s"]) and len(row["steps"]) == 1:
                drift.latency(final, float(row["latency_s"]), at_s=at_s)
        return drift

    def to_dict(self) -> dict[str, Any]:
        """The events and the state of the tests, as JSON values."""
        tests = [[what, size, test.to_dict()] for (what, size), test in self._tests.items()]
        return {"threshold": self.threshold, "events": [asdict(event) for event in self.events], "tests": tests}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Drift:
        """Go on from what `to_dict` gave; a KeyError, TypeError or ValueError where a field is missing or wrong."""
        drift = cls(threshold=within(data["threshold"], 0))
        drift.events.extend(map(_event, data["events"]))
        for what, size, seen in data["tests"]:
            test = drift._tests[what, size] = PageHinkley(threshold=drift.threshold)
            test.restore(seen)
        return drift

    def _see(self, what: str, size: str | None, value: float, at_s: float | None) -> DriftEvent | None:
        if (what, size) not in self._tests:
            self._tests[what, size] = PageHinkley(threshold=self.threshold)
        at_s = time.time() if at_s is None else at_s
        if (found := self._tests[what, size].see(value, at_s)) is None:
            return None
        before, after = (math.exp(clip(x, LARGEST_LOG)) if what == "latency" else x for x in found[:2])
        n = {"n_before": found[2], "n_after": found[3]}
        event = DriftEvent(what=what, size=size, since_s=found[4], found_s=at_s, before=before, after=after, **n)
        self.events.append(event)
        return event


def _event(given: Mapping[str, Any]) -> DriftEvent:
    """An event from JSON values; a KeyError, TypeError or ValueError where one is missing or wrong."""
    if not isinstance(given["what"], str) or not isinstance(given["size"], str | None):
        raise ValueError("events")
    times = {name: within(given[name], 0, LAST_S) for name in ("since_s", "found_s")}
    means = {name: within(given[name]) for name in ("before", "after")}
    counts = {name: int(within(given[name], 0)) for name in ("n_before", "n_after")}
    return DriftEvent(**{**given, **times, **means, **counts})


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)

"""Drift: an event with numbers when complexity, success or latency changes. Standard library only.

Page-Hinkley's test (Page 1954, Biometrika 41; Hinkley 1971, Biometrika 58), run for a rise and for a fall: the sum of
what values exceed their mean by, less an allowance per value, is compared with its lowest point so far; once it is
`threshold` above, the mean has changed, and the lowest point is when. Values are taken in units of their own standard
deviation, so that one setting fits every signal.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

KEPT = 100
"""Events that are remembered, and newest values among which the moment of a change is sought."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftEvent:
    """A change that was found."""

    what: str
    """"complexity", "success" or "latency"."""
    size: str | None
    """The size that changed; None for complexity."""
    since_s: float
    """When the change began, by the test's estimate, in seconds since the epoch."""
    found_s: float
    """When it was found."""
    before: float
    """Mean before: difficulty, share right, or geometric mean of the latency in seconds."""
    after: float
    """Mean since the change."""
    n_before: int
    """Values before."""
    n_after: int
    """Values since."""

    def __str__(self) -> str:
        """Say it in a line."""
        of = f" of {self.size}" if self.size else ""
        when = datetime.fromtimestamp(self.since_s, UTC).isoformat(sep=" ", timespec="seconds")
        return (
            f"{self.what}{of} changed from {self.before:.3g} to {self.after:.3g} about {when} UTC "
            f"({self.n_before} values before, {self.n_after} since)"
        )


class _Side:
    """Page's sum for a rise (sign 1) or a fall (-1), and the newest values since its lowest point."""

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.excess = 0.0
        self.since: deque[tuple[float, float]] = deque(maxlen=KEPT)


class PageHinkley:
    """The test on one stream of numbers; its state has a fixed size."""

    def __init__(self, *, allowance: float = 0.25, threshold: float = 25.0, least: int = 50) -> None:
        """Set the test.

        Args:
            allowance: Change of the mean, in standard deviations, that is let pass; half of what is to be found.
            threshold: Sum, in standard deviations, that counts as a change.
            least: Values before the first test, and values that standard deviations need.
        """
        self.allowance, self.threshold, self.least = allowance, threshold, least
        self._n, self._mean, self._squares = 0, 0.0, 0.0
        self._sides = _Side(1), _Side(-1)

    def to_dict(self) -> dict[str, Any]:
        """What it has seen, as JSON values."""
        sides = [[side.excess, [list(seen) for seen in side.since]] for side in self._sides]
        return {"n": self._n, "mean": self._mean, "squares": self._squares, "sides": sides}

    def restore(self, data: Mapping[str, Any]) -> None:
        """Go on from what `to_dict` gave.

        Raises:
            ValueError: a number is not finite.
        """
        self._n, self._mean, self._squares = int(data["n"]), _finite(data["mean"]), _finite(data["squares"])
        for side, (excess, since) in zip(self._sides, data["sides"], strict=True):
            side.excess = _finite(excess)
            side.since.extend((_finite(value), _finite(at_s)) for value, at_s in since)

    def see(self, value: float, at_s: float) -> tuple[float, float, int, int, float] | None:
        """Take a value; where the mean has changed, return it before and after, the counts of both, and since when.

        The test then starts anew.
        """
        found = self._test(value, at_s) if self._n >= self.least else None
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
            side.excess += side.sign * z - self.allowance
            if side.excess <= 0.0:
                side.excess = 0.0
                side.since.clear()
                continue
            side.since.append((value, at_s))
            if side.excess > self.threshold:
                return self._split(side.since, self._mean * self._n + value)
        return None

    def _split(self, since: Sequence[tuple[float, float]], total: float) -> tuple[float, float, int, int, float]:
        """Where among the newest values the mean most likely changed (Hinkley 1971), and the means of both parts."""
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
    """Watches complexity, and every size's success and latency; state of a fixed size per ladder."""

    def __init__(self, *, threshold: float = 25.0) -> None:
        """Start with nothing seen; a greater `threshold` takes longer and errs less (see `PageHinkley`)."""
        self.threshold = threshold
        self.events: deque[DriftEvent] = deque(maxlen=KEPT)
        """The newest changes, oldest first."""
        self._tests: dict[tuple[str, str | None], PageHinkley] = {}

    def complexity(self, difficulty: float, *, at_s: float | None = None) -> DriftEvent | None:
        """Take a query's difficulty."""
        return self._see("complexity", None, difficulty, at_s)

    def success(self, size: str, score: float, *, at_s: float | None = None) -> DriftEvent | None:
        """Take the score in [0, 1] of an answer."""
        return self._see("success", size, score, at_s)

    def latency(self, size: str, latency_s: float, *, at_s: float | None = None) -> DriftEvent | None:
        """Take an answer's latency; its logarithm is tested, for latencies are skewed."""
        return self._see("latency", size, math.log(max(latency_s, 1e-6)), at_s)

    @classmethod
    def of(cls, decisions: pd.DataFrame, *, threshold: float = 25.0) -> Drift:
        """Watch what a history holds: `Drift.of(history.frame()).events`; queries that escalated have no latency."""
        drift = cls(threshold=threshold)
        for row in _rows(decisions):
            at_s = datetime.fromisoformat(str(row["created_at"])).timestamp()
            drift.complexity(float(row["difficulty"]), at_s=at_s)
            final = row["final_size"]
            if isinstance(final, str) and _number(row["score"]):
                drift.success(final, float(row["score"]), at_s=at_s)
            if isinstance(final, str) and _number(row["latency_s"]) and len(row["steps"]) == 1:
                drift.latency(final, float(row["latency_s"]), at_s=at_s)
        return drift

    def to_rows(self) -> list[dict[str, Any]]:
        """Return the events as JSON values."""
        return [asdict(event) for event in self.events]

    def to_dict(self) -> dict[str, Any]:
        """Events and what the tests have seen, as JSON values."""
        tests = [[what, size, test.to_dict()] for (what, size), test in self._tests.items()]
        return {"threshold": self.threshold, "events": self.to_rows(), "tests": tests}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Drift:
        """Go on from what `to_dict` gave.

        Raises:
            KeyError, TypeError, ValueError: a field is missing, misnamed or not finite.
        """
        drift = cls(threshold=_finite(data["threshold"]))
        drift.events.extend(DriftEvent(**event) for event in data["events"])
        for what, size, seen in data["tests"]:
            test = drift._tests[what, size] = PageHinkley(threshold=drift.threshold)
            test.restore(seen)
        return drift

    def _see(self, what: str, size: str | None, value: float, at_s: float | None) -> DriftEvent | None:
        test = self._tests.get((what, size))
        if test is None:
            test = self._tests[what, size] = PageHinkley(threshold=self.threshold)
        at_s = time.time() if at_s is None else at_s
        if (found := test.see(value, at_s)) is None:
            return None
        before, after = (math.exp(x) if what == "latency" else x for x in found[:2])
        event = DriftEvent(
            what=what,
            size=size,
            since_s=found[4],
            found_s=at_s,
            before=before,
            after=after,
            n_before=found[2],
            n_after=found[3],
        )
        self.events.append(event)
        return event


def _rows(decisions: pd.DataFrame) -> Iterable[Mapping[str, Any]]:
    names = ["created_at", "difficulty", "final_size", "score", "latency_s", "steps"]
    return ({n: v for n, v in zip(names, row, strict=True)} for row in zip(*(decisions[n] for n in names), strict=True))


def _finite(value: float) -> float:
    if not math.isfinite(value := float(value)):
        raise ValueError(f"{value} is not finite")
    return value


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)

"""What `zeta_eval.feedback.online` remembers: sums of fixed size that fade with time. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

OTHERS = "(others)"
"""The source that all share once there are `SOURCES` of them."""

SOURCES = 8
"""Most sources that are told apart."""

LEAST_FADE = 1e-3
"""Share of a half-life in which a change does not fade: labels that come fast need not all be scaled each time."""

NOISE = 2.0
"""Standard errors within which a change of latency counts as none."""

OUTLIER = 20.0
"""A latency counts at most so many times the expected one."""


class Shift:
    """Changes of log-odds that labels brought, each with its labels, kept apart by source.

    A label moves a change by 4 * gradient / (labels + prior): Newton's step for a logistic intercept with a prior worth
    `prior` labels, the variance p (1 - p) taken at its bound of 1/4 so that a surprise can't overshoot (Boehning and
    Lindsay 1988). At p = 1/2 that is the mean of a Beta distribution with `prior` pseudo-counts, label by label.
    """

    __slots__ = ("by", "labels", "right", "time_s", "total")

    def __init__(self, width: int, time_s: float) -> None:
        """Start `width` changes at zero."""
        self.labels = [0.0] * width
        """Labels that still count, per change."""
        self.right = [0.0] * width
        """Sum of their scores."""
        self.by: dict[str, list[float]] = {}
        """Per source, its part of each change."""
        self.total = (0.0,) * width
        """The changes, all sources together."""
        self.time_s = time_s
        """When they last faded."""

    def fade(self, now_s: float, half_life_s: float) -> None:
        """Let labels and changes go back towards none."""
        if now_s - self.time_s < LEAST_FADE * half_life_s:
            return
        left, self.time_s = faded(now_s - self.time_s, half_life_s), now_s
        self.labels = [x * left for x in self.labels]
        self.right = [x * left for x in self.right]
        self.by = {source: [x * left for x in parts] for source, parts in self.by.items()}
        self.total = tuple(x * left for x in self.total)

    def count(self, i: int, score: float, most: float) -> None:
        """Count a label of change `i`; of more than `most` the older ones count less."""
        keep = min(1.0, most / (self.labels[i] + 1.0))
        self.labels[i] = (self.labels[i] + 1.0) * keep
        self.right[i] = (self.right[i] + score) * keep

    def step(
        self, i: int, source: str, gradient: float, *, prior: float, cap: float, others: range, share: float
    ) -> None:
        """Move change `i`, and by a `share` of that the `others`, by a label of `i`.

        A source's part of a change stays within `cap`, all of them together within twice that.
        """
        if source not in self.by:
            source = source if len(self.by) < SOURCES - 1 else OTHERS
            self.by.setdefault(source, [0.0] * len(self.total))
        parts, total = self.by[source], list(self.total)
        before, parts[i] = parts[i], clip(parts[i] + 4.0 * gradient / (self.labels[i] + prior), cap)
        moved = share * (parts[i] - before)
        for j in others:
            if j != i:
                parts[j] = clip(parts[j] + moved, cap)
            total[j] = clip(sum([each[j] for each in self.by.values()]), 2.0 * cap)
        self.total = tuple(total)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def of(cls, data: Mapping[str, Any], width: int) -> Shift:
        """Read from JSON values.

        Raises:
            ValueError: a wrong number of values, or one that is not finite.
        """
        shift = cls(width, float(data["time_s"]))
        shift.labels, shift.right = [*map(float, data["labels"])], [*map(float, data["right"])]
        shift.by = {str(source): [*map(float, parts)] for source, parts in data["by"].items()}
        shift.total = tuple(map(float, data["total"]))
        rows = [shift.labels, shift.right, shift.total, *shift.by.values()]
        if any(len(row) != width for row in rows) or not all(math.isfinite(x) for row in rows for x in row):
            raise ValueError("labels")
        return shift


class Latency:
    """How much slower a size is than expected: a decayed mean, with its noise, and decayed quantiles of the seconds.

    Quantiles follow Robbins and Monro 1951 on a logarithmic scale: each observation moves them by `STEP` times how far
    the share of smaller ones is off.
    """

    __slots__ = ("expected_s", "mean_s", "n", "p50_s", "p95_s", "ratio", "time_s", "variance")

    STEP = 0.1

    def __init__(self, expected_s: float | None, time_s: float) -> None:
        """Start at the expected latency; None takes the mean of the first `window` observations."""
        self.expected_s = expected_s
        """What the policy, or the start, led to expect, in seconds."""
        self.mean_s = 0.0
        """Decayed mean in seconds; 0 before the first observation."""
        self.n = 0.0
        """Observations that still count."""
        self.ratio = 1.0
        """Decayed mean of observed over expected."""
        self.variance = 1.0
        """Decayed variance of that."""
        self.p50_s = self.p95_s = 0.0
        """Decayed quantiles in seconds; 0 before the first observation."""
        self.time_s = time_s
        """When it was last seen."""

    def see(self, latency_s: float, length: float, now_s: float, *, window: float, half_life_s: float) -> None:
        """Note a latency of a query that was expected to take `length` times the usual."""
        left = faded(now_s - self.time_s, half_life_s)
        self.time_s = max(now_s, self.time_s)
        self.n, self.ratio = self.n * left, 1.0 + (self.ratio - 1.0) * left
        seconds = max(latency_s, 1e-6)
        self.p50_s = self._quantile(self.p50_s, seconds, 0.5)
        self.p95_s = self._quantile(self.p95_s, seconds, 0.95)
        self.n = min(self.n + 1.0, window)
        self.mean_s += (seconds - self.mean_s) / self.n
        if self.expected_s is not None:
            rate = 1.0 / (self.n + 2.0)
            miss = min(seconds / max(self.expected_s * length, 1e-6), OUTLIER) - self.ratio
            self.ratio += rate * miss
            self.variance += rate * (miss * miss - self.variance)
        elif self.n >= window - 1e-6:
            self.expected_s = self.mean_s

    def factor(self, now_s: float, half_life_s: float) -> float:
        """By how much expected time is to be multiplied: 1 within noise and, once it is not seen any more, in time."""
        off = self.ratio - 1.0
        if self.n <= 0.0 or off == 0.0:
            return 1.0
        sure = max(0.0, 1.0 - NOISE * NOISE * self.variance / (self.n * off * off))
        return 1.0 + off * sure * faded(now_s - self.time_s, half_life_s)

    def _quantile(self, value: float, seconds: float, share: float) -> float:
        if not value:
            return seconds
        return value * math.exp(self.STEP * (share - (seconds <= value)))

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Latency:
        """Read from JSON values.

        Raises:
            ValueError: a number is not finite.
        """
        expected = data["expected_s"]
        latency = cls(None if expected is None else float(expected), float(data["time_s"]))
        for name in ("mean_s", "n", "ratio", "variance", "p50_s", "p95_s"):
            setattr(latency, name, x := float(data[name]))
            if not math.isfinite(x):
                raise ValueError(name)
        return latency


def clip(x: float, most: float) -> float:
    """A number held within [-most, most]."""
    return min(max(x, -most), most)


def faded(seconds: float, half_life_s: float) -> float:
    """Share that is left after some time, in [0, 1]; a clock that goes back takes nothing."""
    return float(0.5 ** (seconds / half_life_s)) if seconds > 0.0 else 1.0

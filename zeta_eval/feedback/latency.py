"""Mean latency of each size over recent traffic, older measurements counting less. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from zeta_eval.files import LARGEST

NOISE = 2.0
"""Number of standard errors up to which a change of latency is taken for noise."""

OUTLIER = 20.0
"""A latency counts as at most so many times the expected one."""


class Latency:
    """Latency of one size: its ratio to the expected latency, with its noise, and quantiles in seconds.

    The memory is a few numbers, however many measurements come. Quantiles follow Robbins and Monro 1951 on a
    logarithmic scale: each measurement moves a quantile by `STEP` times the gap between its share and the share of
    smaller measurements.
    """

    __slots__ = ("expected_s", "mean_s", "n", "p50_s", "p95_s", "ratio", "time_s", "variance")

    STEP = 0.1

    def __init__(self, expected_s: float | None, time_s: float) -> None:
        """Start at the expected latency; None takes the mean of the first `window` measurements."""
        self.expected_s = expected_s
        """Expected latency in seconds: the policy's, or the mean of the first measurements."""
        self.mean_s = 0.0
        """Mean in seconds; 0 before the first measurement."""
        self.n = 0.0
        """Number of measurements, older ones counting less."""
        self.ratio = 1.0
        """Mean of measured over expected latency."""
        self.variance = 1.0
        """Variance of that ratio."""
        self.p50_s = self.p95_s = 0.0
        """Median and 95 % quantile in seconds; 0 before the first measurement."""
        self.time_s = time_s
        """Time of the last measurement."""

    def see(self, latency_s: float, length: float, now_s: float, *, window: float, half_life_s: float) -> None:
        """Take the latency of a query that was expected to take `length` times the usual."""
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
        """Factor on the expected latency: 1 within noise, and back towards 1 while nothing is measured."""
        off = self.ratio - 1.0
        if (seen := self.n * off * off) <= 0.0:
            return 1.0
        sure = max(0.0, 1.0 - NOISE * NOISE * self.variance / seen)
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
        """Read from JSON values; a ValueError where a number is out of its range."""
        expected = data["expected_s"]
        latency = cls(None if expected is None else within(expected, 0), within(data["time_s"]))
        latency.ratio = within(data["ratio"])
        for name in ("mean_s", "n", "variance", "p50_s", "p95_s"):
            setattr(latency, name, within(data[name], 0))
        return latency


def within(value: Any, least: float = -LARGEST, most: float = LARGEST) -> float:
    """A value as a number; a ValueError where it is none between the two."""
    if not least <= (number := float(value)) <= most:
        raise ValueError(f"{number:g} is out of range")
    return number


def clip(x: float, most: float) -> float:
    """A number held within [-most, most]."""
    return min(max(x, -most), most)


def faded(seconds: float, half_life_s: float) -> float:
    """Share that is left after some time, in [0, 1]; a clock that goes back takes nothing."""
    return float(0.5 ** (seconds / half_life_s)) if seconds > 0.0 else 1.0

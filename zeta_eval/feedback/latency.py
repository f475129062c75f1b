"""How slow each size is: sums of fixed size that fade with time. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

NOISE = 2.0
"""Standard errors within which a change of latency counts as none."""

OUTLIER = 20.0
"""A latency counts at most so many times the expected one."""


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

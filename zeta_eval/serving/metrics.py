"""Counters of a server, as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

_M = TypeVar("_M", Counter, Histogram)

SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Upper ends of the bins of latencies."""


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        """Start at zero."""
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self.requests = self._counter("requests", "Requests by path and HTTP status", "path", "status")
        self.answers = self._counter("answers", "Answers by the size that gave them", "size")
        self.chosen = self._counter("chosen", "Decisions by the size chosen before the first call", "size")
        self.calls = self._counter("calls", "Calls of sizes, failed ones too", "size")
        self.failures = self._counter("failures", "Calls that gave no answer", "size")
        self.escalations = self._counter("escalations", "Answers kept after another size had answered or failed")
        self.left = self._counter("callers_left", "Requests whose caller left before the end")
        self.tokens = self._counter("tokens", "Tokens read and written", "size", "kind")
        self.cost = self._counter("cost_usd", "Price of all calls by the ladder's prices")
        self.cost_largest = self._counter("largest_cost_usd", "Price of the same tokens on the largest size")
        self.expected = self._counter("expected_cost", "Expected cost of all calls, in calls of the largest size")
        self.expected_largest = self._counter("largest_expected_cost", "The same had the largest size answered alone")
        self.feedback = self._counter("feedback", "Ratings of answers, by what they say", "kind")
        self.shadow = self._counter("shadow_decisions", "Sizes of policy and shadow policy", "size", "shadow")
        self.drift = self._counter("drift_events", "Changes found", "what")
        self.reloads = self._counter("policy_reloads", "Policies taken over or refused", "result")
        self.latency = self._histogram("answer_seconds", "Time until an answer was whole", SECONDS, "size")
        self.first = self._histogram("first_token_seconds", "Time until a stream began", SECONDS, "size")

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return _quick(Counter(f"zeta_{name}", about, labels, registry=self.registry))

    def _histogram(self, name: str, about: str, bins: tuple[float, ...], *labels: str) -> Histogram:
        return _quick(Histogram(f"zeta_{name}", about, labels, buckets=bins, registry=self.registry))

    def gauge(self, name: str, about: str, value: Callable[[], float]) -> None:
        """Add a number that is read when it is asked for."""
        Gauge(f"zeta_{name}", about, registry=self.registry).set_function(value)

    def gauges(self, name: str, about: str, values: Mapping[str, Callable[[], float]]) -> None:
        """Add a number of every size."""
        made = Gauge(f"zeta_{name}", about, ("size",), registry=self.registry)
        for size, value in values.items():
            made.labels(size).set_function(value)

    def text(self) -> bytes:
        """All numbers, as Prometheus reads them."""
        return generate_latest(self.registry)


def _quick(metric: _M) -> _M:
    """Remember a metric's cells by their labels, which are few; it checks them anew at each call."""
    metric.labels = cache(metric.labels)  # type: ignore[method-assign]
    return metric

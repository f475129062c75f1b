"""Online updates: labels and latencies move a policy's estimates, within bounds. Standard library only.

With z the policy's log-odds for a query, size and task, what is believed after some labels is

    z + f * (a + b * clip(z, +-2))

with a and b of the size in the task: each label is an online logistic step on both (`feedback.shifts`). They re-fit how
able the size is and how sharply its success falls with complexity (in p = sigmoid(slope * (ability - d)), ability and
slope). They are shrunk towards 0, that is to the policy as tuned: in learning, by a prior worth `prior_labels`, and in
use, by f, which the sizes of a task share (`_beyond_noise`). They fade with time, and what one source's labels can do
is bounded (`OnlineSettings.source_shift`).

A latency other than the policy's multiplies the size's expected cost at once. Dropping the state gives the policy back.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Any

from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.feedback.drift import Drift
from zeta_eval.feedback.latency import Latency, clip
from zeta_eval.feedback.ledgers import SLOPED, Shift
from zeta_eval.feedback.online_settings import OnlineSettings
from zeta_eval.feedback.online_state import read_state, write_state
from zeta_eval.router import Decision
from zeta_eval.router.estimators.linear import logit, sigmoid
from zeta_eval.router.policy import Estimate, RoutingPolicy

UNNAMED = ""
"""Where labels of queries without a task are kept."""

__all__ = ["Online", "OnlineSettings"]


class Online:
    """What a policy's traffic has taught since it was tuned; its size does not grow with the number of events."""

    def __init__(
        self,
        policy: RoutingPolicy,
        *,
        settings: OnlineSettings | None = None,
        drift: Drift | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Start with nothing learned.

        Args:
            policy: The policy whose estimates are adjusted.
            settings: How fast and how far.
            drift: Told of every label and latency, where it is given, and saved with the state.
            clock: Seconds since the epoch.
        """
        self.settings = settings or OnlineSettings()
        self.drift = drift
        self.policy_checksum = policy.checksum
        """The version of the policy that this belongs to."""
        self._clock = clock
        self._sizes = policy.sizes
        self._mean_cost = tuple(r.cost for r in policy.rungs)
        weight, timed = self.settings.latency_weight, policy.cost_unit in ("gpu_s", "latency_s")
        self._latency_weight = float(timed) if weight is None else weight
        now_s = clock()
        self._rules = self.settings.rules
        self._tasks: dict[str, Shift] = {}
        self._latency = [Latency(r.latency_s, now_s) for r in policy.rungs]
        self._lock = Lock()

    def adjust(self, estimate: Estimate, task: str | None = None) -> Estimate:
        """Return what is expected of every size now; changes nothing, so that looking is free."""
        now_s, cell = self._clock(), self._tasks.get(task or UNNAMED)
        cost = self._cost(estimate.cost, now_s)
        if cell is None:
            return _with(estimate, estimate.p, cost, estimate.familiarity)
        familiarity, m = estimate.familiarity, len(self._sizes)
        labels, total = cell.told(now_s, self.settings.half_life_s, self._rules)
        n = sum(labels)
        if task is not None and familiarity < 1.0:
            familiarity += (1.0 - familiarity) * n / (n + self.settings.trust_labels)
        logits = [logit(p) for p in estimate.p]
        by = [total[i] + total[m + i] * clip(z, SLOPED) for i, z in enumerate(logits)]
        if f := _beyond_noise(by, labels, self.settings.noise):
            p = tuple([sigmoid(z + f * x) for z, x in zip(logits, by, strict=True)])
            return _with(estimate, p, cost, familiarity)
        return _with(estimate, estimate.p, cost, familiarity)

    def learn(self, decision: Decision, size: str, score: float, *, source: str = "person") -> None:
        """Take a label: how good a size's answer to a routed query was.

        Args:
            decision: What `route` returned for the query.
            size: The size that answered.
            score: In [0, 1].
            source: Who says so; the caps are per source, so don't let a stranger choose it.

        Raises:
            UnknownNameError: no such size.
            InvalidInputError: a score outside [0, 1], or a source that is no word.
        """
        i, score = self._index(size), _checked_score(score)
        if not (isinstance(source, str) and source):
            raise InvalidInputError(f"The source of a label is {source!r}; give a word such as 'person'.")
        tuned = decision.p if decision.p_tuned is None else decision.p_tuned
        z = logit(tuned[size])
        with self._lock:
            now_s = self._clock()
            self._cell(decision.task or UNNAMED).take(
                source, i, score, z, now_s=now_s, half_life_s=self.settings.half_life_s, rules=self._rules
            )
            if self.drift is not None:
                self.drift.complexity(decision.complexity.score, at_s=now_s)
                self.drift.success(size, score, at_s=now_s)

    def observe(self, size: str, latency_s: float, *, decision: Decision | None = None) -> None:
        """Take a measured latency in seconds; `decision` tells how long the query's answer was expected to be.

        Raises:
            UnknownNameError: no such size.
            InvalidInputError: the latency is negative or not finite.
        """
        i, s = self._index(size), self.settings
        if not (isinstance(latency_s, int | float) and 0 <= latency_s < math.inf):
            raise InvalidInputError(f"The latency is {latency_s!r}; give seconds, at least 0.")
        usual = self._mean_cost[i]
        with self._lock:
            now_s = self._clock()
            length = 1.0
            if decision is not None and usual > 0:
                cost = decision.cost if decision.cost_tuned is None else decision.cost_tuned
                length = cost[size] / usual
            self._latency[i].see(latency_s, length, now_s, window=s.latency_window, half_life_s=s.latency_half_life_s)
            if self.drift is not None:
                self.drift.latency(size, latency_s, at_s=now_s)

    def status(self) -> dict[str, Any]:
        """Return what was learned: factor on cost and quantiles per size; labels, score and change per task and size.

        `shift` is the change of log-odds of an even chance.
        """
        now_s = self._clock()
        sizes = {
            size: {
                "cost_factor": self._factor(i, now_s),
                "expected_s": self._latency[i].expected_s,
                "p50_s": self._latency[i].p50_s or None,
                "p95_s": self._latency[i].p95_s or None,
            }
            for i, size in enumerate(self._sizes)
        }
        tasks = {task: self._status(cell, now_s) for task, cell in list(self._tasks.items())}
        return {"sizes": sizes, "tasks": tasks}

    def save(self, path: str | Path) -> Path:
        """Write the state as JSON, whole or not at all; returns the path."""
        with self._lock:
            state = {
                "policy": self.policy_checksum,
                "settings": asdict(self.settings),
                "tasks": {task: cell.to_dict() for task, cell in self._tasks.items()},
                "latency": [latency.to_dict() for latency in self._latency],
                "drift": None if self.drift is None else self.drift.to_dict(),
            }
            return write_state(path, state)

    @classmethod
    def load(
        cls,
        path: str | Path,
        policy: RoutingPolicy,
        *,
        clock: Callable[[], float] = time.time,
    ) -> Online:
        """Read a state file of this policy, with the drift detectors where it was watched.

        Raises:
            InvalidInputError: no such file, damaged, another schema version, or another policy's.
        """
        data = read_state(path)
        if data["policy"] != policy.checksum:
            raise InvalidInputError(
                f"{path} was learned on another version of the policy ({str(data['policy'])[:8]}, this is "
                f"{policy.checksum[:8]}); load that one, or start anew with Online(policy)."
            )
        try:
            given = data["settings"]
            settings = OnlineSettings(**given | {"latency_range": tuple(given["latency_range"])})
            drift = None if data["drift"] is None else Drift.from_dict(data["drift"])
            online = cls(policy, settings=settings, drift=drift, clock=clock)
            m = len(policy.sizes)
            online._tasks = {task: Shift.of(cell, m, settings.rules) for task, cell in data["tasks"].items()}
            online._latency = [Latency.of(row) for row in data["latency"]]
            if len(online._latency) != m:
                raise ValueError("latency")
        except (AttributeError, KeyError, TypeError, ValueError) as e:
            raise InvalidInputError(f"{path} lacks or misnames a field ({e}); start anew with Online(policy).") from e
        return online

    def _cell(self, task: str) -> Shift:
        """The task's changes, made anew where there are none."""
        cell = self._tasks.get(task)
        if cell is None:
            if len(self._tasks) >= self.settings.most_tasks:
                del self._tasks[min(self._tasks, key=lambda name: self._tasks[name].time_s)]
            cell = self._tasks[task] = Shift(len(self._sizes))
        return cell

    def _status(self, cell: Shift, now_s: float) -> dict[str, dict[str, float]]:
        labels, total = cell.told(now_s, self.settings.half_life_s, self._rules)
        f = _beyond_noise(total[: len(labels)], labels, self.settings.noise)
        return {
            size: {"labels": round(n, 2), "score": cell.score(i), "shift": f * total[i]}
            for i, (size, n) in enumerate(zip(self._sizes, labels, strict=True))
            if n > 0
        }

    def _factor(self, i: int, now_s: float) -> float:
        """What the latency of size i multiplies its expected cost by."""
        latency, s = self._latency[i], self.settings
        if latency.n <= 0.0 or not self._latency_weight:
            return 1.0
        low, high = s.latency_range
        return min(max(1.0 + self._latency_weight * (latency.factor(now_s, s.latency_half_life_s) - 1.0), low), high)

    def _cost(self, cost: tuple[float, ...], now_s: float) -> tuple[float, ...]:
        return tuple(c * self._factor(i, now_s) for i, c in enumerate(cost))

    def _index(self, size: str) -> int:
        if size not in self._sizes:
            raise UnknownNameError("size", size, self._sizes)
        return self._sizes.index(size)


def _beyond_noise(by: Sequence[float], labels: Sequence[float], noise: float) -> float:
    """Share, in [0, 1], of the sizes' changes of log-odds that is used: what is beyond noise.

    Firm shrinkage (Gao and Bruce 1997) of all sizes of a task at once, by the squares of their standard errors, where
    4 / labels is the variance of log-odds at an even chance: none up to noise^2, all from 2 noise^2. With a share for
    each size, one with few labels would be put back alone, and what is common to all would pass for a difference.
    """
    sure = sum([n * x * x for n, x in zip(labels, by, strict=True)])
    return min(1.0, max(0.0, sure / (4.0 * noise * noise) - 1.0))


def _with(estimate: Estimate, p: tuple[float, ...], cost: tuple[float, ...], familiarity: float) -> Estimate:
    """The estimate with other expectations; `dataclasses.replace` would take microseconds longer."""
    return Estimate(complexity=estimate.complexity, p=p, cost=cost, familiarity=familiarity, forced=estimate.forced)


def _checked_score(score: float) -> float:
    if not (isinstance(score, int | float) and 0 <= score <= 1):
        raise InvalidInputError(f"The score of a label is {score!r}; give a number in [0, 1].")
    return float(score)

"""Online updates: labels and latencies move a policy's estimates, within bounds. Standard library only.

With z the policy's log-odds for a query, size and task, what is believed after some labels is

    z + a + b * clip(z, +-2)

with a and b of the size in the task: each label is an online logistic step on both. They re-fit how able the size is
and how sharply its success falls with complexity (in p = sigmoid(slope * (ability - d)), ability and slope). They are
shrunk towards 0, that is to the policy as tuned: in learning, by a prior worth `prior_labels`, and in use, where a
change within `noise` standard errors counts as none, for a choice between sizes that are nearly equal in worth should
not follow noise. They fade with time, and what one source's labels can do is capped (`OnlineSettings`).

A latency other than the policy's multiplies the size's expected cost at once. Dropping the state gives the policy back.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from zeta_eval.estimators import logit, sigmoid
from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.feedback.drift import Drift
from zeta_eval.feedback.sketches import OTHERS, SOURCES, Latency, Shift, clip, faded
from zeta_eval.files import write_json
from zeta_eval.policy import Estimate, RoutingPolicy
from zeta_eval.router import Decision

SCHEMA_VERSION = 1
"""Version of the state file's layout; a reader refuses others."""

UNNAMED = ""
"""Where labels of queries without a task are kept."""

SLOPED = 2.0
"""Log-odds beyond which b adds no more."""

__all__ = ["OTHERS", "SOURCES", "Online", "OnlineSettings"]


@dataclass(frozen=True, kw_only=True, slots=True)
class OnlineSettings:
    """How fast and how far online updates go."""

    prior_labels: float = 30.0
    """The policy's word on a size in a task counts as so many labels; > 0."""
    noise: float = 3.0
    """A change counts as far as it is beyond so many of its standard errors; > 0."""
    shared: float = 0.5
    """Share of a label's step that the other sizes take too, in (0, 1]: what is hard for one is hard for all, and a
    router's own labels tell of the sizes it chose only."""
    trust_labels: float = 20.0
    """Labels after which a task that is new to the policy is trusted half as much as a known one; > 0."""
    memory_labels: float = 300.0
    """Labels of a size and task that count at most: older ones give way; > 0."""
    half_life_s: float = 7 * 86400.0
    """Time after which what labels moved has gone back half-way to the policy as tuned, in seconds; > 0."""
    source_shift: float = 1.5
    """The most that one source's labels add to a change of log-odds, all of its sources together twice that; > 0. A
    source that lies, where no other has labelled, changes a probability by at most tanh(source_shift / 4), here 0.36;
    whatever all do, no log-odds leaves the policy's by more than twice `source_shift`."""
    latency_window: float = 20.0
    """Latencies of a size that count at most; > 0."""
    latency_half_life_s: float = 3600.0
    """Time after which a size that is not called any more is half-way back to its expected latency, in seconds; > 0."""
    latency_range: tuple[float, float] = (0.25, 8.0)
    """Bounds of the factor on expected cost."""
    latency_weight: float | None = None
    """Share of a change of latency that counts as cost; None takes 1 where the policy's cost is time, else 0."""
    most_tasks: int = 1000
    """Tasks that are remembered; then the one not heard of for longest is forgotten."""

    def __post_init__(self) -> None:
        numbers = {k: v for k, v in asdict(self).items() if k not in ("latency_range", "latency_weight")}
        for name, value in numbers.items():
            if not (isinstance(value, int | float) and 0 < value < math.inf):
                raise InvalidInputError(f"{name} is {value!r}; give a finite number above 0.")
        if self.shared > 1:
            raise InvalidInputError(f"shared is {self.shared!r}; give a share in (0, 1].")
        if not (len(self.latency_range) == 2 and 0 < self.latency_range[0] <= 1 <= self.latency_range[1] < math.inf):
            raise InvalidInputError(f"latency_range is {self.latency_range}; give two factors around 1.")
        if self.latency_weight is not None and not 0 <= self.latency_weight < math.inf:
            raise InvalidInputError(f"latency_weight is {self.latency_weight!r}; give at least 0, or None.")


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
            drift: Told of every label and latency, where it is given; it is not part of the saved state.
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
        self._tasks: dict[str, Shift] = {}
        self._latency = [Latency(r.latency_s, now_s) for r in policy.rungs]
        self._lock = Lock()

    def adjust(self, estimate: Estimate, task: str | None = None) -> Estimate:
        """Return what is expected of every size now; changes nothing, so that looking is free."""
        now_s, cell = self._clock(), self._tasks.get(task or UNNAMED)
        cost = self._cost(estimate.cost, now_s)
        if cell is None:
            return _with(estimate, estimate.p, cost, estimate.trust)
        left, trust, m = self._left(cell, now_s), estimate.trust, len(self._sizes)
        labels = left * sum(cell.labels[:m])
        if task is not None and trust < 1.0:
            trust += (1.0 - trust) * labels / (labels + self.settings.trust_labels)
        p, total, sure = [], cell.total, self._sure
        for i, before in enumerate(estimate.p):
            z = logit(before)
            by = left * sure(total[i] + total[m + i] * clip(z, SLOPED), labels)
            p.append(sigmoid(z + by) if by else before)
        return _with(estimate, tuple(p), cost, trust)

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
        s, m = self.settings, len(self._sizes)
        tuned = decision.p if decision.p_tuned is None else decision.p_tuned
        z = logit(tuned[size])
        x = clip(z, SLOPED)
        with self._lock:
            now_s = self._clock()
            cell = self._cell(decision.task or UNNAMED, now_s)
            miss = score - sigmoid(z + cell.total[i] + cell.total[m + i] * x)
            cap = s.source_shift / 3.0
            for k, gradient, most, moved in (
                (i, miss, 2.0 * cap, range(m)),
                (m + i, miss * x, cap / SLOPED, range(m + i, m + i + 1)),
            ):
                cell.count(k, score, s.memory_labels)
                cell.step(k, source, gradient, prior=s.prior_labels, cap=most, others=moved, share=s.shared)
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
        now_s, m = self._clock(), len(self._sizes)
        sizes = {
            size: {
                "cost_factor": self._factor(i, now_s),
                "expected_s": self._latency[i].expected_s,
                "p50_s": self._latency[i].p50_s or None,
                "p95_s": self._latency[i].p95_s or None,
            }
            for i, size in enumerate(self._sizes)
        }
        tasks = {
            task: {
                self._sizes[i]: {
                    "labels": round(cell.labels[i], 2),
                    "score": cell.right[i] / cell.labels[i],
                    "shift": self._left(cell, now_s) * self._sure(cell.total[i], sum(cell.labels[:m])),
                }
                for i in range(m)
                if cell.labels[i] > 0
            }
            for task, cell in list(self._tasks.items())
        }
        return {"sizes": sizes, "tasks": tasks}

    def save(self, path: str | Path) -> Path:
        """Write the state as JSON, whole or not at all; returns the path."""
        with self._lock:
            data = {
                "schema_version": SCHEMA_VERSION,
                "policy": self.policy_checksum,
                "settings": asdict(self.settings),
                "tasks": {task: cell.to_dict() for task, cell in self._tasks.items()},
                "latency": [latency.to_dict() for latency in self._latency],
            }
            return write_json(path, data | {"checksum": _checksum(data)})

    @classmethod
    def load(
        cls,
        path: str | Path,
        policy: RoutingPolicy,
        *,
        drift: Drift | None = None,
        clock: Callable[[], float] = time.time,
    ) -> Online:
        """Read a state file of this policy.

        Raises:
            InvalidInputError: no such file, damaged, another schema version, or another policy's.
        """
        data = _read(path)
        if data["policy"] != policy.checksum:
            raise InvalidInputError(
                f"{path} was learned on another version of the policy ({str(data['policy'])[:8]}, this is "
                f"{policy.checksum[:8]}); load that one, or start anew with Online(policy)."
            )
        try:
            given = data["settings"]
            settings = OnlineSettings(**given | {"latency_range": tuple(given["latency_range"])})
            online = cls(policy, settings=settings, drift=drift, clock=clock)
            m = len(policy.sizes)
            online._tasks = {task: Shift.of(cell, 2 * m) for task, cell in data["tasks"].items()}
            online._latency = [Latency.of(row) for row in data["latency"]]
            if len(online._latency) != m:
                raise ValueError("latency")
        except (AttributeError, KeyError, TypeError, ValueError) as e:
            raise InvalidInputError(f"{path} lacks or misnames a field ({e}); start anew with Online(policy).") from e
        return online

    def _cell(self, task: str, now_s: float) -> Shift:
        """The task's changes, made anew where there are none."""
        cell = self._tasks.get(task)
        if cell is None:
            if len(self._tasks) >= self.settings.most_tasks:
                del self._tasks[min(self._tasks, key=lambda name: self._tasks[name].time_s)]
            cell = self._tasks[task] = Shift(2 * len(self._sizes), now_s)
        cell.fade(now_s, self.settings.half_life_s)
        return cell

    def _sure(self, shift: float, labels: float) -> float:
        """Shrink a change to what is beyond noise (James and Stein 1961, positive part).

        4 / labels is the variance of log-odds at an even chance.
        """
        if not shift or not labels:
            return 0.0
        return shift * max(0.0, 1.0 - 4.0 * self.settings.noise**2 / (labels * shift * shift))

    def _left(self, shift: Shift, now_s: float) -> float:
        return faded(now_s - shift.time_s, self.settings.half_life_s)

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


def _with(estimate: Estimate, p: tuple[float, ...], cost: tuple[float, ...], trust: float) -> Estimate:
    """The estimate with other expectations; `dataclasses.replace` would take microseconds longer."""
    return Estimate(complexity=estimate.complexity, p=p, cost=cost, trust=trust, forced=estimate.forced)


def _checked_score(score: float) -> float:
    if not (isinstance(score, int | float) and 0 <= score <= 1):
        raise InvalidInputError(f"The score of a label is {score!r}; give a number in [0, 1].")
    return float(score)


def _read(path: str | Path) -> Mapping[str, Any]:
    """A state file's content, checked for damage."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as e:
        raise InvalidInputError(f"Can't read the online state {path}: {e.strerror}; `Online.save` writes one.") from e
    except (ValueError, RecursionError) as e:
        raise InvalidInputError(f"The online state {path} is no JSON ({e}); start anew with Online(policy).") from e
    if not isinstance(data, dict) or data.get("schema_version") != SCHEMA_VERSION:
        raise InvalidInputError(
            f"{path} is no online state of schema {SCHEMA_VERSION}; start anew with Online(policy)."
        )
    if data.pop("checksum", None) != _checksum(data):
        raise InvalidInputError(f"The online state {path} is damaged: its checksum does not fit; start anew.")
    return data


def _checksum(data: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

"""Updates of a router's estimates while it serves, by ratings and latencies, within bounds. Standard library only.

Let z be the policy's log-odds for a query, a size and a task. After some ratings the router uses

    z + f * (a + b * clip(z, +-2))

with a and b for each size in each task. Each rating is an online logistic step on both (`feedback.ledgers`): a says how
able the size is, and b how sharply its success falls with complexity. In p = sigmoid(slope * (ability - d)) these are
ability and slope. Both are shrunk towards 0, that is to the policy as tuned: while learning, by a prior that counts as
`prior_ratings`, and in use by f, which the sizes of a task share (`_beyond_noise`). Both fade with time, and the
ratings of one source are bounded (`OnlineSettings.source_shift`).

A latency other than the policy's multiplies the size's expected cost at once. Without the state the policy is as tuned.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from threading import RLock
from typing import Any

from zeta_eval.exceptions import InvalidInputError, UnknownNameError, value_shown
from zeta_eval.feedback.drift import Drift
from zeta_eval.feedback.forking import held_over_forks
from zeta_eval.feedback.latency import Latency, clip
from zeta_eval.feedback.ledgers import SLOPED, Shift
from zeta_eval.feedback.online_settings import OnlineSettings
from zeta_eval.files import LARGEST
from zeta_eval.router import Decision
from zeta_eval.router.checked_file import CheckedFile
from zeta_eval.router.estimators.tables import logit, sigmoid
from zeta_eval.router.policy import Estimate, RoutingPolicy

FILE = CheckedFile(
    name="online state", schema_version=3, writer="`Online.save`", remedy="start anew with Online(policy)"
)
"""The file of the state."""

UNNAMED = ""
"""Key of the ratings of queries without a task."""

__all__ = ["Online", "OnlineSettings"]


class Online:
    """Feedback and latencies of a router's traffic, which adjust its estimates at once.

    Its size does not grow with the number of events.

    >>> from zeta_eval import RoutingPolicy, ZetaDynamicRouter
    >>> policy = RoutingPolicy.seed(("4B", "7B", "14B"))
    >>> router = ZetaDynamicRouter(policy, online=Online(policy))
    >>> for _ in range(200):
    ...     decision = router.route("Add 12 and 30.", task="sums")
    ...     router.learn(decision, "7B", score=0.0, source="scorer")
    >>> router.route("Add 12 and 30.", task="sums").p["7B"] < decision.p_tuned["7B"]
    True
    """

    def __init__(
        self,
        policy: RoutingPolicy,
        *,
        settings: OnlineSettings | None = None,
        drift: Drift | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Start without feedback.

        Args:
            policy: The policy whose estimates are adjusted.
            settings: How fast and how far feedback moves them.
            drift: Watches every rating and latency, where it is given, and is saved with the state.
            clock: Gives the time in seconds since the epoch.
        """
        self.settings = settings or OnlineSettings()
        self.drift = drift
        self.policy_checksum = policy.checksum
        """The version of the policy that the feedback belongs to."""
        self._clock = clock
        self._sizes = policy.sizes
        self._mean_cost = tuple(r.cost for r in policy.rungs)
        weight, timed = self.settings.latency_weight, policy.cost_unit in ("gpu_s", "latency_s")
        self._latency_weight = float(timed) if weight is None else weight
        now_s = clock()
        self._rules = self.settings.rules
        self._tasks: dict[str, Shift] = {}
        self._latency = [Latency(r.latency_s, now_s) for r in policy.rungs]
        self._lock = RLock()
        held_over_forks(self)

    def adjust(self, estimate: Estimate, task: str | None = None) -> Estimate:
        """Return an estimate adjusted by the feedback so far; changes nothing."""
        now_s, cell = self._clock(), self._tasks.get(task or UNNAMED)
        cost = tuple([c * self._factor(i, now_s) for i, c in enumerate(estimate.cost)])
        if cell is None:
            return _with(estimate, estimate.p, cost, estimate.familiarity)
        familiarity, m = estimate.familiarity, len(self._sizes)
        ratings, total = cell.total(now_s, self.settings.half_life_s, self._rules)
        n = sum(ratings)
        if task is not None and familiarity < 1.0:
            familiarity += (1.0 - familiarity) * n / (n + self.settings.familiarity_ratings)
        logits = [logit(p) for p in estimate.p]
        by = [total[i] + total[m + i] * clip(z, SLOPED) for i, z in enumerate(logits)]
        if f := _beyond_noise(by, ratings, self.settings.noise):
            p = tuple([sigmoid(z + f * x) for z, x in zip(logits, by, strict=True)])
            if estimate.fit is not None:  # no rating makes a query shorter
                p = tuple([x if i in estimate.fit.held else 0.0 for i, x in enumerate(p)])
            return _with(estimate, p, cost, familiarity)
        return _with(estimate, estimate.p, cost, familiarity)

    def learn(self, decision: Decision, size: str, score: float, *, source: str = "person") -> None:
        """Take a rating: how good a size's answer to a routed query was.

        Of an answer that `generate` kept for what it said (`Decision.selected`), drift alone takes note.

        Args:
            decision: What `route` returned for the query, or the `decision` of what `generate` returned.
            size: The size that answered.
            score: In [0, 1].
            source: Who rates. Bounds are per source, so don't let a stranger choose the name.

        Raises:
            UnknownNameError: no such size.
            InvalidInputError: a score outside [0, 1], or a source that is no word.
        """
        i = self._index(size)
        if not (isinstance(score, int | float) and 0 <= score <= 1):
            raise InvalidInputError(f"The score of a rating is {value_shown(score)}; give a number in [0, 1].")
        if not (isinstance(source, str) and source):
            raise InvalidInputError(f"The source of a rating is {value_shown(source)}; give a word such as 'person'.")
        tuned = decision.p if decision.p_tuned is None else decision.p_tuned
        z = logit(tuned[size])
        with self._lock:
            now_s = self._clock()
            if not decision.selected:
                self._cell(decision.task or UNNAMED).take(
                    source, i, float(score), z, now_s=now_s, half_life_s=self.settings.half_life_s, rules=self._rules
                )
            if self.drift is not None:
                self.drift.complexity(decision.complexity.score, at_s=now_s)
                self.drift.success(size, float(score), at_s=now_s)

    def observe(self, size: str, latency_s: float, *, decision: Decision | None = None) -> None:
        """Take a measured latency in seconds; `decision` says how long the query was expected to take.

        Raises:
            UnknownNameError: no such size.
            InvalidInputError: the latency is negative or not finite.
        """
        i, s = self._index(size), self.settings
        if not (isinstance(latency_s, int | float) and 0 <= latency_s <= LARGEST):
            raise InvalidInputError(f"The latency is {value_shown(latency_s)}; give seconds, at least 0.")
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
        """Return the state in numbers: for each size, the factor on its cost and quantiles of its latency.

        For each task and size: the number of ratings, their mean score, and `shift`, the change of log-odds of an even
        chance.
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
            return FILE.write(path, state)

    @classmethod
    def load(cls, path: str | Path, policy: RoutingPolicy, *, clock: Callable[[], float] = time.time) -> Online:
        """Read a state file of this policy, with the drift detectors where it was watched.

        Raises:
            InvalidInputError: no such file, damaged, another schema version, or another policy's.
        """
        data = FILE.read(path)
        if (found := data.get("policy")) != policy.checksum:
            raise InvalidInputError(
                f"{path} belongs to another version of the policy ({str(found)[:8]}, this is "
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
        except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError) as e:
            raise InvalidInputError(f"{path} lacks or misnames a field ({e}); start anew with Online(policy).") from e
        return online

    def _cell(self, task: str) -> Shift:
        """The changes of a task, made where there are none."""
        if task not in self._tasks:
            if len(self._tasks) >= self.settings.most_tasks:
                del self._tasks[min(self._tasks, key=lambda name: self._tasks[name].time_s)]
            self._tasks[task] = Shift(len(self._sizes))
        return self._tasks[task]

    def _status(self, cell: Shift, now_s: float) -> dict[str, dict[str, float]]:
        ratings, total = cell.total(now_s, self.settings.half_life_s, self._rules)
        f = _beyond_noise(total[: len(ratings)], ratings, self.settings.noise)
        return {
            size: {"ratings": round(n, 2), "score": cell.score(i), "shift": f * total[i]}
            for i, (size, n) in enumerate(zip(self._sizes, ratings, strict=True))
            if n > 0
        }

    def _factor(self, i: int, now_s: float) -> float:
        """Factor of size i's latency on its expected cost."""
        latency, s = self._latency[i], self.settings
        if latency.n <= 0.0 or not self._latency_weight:
            return 1.0
        low, high = s.latency_range
        return min(max(1.0 + self._latency_weight * (latency.factor(now_s, s.latency_half_life_s) - 1.0), low), high)

    def _index(self, size: str) -> int:
        if size not in self._sizes:
            raise UnknownNameError("size", size, self._sizes)
        return self._sizes.index(size)


def _beyond_noise(by: Sequence[float], ratings: Sequence[float], noise: float) -> float:
    """Share, in [0, 1], of the changes of a task that is used: none while they may be noise.

    Firm shrinkage (Gao and Bruce 1997) of all sizes of a task at once. The changes are squared in units of their
    standard errors, 4 / ratings being the variance of log-odds at an even chance. Up to noise^2 nothing is used, from
    2 noise^2 everything. With a share for each size, a size with few ratings would be put back alone, and a change
    that all sizes have in common would look like a difference between them.
    """
    sure = sum([n * x * x for n, x in zip(ratings, by, strict=True)])
    return min(1.0, max(0.0, sure / (4.0 * noise * noise) - 1.0))


def _with(estimate: Estimate, p: tuple[float, ...], cost: tuple[float, ...], familiarity: float) -> Estimate:
    """The estimate with other numbers; `dataclasses.replace` would take microseconds longer."""
    return Estimate(
        complexity=estimate.complexity,
        p=p,
        cost=cost,
        familiarity=familiarity,
        forced=estimate.forced,
        fit=estimate.fit,
    )

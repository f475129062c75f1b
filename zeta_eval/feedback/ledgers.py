"""How ratings change a policy's log-odds for a task, with a bound on what one source can do. Standard library only.

A ledger holds the ratings of one source. Nothing else enters it, so no source can change what another one said. For
each size the ledger estimates a change u of the log-odds, from n ratings, of which at most K count. It starts at 0, the
policy's own estimate. A rating moves u by a Newton step for a logistic intercept, with a prior that counts as P
ratings: 4 * (score - p) / (n + P), where p is the chance that this source led to expect. The variance p (1 - p) is
taken at its largest, 1/4, so that a surprise can't overshoot (Boehning and Lindsay 1988). All sources s together change
the log-odds by

    T = sum_s clip((n_s + P) u_s, +- c n_s) / (P + sum_s n_s)

With one source T is u. With several T is the mean over the prior and all ratings, each rating held within +-c.

The bound: let T' be T without source s, and N the ratings of the others. Since |T'| <= c N / (P + N),
|T - T'| = |clip(..) - n_s T'| / (P + N + n_s) <= c n_s (P + 2 N) / ((P + N) (P + N + n_s)). That is at most c where
n_s N <= (P + N)^2, and so for every N where n_s <= 4 P. Hence K = 4 P (`MOST`): no source changes T by more than c,
whatever the others say, and a source alone changes it by at most 4/5 c. The same holds for f T and f' T' with any f and
f' in [0, 1]: where both have one sign they are within c of each other, for |T| <= c; where the signs differ they are no
further apart than T and T'.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from zeta_eval.feedback.latency import clip, faded, within
from zeta_eval.files import LARGEST
from zeta_eval.router.estimators.tables import sigmoid

OTHERS = "(others)"
"""Name of the ledger that later sources share once there are `SOURCES` ledgers."""

SOURCES = 8
"""Most ledgers of a task. Later sources share the last one, and with it the bound of one source."""

MOST = 4.0
"""Most ratings of a source that count, in multiples of the prior's; more would break the bound."""

SLOPED = 2.0
"""Log-odds beyond which a change of slope adds nothing more."""

LEAST_FADE = 1e-3
"""Length of a tick of fading, as a share of the half-life: ratings that come fast need not be scaled each time."""


class Rules(NamedTuple):
    """How far ratings may move the log-odds of a task."""

    prior: float
    """P: number of ratings that the policy's own estimate counts as."""
    cap: float
    """c: the most by which one source changes a log-odds."""
    share: float
    """Share of a rating's step that the other sizes take too."""

    @property
    def most(self) -> float:
        """K: most ratings of a source that count."""
        return MOST * self.prior

    @property
    def caps(self) -> tuple[float, float]:
        """Bounds of a change and of a change of slope: together `cap` where log-odds are `SLOPED`."""
        return 2.0 * self.cap / 3.0, self.cap / 3.0 / SLOPED


class Ledger:
    """The ratings of one source, for M sizes."""

    __slots__ = ("parts", "ratings", "right")

    def __init__(self, m: int) -> None:
        """Start without ratings."""
        self.ratings = [0.0] * m
        """Number of ratings of each size, older ones counting less."""
        self.right = [0.0] * m
        """Sum of their scores."""
        self.parts = [0.0] * (2 * m)
        """The estimated change of each size's log-odds, and then of each size's slope."""

    def take(self, i: int, score: float, z: float, rules: Rules) -> None:
        """Take a rating of size i, for which the policy expected the log-odds z."""
        m, x, (level, slope) = len(self.ratings), clip(z, SLOPED), rules.caps
        keep = min(1.0, rules.most / (self.ratings[i] + 1.0))
        self.ratings[i], self.right[i] = (self.ratings[i] + 1.0) * keep, (self.right[i] + score) * keep
        before, by_z = self.parts[i], self.parts[m + i]
        step = 4.0 * (score - sigmoid(z + before + by_z * x)) / (self.ratings[i] + rules.prior)
        self.parts[i] = clip(before + step, level)
        self.parts[m + i] = clip(by_z + step * x, slope)
        moved = rules.share * (self.parts[i] - before)
        for j in range(m):
            if j != i:
                self.parts[j] = clip(self.parts[j] + moved, level)

    def behind(self, rules: Rules) -> list[float]:
        """Number of ratings behind each size's change: its own, and a share of the other sizes'."""
        everything = sum(self.ratings)
        return [min(n + rules.share * (everything - n), rules.most) for n in self.ratings]

    def terms(self, left: float, rules: Rules) -> tuple[float, ...]:
        """Terms of the sums over sources when a share is left: ratings, n, and the clipped changes; shape (4 M,)."""
        m, prior, (level, slope) = len(self.ratings), rules.prior, rules.caps
        behind = [left * n for n in self.behind(rules)]
        own = [clip((n + prior) * left * self.parts[i], level * n) for i, n in enumerate(behind)]
        by_z = [clip((n + prior) * left * self.parts[m + i], slope * n) for i, n in enumerate(behind)]
        return (*[left * n for n in self.ratings], *behind, *own, *by_z)

    def fade(self, left: float) -> None:
        """Keep a share of everything."""
        self.ratings = [x * left for x in self.ratings]
        self.right = [x * left for x in self.right]
        self.parts = [x * left for x in self.parts]


class Shift:
    """The changes of a task's log-odds: a ledger for each source, and the sum over all of them."""

    __slots__ = ("_terms", "_total", "by", "time_s")

    def __init__(self, m: int) -> None:
        """Start without ratings of M sizes."""
        self.by: dict[str, Ledger] = {}
        """Ledgers by source."""
        self.time_s = 0.0
        """Time up to which the ledgers have faded."""
        self._terms: dict[str, tuple[float, ...]] = {}
        self._total = (0.0,) * m, (0.0,) * (2 * m)

    def take(
        self, source: str, i: int, score: float, z: float, *, now_s: float, half_life_s: float, rules: Rules
    ) -> None:
        """Take a source's rating of size i, for which the policy expected the log-odds z."""
        if (left := self._left(now_s, half_life_s)) < 1.0:
            for name, ledger in self.by.items():
                ledger.fade(left)
                self._terms[name] = ledger.terms(1.0, rules)
        self.time_s = max(_tick(now_s, half_life_s), self.time_s)
        if source not in self.by:
            source = source if len(self.by) < SOURCES - 1 else OTHERS
            self.by.setdefault(source, Ledger(len(self._total[0])))
        self.by[source].take(i, score, z, rules)
        self._terms[source] = self.by[source].terms(1.0, rules)
        self._total = _pooled(list(self._terms.values()), rules.prior)

    def total(self, now_s: float, half_life_s: float, rules: Rules) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Number of ratings of each size, (M,), and T of each change, (2 M,), at a time; changes nothing."""
        left = self._left(now_s, half_life_s)
        if left == 1.0:
            return self._total
        return _pooled([ledger.terms(left, rules) for ledger in list(self.by.values())], rules.prior)

    def _left(self, now_s: float, half_life_s: float) -> float:
        """Share that is left, by ticks of the clock, so that no source's calls change how another's ratings fade."""
        return faded(_tick(now_s, half_life_s) - self.time_s, half_life_s)

    def score(self, i: int) -> float:
        """Mean score of size i, older ratings counting less."""
        return sum(x.right[i] for x in self.by.values()) / sum(x.ratings[i] for x in self.by.values())

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        by = {s: {name: getattr(x, name) for name in x.__slots__} for s, x in self.by.items()}
        return {"by": by, "time_s": self.time_s}

    @classmethod
    def of(cls, data: Mapping[str, Any], m: int, rules: Rules) -> Shift:
        """Read from JSON values; a ValueError without a source, or where a number is missing or out of range."""
        shift = cls(m)
        (shift.time_s,) = _numbers([data["time_s"]], 1)
        for source, given in data["by"].items():
            ledger = shift.by[str(source)] = Ledger(m)
            ledger.ratings, ledger.right = _numbers(given["ratings"], m, 0), _numbers(given["right"], m, 0)
            ledger.parts = _numbers(given["parts"], 2 * m)
            if any(x > n * (1.0 + 1e-9) for x, n in zip(ledger.right, ledger.ratings, strict=True)):
                raise ValueError("more are right than rated")
        shift._terms = {source: ledger.terms(1.0, rules) for source, ledger in shift.by.items()}
        if not shift.by:
            raise ValueError("by")
        shift._total = _pooled(list(shift._terms.values()), rules.prior)
        return shift


def _pooled(words: Sequence[tuple[float, ...]], prior: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Number of ratings of each size, (M,), and T of each change, (2 M,), over all sources."""
    sums = [sum(column) for column in zip(*words, strict=True)]
    m = len(sums) // 4
    return tuple(sums[:m]), tuple([x / (prior + sums[m + k % m]) for k, x in enumerate(sums[2 * m :])])


def _tick(now_s: float, half_life_s: float) -> float:
    return math.floor(now_s / (LEAST_FADE * half_life_s)) * LEAST_FADE * half_life_s


def _numbers(values: Any, width: int, least: float = -LARGEST) -> list[float]:
    numbers = [within(value, least) for value in values]
    if len(numbers) != width:
        raise ValueError("ratings")
    return numbers

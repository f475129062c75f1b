"""What labels change in a policy's log-odds of a task, with a bound on what one source does. Standard library only.

Of every source a ledger is kept that nothing but its own labels enters: its estimate u of each change, from 0 as the
policy has it, and the labels n behind it, at most K. A label moves u by Newton's step for a logistic intercept with a
prior worth P labels, the variance p (1 - p) taken at its bound of 1/4 so that a surprise can't overshoot (Boehning and
Lindsay 1988): 4 * (score - p) / (n + P), p being the source's own expectation. All sources together say

    T = sum_s clip((n_s + P) u_s, +- c n_s) / (P + sum_s n_s)

which is u for one source alone and the mean of one prior and all labels for several, each label's word within +-c.

The bound: let T' be the same without source s, and N the labels of the others. |T'| <= c N / (P + N), so that
|T - T'| = |clip(..) - n_s T'| / (P + N + n_s) <= c n_s (P + 2 N) / ((P + N) (P + N + n_s)), which is at most c where
n_s N <= (P + N)^2, and so for all N where n_s <= 4 P. Hence K = 4 P (`MOST`): no source changes T by more than c, no
matter what the others say, and alone it changes it by at most 4/5 c. The same holds of f T and f' T' for any f and f'
in [0, 1]: of one sign they are within c of each other, for |T| <= c, and of two no further apart than T and T'.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from zeta_eval.feedback.latency import clip, faded
from zeta_eval.router.estimators.linear import sigmoid

OTHERS = "(others)"
"""The source that all share once there are `SOURCES` of them."""

SOURCES = 8
"""Most sources of a task that are told apart: later ones share a ledger, and with it one source's bound."""

MOST = 4.0
"""Labels of a source that count at most, in units of the prior's; more would break the bound."""

SLOPED = 2.0
"""Log-odds beyond which a change of slope adds no more."""

LEAST_FADE = 1e-3
"""Share of a half-life that is one tick of fading: labels that come fast need not all be scaled each time."""


class Rules(NamedTuple):
    """How far labels move a task's changes."""

    prior: float
    """P: labels that the policy's own word counts as."""
    cap: float
    """c: the most that one source does to a log-odds."""
    share: float
    """Share of a label's step that the other sizes take too."""

    @property
    def most(self) -> float:
        """K: labels of a source behind a change that count at most."""
        return MOST * self.prior

    @property
    def caps(self) -> tuple[float, float]:
        """Bounds of a change and of a change by log-odds: together `cap` where log-odds are `SLOPED`."""
        return 2.0 * self.cap / 3.0, self.cap / 3.0 / SLOPED


class Ledger:
    """What one source said of M sizes."""

    __slots__ = ("labels", "parts", "right")

    def __init__(self, m: int) -> None:
        """Start with nothing said."""
        self.labels = [0.0] * m
        """Labels of each size that still count."""
        self.right = [0.0] * m
        """Sum of their scores."""
        self.parts = [0.0] * (2 * m)
        """Its estimate of each size's change, and then of each size's change by log-odds."""

    def take(self, i: int, score: float, z: float, rules: Rules) -> None:
        """Take a label of size i, of which the policy expected the log-odds z."""
        m, x, (level, slope) = len(self.labels), clip(z, SLOPED), rules.caps
        keep = min(1.0, rules.most / (self.labels[i] + 1.0))
        self.labels[i], self.right[i] = (self.labels[i] + 1.0) * keep, (self.right[i] + score) * keep
        before, by_z = self.parts[i], self.parts[m + i]
        step = 4.0 * (score - sigmoid(z + before + by_z * x)) / (self.labels[i] + rules.prior)
        self.parts[i] = clip(before + step, level)
        self.parts[m + i] = clip(by_z + step * x, slope)
        moved = rules.share * (self.parts[i] - before)
        for j in range(m):
            if j != i:
                self.parts[j] = clip(self.parts[j] + moved, level)

    def behind(self, rules: Rules) -> list[float]:
        """Labels behind each size's change: its own, and a share of the other sizes'."""
        everything = sum(self.labels)
        return [min(n + rules.share * (everything - n), rules.most) for n in self.labels]

    def word(self, left: float, rules: Rules) -> tuple[float, ...]:
        """What it adds to the sums over sources once a share is left: its labels, n, and n_s u_s, clipped; (4 M,)."""
        m, prior, (level, slope) = len(self.labels), rules.prior, rules.caps
        behind = [left * n for n in self.behind(rules)]
        own = [clip((n + prior) * left * self.parts[i], level * n) for i, n in enumerate(behind)]
        by_z = [clip((n + prior) * left * self.parts[m + i], slope * n) for i, n in enumerate(behind)]
        return (*[left * n for n in self.labels], *behind, *own, *by_z)

    def fade(self, left: float) -> None:
        """Keep a share of all."""
        self.labels = [x * left for x in self.labels]
        self.right = [x * left for x in self.right]
        self.parts = [x * left for x in self.parts]


class Shift:
    """The changes of a task: ledgers by source, and what they say together."""

    __slots__ = ("_told", "_words", "by", "time_s")

    def __init__(self, m: int) -> None:
        """Start without labels of M sizes."""
        self.by: dict[str, Ledger] = {}
        """Ledgers by source."""
        self.time_s = 0.0
        """Up to when they have faded."""
        self._words: dict[str, tuple[float, ...]] = {}
        self._told = (0.0,) * m, (0.0,) * (2 * m)

    def take(
        self, source: str, i: int, score: float, z: float, *, now_s: float, half_life_s: float, rules: Rules
    ) -> None:
        """Take a source's label of size i, of which the policy expected the log-odds z."""
        if (left := self._left(now_s, half_life_s)) < 1.0:
            for name, ledger in self.by.items():
                ledger.fade(left)
                self._words[name] = ledger.word(1.0, rules)
        self.time_s = max(_tick(now_s, half_life_s), self.time_s)
        if source not in self.by:
            source = source if len(self.by) < SOURCES - 1 else OTHERS
            self.by.setdefault(source, Ledger(len(self._told[0])))
        self.by[source].take(i, score, z, rules)
        self._words[source] = self.by[source].word(1.0, rules)
        self._told = _pooled(list(self._words.values()), rules.prior)

    def told(self, now_s: float, half_life_s: float, rules: Rules) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Labels of each size that still count, (M,), and T of each change, (2 M,), now; changes nothing."""
        left = self._left(now_s, half_life_s)
        if left == 1.0:
            return self._told
        return _pooled([ledger.word(left, rules) for ledger in list(self.by.values())], rules.prior)

    def _left(self, now_s: float, half_life_s: float) -> float:
        """What is left, by ticks of the clock: so no source's calls change how another's labels fade."""
        return faded(_tick(now_s, half_life_s) - self.time_s, half_life_s)

    def score(self, i: int) -> float:
        """Mean score of the labels of size i that still count."""
        return sum(x.right[i] for x in self.by.values()) / sum(x.labels[i] for x in self.by.values())

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        by = {s: {name: getattr(x, name) for name in x.__slots__} for s, x in self.by.items()}
        return {"by": by, "time_s": self.time_s}

    @classmethod
    def of(cls, data: Mapping[str, Any], m: int, rules: Rules) -> Shift:
        """Read from JSON values.

        Raises:
            ValueError: no source, a wrong number of values, or one that is not finite.
        """
        shift = cls(m)
        (shift.time_s,) = _numbers([data["time_s"]], 1)
        for source, given in data["by"].items():
            ledger = shift.by[str(source)] = Ledger(m)
            ledger.labels, ledger.right = _numbers(given["labels"], m), _numbers(given["right"], m)
            ledger.parts = _numbers(given["parts"], 2 * m)
        shift._words = {source: ledger.word(1.0, rules) for source, ledger in shift.by.items()}
        if not shift.by:
            raise ValueError("by")
        shift._told = _pooled(list(shift._words.values()), rules.prior)
        return shift


def _pooled(words: Sequence[tuple[float, ...]], prior: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Labels of each size, (M,), and T of each change, (2 M,), of all sources."""
    sums = [sum(column) for column in zip(*words, strict=True)]
    m = len(sums) // 4
    return tuple(sums[:m]), tuple([x / (prior + sums[m + k % m]) for k, x in enumerate(sums[2 * m :])])


def _tick(now_s: float, half_life_s: float) -> float:
    return math.floor(now_s / (LEAST_FADE * half_life_s)) * LEAST_FADE * half_life_s


def _numbers(values: Any, width: int) -> list[float]:
    numbers = [*map(float, values)]
    if len(numbers) != width or not all(map(math.isfinite, numbers)):
        raise ValueError("labels")
    return numbers

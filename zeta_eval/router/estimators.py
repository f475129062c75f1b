"""What a policy expects of each size: success from features and n-grams, cost from features. Standard library only.

M sizes, cheapest first, everywhere. Weights are plain numbers read from a policy file; nothing in them executes.
"""

from __future__ import annotations

import base64
import math
import re
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from operator import mul
from typing import Any

from zeta_eval.exceptions import PolicyError

GRAM_CHARACTERS = 4000
"""Longer texts give n-grams of their first and last so many characters only."""

_TOKEN = re.compile(r"[^\W\d_]+|\d+|[^\w\s]")


def sigmoid(x: float) -> float:
    """Logistic function, safe for any finite x."""
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)


def logit(p: float) -> float:
    """Inverse of `sigmoid`, with p held within [1e-6, 1 - 1e-6]."""
    p = min(max(p, 1e-6), 1.0 - 1e-6)
    return math.log(p / (1.0 - p))


def grams(text: str, bits: int) -> list[int]:
    """Buckets, in [0, 2**bits), of a text's distinct words, word pairs, and starts and ends of long words; ascending.

    Case is folded and a number stands by its count of digits alone. Hashing trick: Weinberger et al. 2009
    (arXiv 0902.2206); the hash is CRC-32, which every Python gives alike.
    """
    if len(text) > 2 * GRAM_CHARACTERS:
        text = text[:GRAM_CHARACTERS] + "\n" + text[-GRAM_CHARACTERS:]
    words = [f"0{min(len(w), 4)}" if w[0].isdigit() else w for w in _TOKEN.findall(text.lower())]
    found = set(words)
    parts = {part for w in found if len(w) > 5 for part in (f"^{w[:4]}", f"{w[-3:]}$")}
    found.update(map(" ".join, pairwise(words)))
    mask, crc = (1 << bits) - 1, zlib.crc32
    return sorted({crc(g.encode("utf-8", "surrogatepass")) & mask for g in found | parts})


@dataclass(frozen=True, kw_only=True)
class Linear:
    """A linear model per size on named features, with an offset per known task."""

    bias: tuple[float, ...]
    """Value where every feature is zero, shape (M,)."""
    weights: Mapping[str, tuple[float, ...]]
    """By feature, one weight per size."""
    tasks: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """By task name, what to add per size; a task that is not named or not known adds nothing."""

    def __post_init__(self) -> None:
        rows = [self.bias, *self.weights.values(), *self.tasks.values()]
        if any(len(row) != len(self.bias) for row in rows) or not all(math.isfinite(x) for row in rows for x in row):
            raise PolicyError("A linear model has a wrong number of weights or one that is not finite; tune again.")

    def values(self, features: Mapping[str, float], task: str | None) -> list[float]:
        """One value per size, shape (M,)."""
        x = [features[name] for name in self.weights]
        total = [b + sum(map(mul, x, column)) for b, column in zip(self.bias, self._columns, strict=True)]
        if task is not None and (offset := self.tasks.get(task)) is not None:
            total = [t + o for t, o in zip(total, offset, strict=True)]
        return total

    @cached_property
    def _columns(self) -> list[tuple[float, ...]]:
        """Weights per size, each in the order of `weights`."""
        return [tuple(row[m] for row in self.weights.values()) for m in range(len(self.bias))]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Linear:
        """Read from JSON values."""
        return cls(
            bias=tuple(data["bias"]),
            weights={k: tuple(v) for k, v in data["weights"].items()},
            tasks={k: tuple(v) for k, v in data["tasks"].items()},
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class CostModel:
    """Expected cost of every size: exp of a linear model, held within the range of costs it was fitted on."""

    log_cost: Linear
    """Natural logarithm of the cost, as a share of the largest size's mean cost."""
    low: tuple[float, ...]
    """Smallest cost per size, shape (M,), >= 0."""
    high: tuple[float, ...]
    """Largest cost per size, shape (M,)."""

    def __post_init__(self) -> None:
        if not all(0 <= a <= b < math.inf for a, b in zip(self.low, self.high, strict=True)):
            raise PolicyError(f"The range of costs {self.low} to {self.high} is none; tune the policy again.")

    def cost(self, features: Mapping[str, float], task: str | None) -> tuple[float, ...]:
        """Expected cost per size, shape (M,)."""
        logs = self.log_cost.values(features, task)
        return tuple(min(max(math.exp(min(x, 50.0)), a), b) for x, a, b in zip(logs, self.low, self.high, strict=True))


@dataclass(frozen=True, kw_only=True)
class NGrams:
    """One weight per size for every bucket of hashed n-grams."""

    bits: int
    """There are 2**bits buckets."""
    n_sizes: int
    """Number of sizes M."""
    table: str
    """Base64 of little-endian float16 weights, bucket by bucket: 2**bits rows of M."""

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 20 or len(self.weights) != self.n_sizes << self.bits:
            raise PolicyError("The table of n-gram weights has a wrong length; export the policy again.")
        if not all(map(math.isfinite, self.weights)):
            raise PolicyError("An n-gram weight is not finite; tune the policy again.")

    @cached_property
    def weights(self) -> tuple[float, ...]:
        """The weights, 2**bits rows of M.

        Raises:
            PolicyError: the table is no base64 of float16.
        """
        try:
            raw = base64.b64decode(self.table, validate=True)
            return struct.unpack(f"<{len(raw) // 2}e", raw)
        except (ValueError, struct.error) as e:
            raise PolicyError("The table of n-gram weights can't be read; export the policy again.") from e

    @cached_property
    def rows(self) -> list[tuple[float, ...] | None]:
        """Weights per bucket; None for a bucket that says nothing."""
        m, w = self.n_sizes, self.weights
        return [row if any(row := w[i : i + m]) else None for i in range(0, len(w), m)]

    def values(self, text: str) -> list[float]:
        """Sum of a text's weights per size over the root of the number of its n-grams, shape (M,)."""
        found, rows = grams(text, self.bits), self.rows
        known = [row for g in found if (row := rows[g]) is not None]
        if not known:
            return [0.0] * self.n_sizes
        scale = 1.0 / math.sqrt(len(found))
        return [scale * sum(column) for column in zip(*known, strict=True)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Learned:
    """Log-odds of success per size from features, hashed n-grams and, where it is given, the task's name."""

    base: tuple[float, ...]
    """Log-odds of each size over all tuning queries, shape (M,)."""
    linear: Linear
    """What features and task add."""
    ngrams: NGrams
    """What words add."""

    def __post_init__(self) -> None:
        if not all(isinstance(x, int | float) and math.isfinite(x) for x in self.base):
            raise PolicyError("The learned model has a number that is not finite; tune the policy again.")

    def logits(self, text: str, features: Mapping[str, float], task: str | None) -> list[float]:
        """Log-odds per size, shape (M,)."""
        parts = zip(self.base, self.linear.values(features, task), self.ngrams.values(text), strict=True)
        return [b + x + w for b, x, w in parts]


def encode(rows: Sequence[Sequence[float]]) -> str:
    """Base64 of little-endian float16, row by row: `NGrams.table`."""
    flat = [x for row in rows for x in row]
    return base64.b64encode(struct.pack(f"<{len(flat)}e", *flat)).decode("ascii")

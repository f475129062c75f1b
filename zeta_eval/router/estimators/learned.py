"""The estimator "learned": log-odds of success from the words of a query. Standard library only."""

import math
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Self

from zeta_eval.exceptions import PolicyError
from zeta_eval.router.estimators.base import Estimator, estimator
from zeta_eval.router.estimators.tables import numbers

GRAM_CHARACTERS = 4000
"""Longer texts give n-grams of their first and last so many characters only."""

_TOKEN = re.compile(r"[^\W\d_]+|\d+|[^\w\s]")


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

    @cached_property
    def weights(self) -> tuple[float, ...]:
        """The weights, 2**bits rows of M."""
        return numbers(self.table)

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


@estimator("learned")
@dataclass(frozen=True, kw_only=True)
class Learned(Estimator):
    """Log-odds of success per size from features, hashed n-grams and, where it is given, the task's name."""

    ngrams: NGrams
    """What the words of the query add."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ngrams.n_sizes != len(self.base):
            raise PolicyError("The n-gram weights are for another number of sizes; export the policy again.")

    def added(self, text: str) -> list[float]:
        """What the words of a text add to each size's log-odds, shape (M,)."""
        return self.ngrams.values(text)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Read from JSON values."""
        return super().of({**data, "ngrams": NGrams(**data["ngrams"])})

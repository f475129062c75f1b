"""Familiarity: how like the queries that a policy was tuned on a query is. Standard library only.

Learned routers collapse on tasks that they were not tuned on. So a policy measures the familiarity of each query, in
[0, 1]: 1 where the query's task was in the tuning queries; by the rarity of its words where no task is named; and where
the task is new, the value that leaving out whole tasks has shown to be safe. The less familiar a query is, the more its
estimates return to each size's mean, and the less the saving of a smaller size counts: in the end the largest answers.
"""

import base64
import math
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from zeta_eval.exceptions import PolicyError

STEPS = 16.0
"""Steps per nat in which rarities are stored."""


@dataclass(frozen=True, kw_only=True)
class Domain:
    """The queries that a policy was tuned on, in summary: their tasks and how rare each word is among them."""

    tasks: tuple[str, ...]
    """Names of the tasks of the tuning queries."""
    base: tuple[float, ...]
    """Log-odds of each size over all tuning queries, shape (M,): the estimate for a query unlike any of them."""
    transfer: float
    """Familiarity of a query of a new task, in [0, 1], measured by leaving tasks out."""
    near: float
    """Mean rarity of a text's words, in nats, up to which the text is fully familiar."""
    far: float
    """Mean rarity from which on the text is as unfamiliar as a new task; > near."""
    bits: int
    """Words are hashed to 2**bits buckets."""
    table: str
    """Base64 of a byte per bucket: `STEPS` times minus the log of the share of tuning queries with such a word."""

    def __post_init__(self) -> None:
        numbers = (*self.base, self.transfer, self.near, self.far)
        if not all(isinstance(x, int | float) and math.isfinite(x) for x in numbers):
            raise PolicyError("What the policy was tuned on holds a number that is not finite; tune the policy again.")
        if not (0 <= self.transfer <= 1 and self.near < self.far):
            raise PolicyError(f"The familiarity {self.transfer} or its limits are out of range; tune the policy again.")
        if not 1 <= self.bits <= 20 or len(self._rarities) != 1 << self.bits:
            raise PolicyError("The table of words has a wrong length; export the policy again.")

    @cached_property
    def _rarities(self) -> bytes:
        try:
            return base64.b64decode(self.table, validate=True)
        except ValueError as e:
            raise PolicyError("The table of words can't be read; export the policy again.") from e

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.tasks)

    def familiarity(self, words: Iterable[str], task: str | None) -> float:
        """Return the familiarity, in [0, 1], of a query with these words and, where it is known, of this task."""
        if task is not None:
            return 1.0 if task in self._known else self.transfer
        found, rarities = buckets(words, self.bits), self._rarities
        mean = sum(map(rarities.__getitem__, found)) / (STEPS * len(found)) if found else self.far
        like = min(1.0, max(0.0, (self.far - mean) / (self.far - self.near)))
        return self.transfer + (1.0 - self.transfer) * like


def buckets(words: Iterable[str], bits: int) -> list[int]:
    """Return the bucket, in [0, 2**bits), of every distinct word."""
    mask, crc = (1 << bits) - 1, zlib.crc32
    return [crc(w.encode("utf-8", "surrogatepass")) & mask for w in set(words)]


def counted_cost(cost: Sequence[float], familiarity: float) -> tuple[float, ...]:
    """Return what each size's expected cost counts in a choice, shape (M,), the last size being the largest.

    A saving against the largest size counts only as far as the query is familiar: a saving that is unsure counts less.
    """
    if familiarity >= 1.0:
        return tuple(cost)
    most = cost[-1]
    return tuple(most + familiarity * (c - most) for c in cost)

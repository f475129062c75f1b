"""How like the queries that a policy was tuned on a new query is. Standard library only.

What was fitted on some queries says nothing of queries unlike them, so there the policy falls back to rules of thumb
(`RoutingPolicy.fallback`). Two things tell: words that are rare among the tuning queries; and short everyday requests,
which no benchmark holds and which a model that was fitted to tell them from the tuning queries finds.
"""

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from zeta_eval.exceptions import PolicyError
from zeta_eval.router.complexity.view import TextView
from zeta_eval.router.estimators.forest import Forest
from zeta_eval.router.estimators.tables import OfToken, finite

STEPS = 16.0
"""Steps per nat in which rarities are stored."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ramp:
    """Turns a number into a familiarity: 1 up to `near`, 0 from `far` on, and a straight line between."""

    near: float
    """Number up to which a query is fully familiar."""
    far: float
    """Number from which on a query is unlike the tuning queries; > near."""

    def __post_init__(self) -> None:
        if not finite(self.near, self.far) or not self.near < self.far:
            raise PolicyError(f"The limits of familiarity {self.near} and {self.far} are none; tune the policy again.")

    def share(self, x: float) -> float:
        """Return the familiarity, in [0, 1]."""
        return min(1.0, max(0.0, (self.far - x) / (self.far - self.near)))


@dataclass(frozen=True, kw_only=True)
class Everyday:
    """Tells short everyday requests ("thanks!", "Capital of France?") from the tuning queries."""

    forest: Forest
    """One number for a text: near 0 for the tuning queries, near 1 for everyday requests."""
    ramp: Ramp
    """How familiar a text with that number is."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Read from JSON values."""
        return cls(forest=Forest.of(data["forest"]), ramp=Ramp(**data["ramp"]))


@dataclass(frozen=True, kw_only=True)
class Domain:
    """The queries that a policy was tuned on, in summary: their tasks, and how rare each word is among them."""

    tasks: tuple[str, ...]
    """Names of the tasks of the tuning queries."""
    rarity: Ramp
    """How familiar a text is by the mean rarity of its words, in nats."""
    bits: int
    """Words are hashed to 2**bits buckets."""
    table: str
    """Base64 of a byte per bucket: `STEPS` times minus the log of the share of tuning queries with such a word."""
    everyday: Everyday | None = None
    """Finds everyday requests; None where the tuning queries hold some."""

    def __post_init__(self) -> None:
        if not all(isinstance(task, str) for task in self.tasks):
            raise PolicyError("A task that the policy was tuned on has no name; export the policy again.")
        if not 1 <= self.bits <= 20 or len(self.rarities) != 1 << self.bits:
            raise PolicyError("The table of words has a wrong length; export the policy again.")

    @cached_property
    def rarities(self) -> bytes:
        """The table: `STEPS` times minus the log of the share of tuning queries with a word of each bucket."""
        try:
            return base64.b64decode(self.table, validate=True)
        except ValueError as e:
            raise PolicyError("The table of words can't be read; export the policy again.") from e

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.tasks)

    def familiarity(self, view: TextView, features: Mapping[str, float], task: str | None) -> float:
        """Return the familiarity of a query, in [0, 1]; 1 where its task is named and known."""
        if task is not None and task in self._known:
            return 1.0
        if not view.tokens:
            return 0.0
        like = self.rarity.share(self.mean_rarity(view.tokens))
        if like > 0.0 and (e := self.everyday) is not None:
            like = min(like, e.ramp.share(e.forest.mean(features)[0]))
        return like

    def mean_rarity(self, tokens: Sequence[str]) -> float:
        """Return the mean rarity of a text's tokens, in nats; there is at least one."""
        return sum(map(self._rarity_of.__getitem__, tokens)) / (STEPS * len(tokens))

    @cached_property
    def _rarity_of(self) -> OfToken[int]:
        return OfToken(self._rarity)

    def _rarity(self, token: str) -> int:
        return self.rarities[bucket(token, self.bits)]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Read from JSON values."""
        everyday = None if data["everyday"] is None else Everyday.of(data["everyday"])
        parts = {"tasks": tuple(data["tasks"]), "rarity": Ramp(**data["rarity"]), "everyday": everyday}
        return cls(**{**data, **parts})


def bucket(token: str, bits: int) -> int:
    """Return the bucket of a token, in [0, 2**bits)."""
    return zlib.crc32(token.encode("utf-8", "surrogatepass")) & ((1 << bits) - 1)

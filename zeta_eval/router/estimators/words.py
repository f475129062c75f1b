"""What the words of a text tell of every size, by hashed pieces of the words. Standard library only.

A text's tokens are its distinct words, signs and, for numbers, their counts of digits. A token's pieces are the token
itself and, of a longer one, its first three and four and its last three characters; so a word that was never seen still
counts by its beginning and its end. Pieces are hashed to buckets (Weinberger et al. 2009, arXiv 0902.2206) by CRC-32,
which every Python gives alike.
"""

import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from struct import Struct

from zeta_eval.exceptions import PolicyError
from zeta_eval.router.estimators.tables import OfToken, finite, halves, numbers

LONG = 4
"""Characters of a token above which its beginning and its end are pieces, too."""


def pieces(token: str, bits: int) -> list[int]:
    """Return the buckets, in [0, 2**bits), of the pieces of a token."""
    found = [token]
    if len(token) > LONG:
        found += [f"^{token[:3]}", f"^{token[:4]}", f"{token[-3:]}$"]
    mask, crc = (1 << bits) - 1, zlib.crc32
    return [crc(piece.encode("utf-8", "surrogatepass")) & mask for piece in found]


@dataclass(frozen=True, kw_only=True)
class Words:
    """One weight per size for every bucket of hashed pieces."""

    bits: int
    """There are 2**bits buckets."""
    n_sizes: int
    """Number of sizes M."""
    constant: tuple[float, ...]
    """Estimate of a text without any token, shape (M,)."""
    table: str
    """Base64 of little-endian float16 weights, bucket by bucket: 2**bits rows of M."""

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 20 or len(self._raw) != 2 * self.n_sizes << self.bits:
            raise PolicyError("The table of the words' weights has a wrong length; export the policy again.")
        if len(self.constant) != self.n_sizes or not finite(*self.constant):
            raise PolicyError("The words need a finite constant for each size; export the policy again.")

    @cached_property
    def weights(self) -> tuple[float, ...]:
        """The weights, 2**bits rows of M."""
        return numbers(self.table)

    @cached_property
    def _raw(self) -> bytes:
        return halves(self.table)

    @cached_property
    def _row(self) -> Struct:
        return Struct(f"<{self.n_sizes}e")

    @cached_property
    def _of_token(self) -> OfToken[tuple[int, tuple[float, ...]]]:
        return OfToken(self._read)

    def values(self, tokens: Iterable[str]) -> list[float]:
        """Return the constant plus the sum of the pieces' weights over the root of their number, shape (M,).

        `tokens` are distinct, in an order that depends on the text alone.
        """
        found = list(map(self._of_token.__getitem__, tokens))
        if not found:
            return list(self.constant)
        counts, rows = zip(*found, strict=True)
        scale = 1.0 / math.sqrt(sum(counts))
        return [c + scale * sum(column) for c, column in zip(self.constant, zip(*rows, strict=True), strict=True)]

    def _read(self, token: str) -> tuple[int, tuple[float, ...]]:
        """Return the number of a token's pieces and the sum of their weights."""
        row, raw = self._row, self._raw  # a first query needs few rows of what may be a million
        found = [row.unpack_from(raw, i * row.size) for i in pieces(token, self.bits)]
        return len(found), tuple(map(sum, zip(*found, strict=True)))

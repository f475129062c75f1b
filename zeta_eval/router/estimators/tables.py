"""Tables of numbers as text, as a policy file holds them. Standard library only."""

import base64
import math
import struct
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from zeta_eval.exceptions import PolicyError
from zeta_eval.files import LARGEST

CACHED = 1 << 15
"""Tokens that a process keeps for each table."""

_NOT_FINITE = bytes(byte for byte in range(256) if byte & 0x7C == 0x7C)
"""Upper bytes of the float16 numbers that are infinite or none: all bits of the exponent are set."""

_T = TypeVar("_T")


class OfToken(dict[str, _T], Generic[_T]):
    """What a table tells of each token: worked out when a token is first asked for, and kept."""

    def __init__(self, read: Callable[[str], _T]) -> None:
        """Start empty; `read` works out a token's."""
        super().__init__()
        self._read = read

    def __missing__(self, token: str) -> _T:
        if len(self) >= CACHED:
            self.clear()
        found = self[token] = self._read(token)
        return found


def encode(rows: Sequence[Sequence[float]]) -> str:
    """Write rows of numbers as base64 of little-endian float16."""
    flat = [x for row in rows for x in row]
    return base64.b64encode(struct.pack(f"<{len(flat)}e", *flat)).decode("ascii")


def octets(table: str) -> bytes:
    """Bytes of a base64 text."""
    try:
        return base64.b64decode(table, validate=True)
    except ValueError as e:
        raise PolicyError("A table of the estimator can't be read (no base64); export the policy again.") from e


def halves(table: str) -> bytes:
    """Bytes of what `encode` wrote: little-endian float16, all finite; a PolicyError where that can't be."""
    raw = octets(table)
    if len(raw) % 2:
        raise PolicyError("A table of the estimator can't be read (no float16); export the policy again.")
    upper = raw[1::2]
    if len(upper.translate(None, _NOT_FINITE)) < len(upper):
        raise PolicyError("A table of the estimator has a number that is not finite; tune the policy again.")
    return raw


def numbers(table: str) -> tuple[float, ...]:
    """Read what `encode` wrote, all rows in one; errors as in `halves`."""
    raw = halves(table)
    return struct.unpack(f"<{len(raw) // 2}e", raw)


def in_rows(values: tuple[float, ...], length: int) -> list[tuple[float, ...]]:
    """Cut values into rows of a length."""
    return [values[i : i + length] for i in range(0, len(values), length)]


def finite(*values: object) -> bool:
    """Whether all values are finite numbers, none so large that a product or a sum of them might not be."""
    return all(isinstance(x, int | float) and not isinstance(x, bool) and abs(x) <= LARGEST for x in values)


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

"""The split of queries into tune, validate and test, by a hash of the text, so that a query never changes sides."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

SPLITS: Final = ("tune", "validate", "test")
"""Policies are fitted on `tune`, chosen on `validate` and reported on `test`."""

_EDGES: Final = (0.6, 0.8)
"""Shares of the queries below which a hash falls into `tune`, then `validate`."""

_DROPPED: Final = str.maketrans("", "", ".,;:!?'\"")


def split_name(query: str) -> str:
    """Return the split of a query: 60 % tune, 20 % validate, 20 % test.

    Case, white space and punctuation (.,;:!?'") don't count, so near-duplicates stay together.
    """
    text = "".join(query.casefold().translate(_DROPPED).split())
    share = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big") / 2**64
    return SPLITS[sum(share >= edge for edge in _EDGES)]


def split_names(queries: Iterable[str]) -> npt.NDArray[np.str_]:
    """Return the split of each query, shape (Q,)."""
    return np.array([split_name(q) for q in queries], dtype="<U8")

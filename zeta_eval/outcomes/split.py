"""The split of queries into tune, validate and test, by a hash of the text, so that a query never changes sides."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from zeta_eval.arrays import Sizes

SPLITS: Final = ("tune", "validate", "test")
"""Policies are fitted on `tune`, chosen on `validate` and reported on `test`."""

_EDGES: Final = (0.6, 0.8)
"""Shares of the queries below which a hash falls into `tune`, then `validate`."""

_DROPPED: Final = str.maketrans("", "", ".,;:!?'\"")
_DIGIT: Final = re.compile(r"\d")


def split_name(query: str) -> str:
    """Return the split of a query: 60 % tune, 20 % validate, 20 % test.

    Case, white space and punctuation (.,;:!?'") don't count, so near-duplicates stay together.
    """
    share = int.from_bytes(hashlib.sha256(_bare(query).encode("utf-8", "surrogatepass")).digest()[:8], "big") / 2**64
    return SPLITS[sum(share >= edge for edge in _EDGES)]


def split_names(queries: Iterable[str]) -> npt.NDArray[np.str_]:
    """Return the split of each query, shape (Q,)."""
    return np.array([split_name(q) for q in queries], dtype="<U8")


def families(queries: Sequence[str] | npt.NDArray[np.object_]) -> Sizes | None:
    """Return the family of each query, from 0 on, shape (Q,); None where every query is alone in its own.

    Queries of a family differ in their digits, in case, white space and punctuation alone: "12 plus 7?" and "35 plus
    4?". They tend to go right or wrong together, so an error that counts each of them is too small.
    """
    known: dict[str, int] = {}
    found = np.array([known.setdefault(_DIGIT.sub("0", _bare(q)), len(known)) for q in queries], dtype=np.intp)
    return None if len(known) == len(found) else found


def _bare(query: str) -> str:
    return "".join(query.casefold().translate(_DROPPED).split())

"""The split of queries into tune, validate and test, by a hash of the text, so that a query never changes sides.

Queries that differ in their digits alone are a *family*: "12 plus 7?" and "35 plus 4?". They tend to go right or wrong
together. A test on one of them says little of new queries where the policy was tuned on another, so a family shares
one split: what is hashed is the text with every digit masked. The number of digits stays, or a table of sums would be
a single family.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from zeta_eval.arrays import Sizes

SPLITS: Final = ("tune", "validate", "test")
"""Policies are fitted and chosen on `tune` and `validate`, and reported on `test`."""

_EDGES: Final = (0.6, 0.8)
"""Shares of the queries below which a hash falls into `tune`, then `validate`."""

LEAST: Final = (0.5, 0.1, 0.1)
"""Least share of the queries of a table that each split must get, or large families are divided."""

ENOUGH: Final = 100
"""Queries of a table from which on that holds: as many as tuning needs."""

LARGE: Final = 0.02
"""Share of the queries of a table from which on a family is large: 50 smaller ones leave no split empty."""

CHOSEN: Final = 20
"""Families from which on a table that lies in one split was taken from a larger one: by chance that is 1 in 27,000."""

_DROPPED: Final = str.maketrans("", "", ".,;:!?'\"")
_DIGIT: Final = re.compile(r"\d")


def split_name(query: str) -> str:
    """Return the split of a query: 60 % tune, 20 % validate, 20 % test.

    Digits, case, white space and punctuation (.,;:!?'") don't count, so families and near-duplicates stay together.
    """
    return _split_of(_masked(_bare(query)))


def split_names(queries: Iterable[str]) -> npt.NDArray[np.str_]:
    """Return the split of each query of a table, shape (Q,): that of `split_name`, but where families are too large.

    Of 100 queries or more, `tune` must get half, `validate` and `test` a tenth each. Where families would prevent that,
    those that hold more than 2 % of the queries each are divided: their members are split by their digits too. A table
    that is one split of a larger table stays whole.
    """
    texts = [_bare(q) for q in queries]
    keys = [_masked(t) for t in texts]
    whole = {key: _split_of(key) for key in dict.fromkeys(keys)}
    names = [whole[key] for key in keys]
    if _lopsided(names, n_families=len(whole)):
        large = {key for key, n in Counter(keys).items() if n > max(1, LARGE * len(keys))}
        names = [_split_of(t) if k in large else name for t, k, name in zip(texts, keys, names, strict=True)]
    return np.array(names, dtype="<U8")


def families(queries: Sequence[str] | npt.NDArray[np.object_]) -> Sizes | None:
    """Return the family of each query, from 0 on, shape (Q,); None where every query is alone in its own.

    Queries of a family differ in their digits, in case, white space and punctuation alone. An error that counts each of
    them is too small.
    """
    known: dict[str, int] = {}
    found = np.array([known.setdefault(_masked(_bare(q)), len(known)) for q in queries], dtype=np.intp)
    return None if len(known) == len(found) else found


def _lopsided(names: Sequence[str], *, n_families: int) -> bool:
    """Whether families leave a split too small, in a table that was not taken from a larger one."""
    n, counts = len(names), Counter(names)
    if n < ENOUGH or (len(counts) == 1 and n_families >= CHOSEN):
        return False
    return any(counts[name] < share * n for name, share in zip(SPLITS, LEAST, strict=True))


def _split_of(text: str) -> str:
    place = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big") / 2**64
    return SPLITS[sum(place >= edge for edge in _EDGES)]


def _bare(query: str) -> str:
    return "".join(query.casefold().translate(_DROPPED).split())


def _masked(text: str) -> str:
    return _DIGIT.sub("0", text)

"""The queries of a table with what every size made of them, and the choice of some by what went right or wrong."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from zeta_eval.arrays import Floats
from zeta_eval.exceptions import UnknownNameError
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.table import COSTS

RIGHT: Final = 0.5
"""Least score of an answer that is called right."""

RESULTS: Final = (
    *("right", "wrong", "small fails, large right", "small right, large fails"),
    *("cut off", "not understood", "without a score"),
)
"""What answers may be chosen by. Without a size, "right", "wrong" and the last three are of every size, and the small
size is the smallest one; else they are of that size, and it is the small one."""

ORDERS: Final = ("longest query", "dearest answer", "slowest answer", "lowest score", "highest score")
"""What may come first. Costs, times and scores are means over the sizes, or those of the size that is named."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which queries are looked at, in which order; None and an empty text choose all, in the table's order."""

    task: str | None = None
    """A task's name."""
    size: str | None = None
    """The size that `result` is about."""
    result: str | None = None
    """One of `RESULTS`."""
    contains: str = ""
    """A text that the query, the target or an answer has in it, in any case."""
    first: str | None = None
    """One of `ORDERS`."""

    def __repr__(self) -> str:
        """Say what was chosen, in words."""
        said = [str(getattr(self, f.name)) for f in fields(self)[:-1] if getattr(self, f.name)] or ["all queries"]
        return ", ".join(said + [f"{self.first} first"] * bool(self.first))


class Rows:
    """The Q queries of a table, complete or not, with the rows that its M sizes have on them."""

    def __init__(self, outcomes: Outcomes) -> None:
        """Find each query's rows."""
        self.sizes = outcomes.sizes
        frame = outcomes.frame
        self._frame = frame = frame[frame["model"].isin(self.sizes)].reset_index(drop=True)
        query, self.query_ids = pd.factorize(frame["query_id"])
        size = pd.Index(self.sizes).get_indexer(pd.Index(frame["model"]))
        self.places = np.full((len(self.query_ids), len(self.sizes)), -1, dtype=np.int64)
        """Row of the table by query and size, shape (Q, M); -1 where there is none."""
        self.places[query, size] = np.arange(len(frame))
        self._first = self.places.max(axis=1)
        self._outcomes = outcomes

    def __len__(self) -> int:
        return len(self.query_ids)

    @cached_property
    def tasks(self) -> npt.NDArray[np.object_]:
        """Task of each query, shape (Q,)."""
        return self.column("task")

    @cached_property
    def scores(self) -> Floats:
        """Score of each size, shape (Q, M); NaN where there is none."""
        return self.numbers("score")

    def numbers(self, column: str) -> Floats:
        """A column of numbers by query and size, shape (Q, M); NaN where there is none."""
        values = self._frame[column].to_numpy(dtype="float64", na_value=np.nan)
        return np.where(self.places < 0, np.nan, values[self.places])

    def column(self, name: str) -> npt.NDArray[np.object_]:
        """What a column says of each query, shape (Q,)."""
        return np.asarray(self._frame[name].to_numpy(dtype=object)[self._first])

    def flags(self, name: str) -> npt.NDArray[np.bool_]:
        """Where a size's answer is known to be "truncated" or "unparsed", shape (Q, M)."""
        known = self._frame[name].fillna(False).to_numpy(dtype=bool)
        return np.asarray((self.places >= 0) & known[self.places])

    def answers(self, i: int) -> list[pd.Series]:
        """Rows of one query, of every size that has some, cheapest first; each attempt has its own."""
        if self._outcomes.n_attempts == 1:
            return [self._frame.iloc[k] for k in self.places[i] if k >= 0]
        tried = self._outcomes.attempts
        found = tried[tried["query_id"] == self.query_ids[i]]
        return [row for size in self.sizes for _, row in found[found["model"] == size].iterrows()]

    def chosen(self, wanted: Wanted) -> npt.NDArray[np.intp]:
        """Places of the queries that are wanted, in the order that is wanted.

        Raises:
            UnknownNameError: no such task, size, result or order.
        """
        kept = np.ones(len(self), dtype=bool)
        if wanted.task is not None:
            kept &= self.tasks == _known("task", wanted.task, sorted(set(self.tasks)))
        if wanted.size is not None:
            _known("size", wanted.size, self.sizes)
        if wanted.result is not None:
            kept &= self._result(_known("result", wanted.result, RESULTS), wanted.size)
        if wanted.contains:
            needle = wanted.contains.casefold()
            kept &= np.fromiter((needle in text for text in self._texts), dtype=bool, count=len(self))
        found = np.flatnonzero(kept)
        if wanted.first is None:
            return found
        keys = self._key(_known("order", wanted.first, ORDERS), wanted.size)[found]
        return np.asarray(found[np.argsort(keys, kind="stable")])  # what has no key comes last

    def _key(self, order: str, size: str | None) -> Floats:
        """What queries are sorted by, smallest first, shape (Q,); NaN where it is unknown."""
        if order == "longest query":
            return -np.array([len(str(text)) for text in self.column("query")], dtype="float64")
        looked = slice(None) if size is None else [self.sizes.index(size)]
        values = {"dearest answer": self._cost, "slowest answer": self.numbers("latency_s")}.get(order, self.scores)
        with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # of a query without a value
            mean = np.nanmean(values[:, looked], axis=1)
        return np.asarray(mean if order == "lowest score" else -mean)

    @property
    def _cost(self) -> Floats:
        """Cost of each size in the first column that tells any, shape (Q, M)."""
        return next((c for c in map(self.numbers, COSTS) if not np.isnan(c).all()), np.full_like(self.scores, np.nan))

    def _result(self, name: str, size: str | None) -> npt.NDArray[np.bool_]:
        """Which queries have a result, shape (Q,)."""
        looked = slice(None) if size is None else [self.sizes.index(size)]
        right, scored = self.scores >= RIGHT, ~np.isnan(self.scores)
        if "large" in name:
            small = 0 if size is None else self.sizes.index(size)
            one = right if "small right" in name else scored & ~right
            other = right if "large right" in name else scored & ~right
            return np.asarray(one[:, small] & other[:, -1])
        found = {
            "right": right,
            "wrong": scored & ~right,
            "cut off": self.flags("truncated"),
            "not understood": self.flags("unparsed"),
            "without a score": ~scored,
        }
        return np.asarray(found[name][:, looked].all(axis=1))

    @cached_property
    def _texts(self) -> list[str]:
        """Everything that is said at each query, in one case, to be searched."""
        said = [self.column("query"), self.column("target")]
        answers = self._frame["response"].to_numpy(dtype=object)
        said += [np.array([answers[k] if k >= 0 else None for k in at], dtype=object) for at in self.places.T]
        return ["\n".join(t for t in texts if isinstance(t, str)).casefold() for texts in zip(*said, strict=True)]

    def frame(self, rows: npt.NDArray[np.intp]) -> pd.DataFrame:
        """A row per query: task, id, query, target, and each size's score."""
        named: dict[str, Any] = {name: self.column(name)[rows] for name in ("task", "query_id", "query", "target")}
        return pd.DataFrame(named | {size: self.scores[rows, m] for m, size in enumerate(self.sizes)})


def _known(kind: str, name: str, names: Sequence[str]) -> str:
    """The name, where it is one of them."""
    if name not in names:
        raise UnknownNameError(kind, name, names)
    return name

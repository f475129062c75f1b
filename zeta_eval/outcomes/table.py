"""The outcomes table in memory: one row per query and size, also seen as arrays of queries x sizes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from zeta_eval.exceptions import OutcomesError, UnknownNameError
from zeta_eval.outcomes.attempts import has_attempts, mean_rows, numbers
from zeta_eval.outcomes.conversations import queries_of
from zeta_eval.outcomes.files import read_table, write_parquet
from zeta_eval.outcomes.page import page
from zeta_eval.outcomes.schema import ADDED, COLUMNS, conform, where
from zeta_eval.outcomes.split import SPLITS, split_names
from zeta_eval.outcomes.too_long import too_long
from zeta_eval.outcomes.truncation import truncation_note

COSTS: Final = ("gpu_s", "cost_usd", "latency_s")
"""Columns that hold costs; the first one with values is the default."""
_BLOCK: Final = 1 << 17
"""Rows that are hashed at once, which limits the memory."""
_UNITS: Final[Mapping[str, float]] = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


class Outcomes:
    """The table of what every model size did on every query: score, cost, time, response.

    >>> import pandas as pd
    >>> rows = {"task": "sums", "query_id": "1", "query": "2 + 2?", "model": ["4B", "7B"], "score": [0, 1]}
    >>> outcomes = Outcomes.from_frame(pd.DataFrame(rows))
    >>> outcomes.matrix("score").tolist()
    [[0.0, 1.0]]

    The table can't be changed. It has Q complete queries x M sizes, cheapest size first. A query is complete when every
    size has a score on it; `queries` and `matrix` hold complete queries only. Incomplete queries and unscored rows are
    counted, never scored 0. Where a size has made several attempts at a query, they are one row of `frame` and one
    value of `matrix`, with the mean score, cost and time of an attempt; `attempts` has each of them.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        sizes: Sequence[str],
        rows: npt.NDArray[np.intp] | None = None,
        *,
        attempts: pd.DataFrame | None = None,
    ) -> None:
        """Wrap a checked frame, or some rows of it; use `load` or `from_frame` to make a table.

        `attempts` are the rows of the whole table with every attempt, where there is more than one.
        """
        self._whole = frame
        self._rows = rows
        self._sizes = tuple(sizes)
        self._attempts = attempts
        self._matrices: dict[str, npt.NDArray[np.float64]] = {}

    @classmethod
    def load(cls, path: str | Path) -> Outcomes:
        """Load a Parquet, CSV or JSONL file, or a benchmark's folder (its finished table, else its journal).

        Raises:
            OutcomesError: no such table, another schema version, or the table breaks the declared columns.
        """
        frame, sizes = read_table(path)
        try:
            outcomes = cls.from_frame(frame)
            del frame
            pa.default_memory_pool().release_unused()  # reading takes as much again as the table
            return outcomes if sizes is None else outcomes.with_order(sizes)
        except OutcomesError as e:
            raise OutcomesError(f"{path}: {e}") from e

    @classmethod
    def from_frame(
        cls, frame: pd.DataFrame, *, source: Literal["benchmark", "import", "feedback"] = "import"
    ) -> Outcomes:
        """Make a table from a frame with at least the columns task, query_id, query, model and score.

        `dataset` defaults to `task`, `source` fills the rows that name none, other columns are null. Where several
        runs hold the same (query_id, model), the run with the newest `created_at` (ISO 8601, UTC) wins, the later
        row on a tie.

        Raises:
            OutcomesError: the table breaks the declared columns, or one run holds an attempt of a (query_id, model)
                twice.
        """
        table, attempts = _newest(conform(frame, source=source)), None
        if has_attempts(table):
            table, attempts = mean_rows(table), table
        return cls(table, _default_order(table), attempts=attempts)

    @property
    def frame(self) -> pd.DataFrame:
        """The long table with all declared columns; changing it doesn't change the outcomes."""
        return self._frame.copy(deep=False)

    @property
    def attempts(self) -> pd.DataFrame:
        """The long table with a row for every attempt: that of `frame` where no size made more than one."""
        if self._attempts is None:
            return self.frame
        if self._rows is None:
            return self._attempts.copy(deep=False)
        pairs = [pd.MultiIndex.from_frame(f[["query_id", "model"]]) for f in (self._attempts, self._frame)]
        found: pd.DataFrame = self._attempts[pairs[0].isin(pairs[1])]
        return found.reset_index(drop=True)

    @property
    def n_attempts(self) -> int:
        """Most attempts of one size at one query."""
        if self._attempts is None:
            return 1
        return int(self.attempts.groupby(["query_id", "model"], sort=False).size().max())

    @property
    def _frame(self) -> pd.DataFrame:
        """The rows of this table; those of a part are copied, so prefer `_column`."""
        return self._whole if self._rows is None else self._whole.take(self._rows).reset_index(drop=True)

    def _column(self, name: str, rows: npt.NDArray[np.intp] | None = None) -> pd.Series:
        """One column of this table, or of some rows of the whole one."""
        rows = self._rows if rows is None else rows
        column = self._whole[name]
        return column if rows is None else column.take(rows).reset_index(drop=True)

    @property
    def sizes(self) -> tuple[str, ...]:
        """Names of the sizes, cheapest first: as stored or set, else by mean cost, number in the name, name."""
        return self._sizes

    def with_order(self, sizes: Sequence[str]) -> Outcomes:
        """Return the same table with these sizes, cheapest first; models left out stay in `frame` only.

        Raises:
            UnknownNameError: a size has no row.
        """
        if tuple(sizes) == self._sizes:
            return self
        known = set(self._column("model").unique())
        for size in sizes:
            if size not in known:
                raise UnknownNameError("size", size, known)
        if not sizes or len(set(sizes)) < len(sizes):
            raise OutcomesError(f"The order of sizes is {list(sizes)}; name every size once, cheapest first.")
        return Outcomes(self._whole, sizes, self._rows, attempts=self._attempts)

    def for_sizes(self, sizes: Sequence[str]) -> Outcomes:
        """Return the same table with some of its sizes, cheapest first.

        Raises:
            OutcomesError: the table lacks one of them.
        """
        if missing := [size for size in sizes if size not in self._sizes]:
            raise OutcomesError(
                f"The table has no outcomes of {', '.join(missing)} (it has {', '.join(self._sizes)}); benchmark these "
                "sizes too, or take a policy for the sizes it has."
            )
        return self.with_order(sizes)

    def split(self, name: str) -> Outcomes:
        """Return the rows of a split, "tune", "validate", "test" or "all", with this table's sizes.

        The split is a hash of the query's text (see `zeta_eval.outcomes.split`): it never moves, and all models of
        a query, and all queries of a family, are in the same one. Part of a table is split as the whole one is.

        Raises:
            UnknownNameError: no such split.
            OutcomesError: no query falls into the split.
        """
        if name == "all":
            return self
        if name not in SPLITS:
            raise UnknownNameError("split", name, (*SPLITS, "all"))
        rows = np.arange(len(self._whole)) if self._rows is None else self._rows
        chosen = rows[self._row_splits[rows] == SPLITS.index(name)]
        if not chosen.size:
            n = self._column("query_id").nunique()
            raise OutcomesError(
                f"No query of {n} falls into the split '{name}'; give more queries, or use split 'all'."
            )
        return self._part(chosen)

    def sample(self, n: int, *, seed: int = 0) -> Outcomes:
        """Return the table with n of its complete queries, drawn at random; itself where it has no more."""
        if len(self) <= n:
            return self
        left_out = np.random.default_rng(seed).permutation(len(self))[n:]
        rows = np.arange(len(self._whole)) if self._rows is None else self._rows
        return self._part(np.setdiff1d(rows, self._complete[left_out]))

    def take(self, rows: npt.NDArray[np.int64]) -> Outcomes:
        """Return the complete queries at these places of `queries`, in the table's order, with this table's sizes."""
        kept = np.sort(self._complete[rows].ravel())
        return self._part(kept)

    def _part(self, rows: npt.NDArray[np.intp]) -> Outcomes:
        """The table with these rows of the whole one."""
        return Outcomes(self._whole, self._sizes, rows, attempts=self._attempts)

    @cached_property
    def query_ids(self) -> npt.NDArray[np.object_]:
        """Ids of the complete queries, shape (Q,), in order of first appearance."""
        return self._texts("query_id")

    @cached_property
    def queries(self) -> npt.NDArray[np.object_]:
        """Texts of the complete queries, shape (Q,); those of several messages are each a `Conversation`."""
        rows = self._complete[:, 0]
        messages = self._column("messages", rows)
        if messages.isna().all():
            return self._texts("query")
        values = queries_of(self._column("query", rows), messages)
        values.flags.writeable = False
        return values

    @cached_property
    def tasks(self) -> npt.NDArray[np.object_]:
        """Tasks of the complete queries, shape (Q,)."""
        return self._texts("task")

    @cached_property
    def splits(self) -> npt.NDArray[np.str_]:
        """Names of the splits of the complete queries, shape (Q,)."""
        return np.array(SPLITS)[self._row_splits[self._complete[:, 0]]]

    def matrix(self, column: str) -> npt.NDArray[np.float64]:
        """Return a numeric column as (Q, M), complete queries x sizes; NaN where null; read-only.

        Raises:
            UnknownNameError: no numeric column has that name.
            OutcomesError: no query is complete.
        """
        if column not in self._matrices:
            numeric = [c for c, kind in COLUMNS.items() if kind != "string"]
            if column not in numeric:
                raise UnknownNameError("numeric column", column, numeric)
            rows = self._complete
            values = self._column(column, rows.ravel()).to_numpy(dtype="float64", na_value=np.nan).reshape(rows.shape)
            if column in COSTS:
                values = np.where(self.too_long & np.isnan(values), 0.0, values)
            values.flags.writeable = False
            self._matrices[column] = values
        return self._matrices[column]

    @cached_property
    def too_long(self) -> npt.NDArray[np.bool_]:
        """Which sizes refused a complete query because their context is too small, shape (Q, M).

        It is their failure: the score is 0. A refused call costs nothing where the table does not say what it cost.
        """
        rows = self._complete
        return too_long(self._column("error", rows.ravel())).to_numpy(dtype=bool).reshape(rows.shape)

    def texts(self, column: str, queries: slice = slice(None)) -> npt.NDArray[np.object_]:
        """Return a text column as (Q, M), some or all complete queries x sizes; no string where null."""
        rows = self._complete[queries]
        return np.asarray(self._column(column, rows.ravel()).to_numpy(dtype=object).reshape(rows.shape))

    @cached_property
    def n_unscored(self) -> int:
        """Rows of the sizes without a score."""
        return int((self._column("score").isna() & self._column("model").isin(self._sizes)).sum())

    @cached_property
    def n_incomplete(self) -> int:
        """Queries that some size, but not every size, has a scored row on, or only unscored ones."""
        rows, complete = self._grid
        return int(((rows >= 0).any(axis=1) & ~complete).sum())

    @cached_property
    def cost_columns(self) -> tuple[str, ...]:
        """Those of gpu_s, cost_usd and latency_s that have a value on every complete query and size."""
        return tuple(c for c in COSTS if not np.isnan(self.matrix(c)).any())

    @cached_property
    def sha256(self) -> str:
        """Hash of the content, whatever the order of the rows."""
        frame = self._frame if self._attempts is None else self.attempts
        frame = frame.drop(columns=[c for c in ADDED if frame[c].isna().all()])  # as it was before there were these
        blocks = [frame.iloc[start : start + _BLOCK] for start in range(0, len(frame), _BLOCK)]
        rows = np.concatenate([pd.util.hash_pandas_object(block, index=False).to_numpy() for block in blocks])
        return hashlib.sha256(np.sort(rows).astype("<u8").tobytes()).hexdigest()

    def save(self, path: str | Path) -> None:
        """Write the table as Parquet with its schema version and order of sizes, atomically."""
        write_parquet(self._frame if self._attempts is None else self.attempts, path, sizes=self._sizes)

    def __len__(self) -> int:
        """Number of complete queries."""
        return int(self._grid[1].sum())

    @property
    def truncation_note(self) -> str | None:
        """The sizes of which more than 5 % of the answers were cut off, in a line; None if there are none."""
        model, truncated = self._column("model"), self._column("truncated")
        if self._attempts is not None:
            model, truncated = (self.attempts[name] for name in ("model", "truncated"))
        return truncation_note(model, truncated, self._sizes)

    def __repr__(self) -> str:
        """Say the shape in a line, and in another what was cut off."""
        left_out = f"; {self.n_incomplete} incomplete, {self.n_unscored} rows unscored" if self.n_incomplete else ""
        shape = f"Outcomes({len(self)} queries x {len(self._sizes)} sizes: {' < '.join(self._sizes)}{left_out})"
        return f"{shape}\nWarning: {self.truncation_note}." if self.truncation_note else shape

    def _repr_html_(self) -> str:
        return page(repr(self), self.frame, self._sizes, self.attempts)

    @cached_property
    def _grid(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Row number of each query and size (-1: none), shape (all queries, M), and which queries are complete."""
        return _grid(self._column("query_id"), self._column("model"), self._column("score"), self._sizes)

    @cached_property
    def _complete(self) -> npt.NDArray[np.int64]:
        """Row number, in the whole table, of each complete query and size, shape (Q, M)."""
        rows, complete = self._grid
        if not complete.any():
            scored = self._column("score").groupby(self._column("model")).count()
            counts = ", ".join(f"{s} {scored.get(s, 0)}" for s in self._sizes)
            raise OutcomesError(
                f"No query has a score on every size (scored: {counts}); run every size on the same queries."
            )
        return rows[complete] if self._rows is None else self._rows[rows[complete]]

    @cached_property
    def _row_splits(self) -> npt.NDArray[np.int8]:
        """Place in SPLITS of the split of each row of the whole table."""
        codes, texts = pd.factorize(self._whole["query"])
        places = np.array([SPLITS.index(name) for name in split_names(texts)], dtype=np.int8)
        return np.asarray(places[codes])

    def _texts(self, column: str) -> npt.NDArray[np.object_]:
        values: npt.NDArray[Any] = self._column(column, self._complete[:, 0]).to_numpy(dtype=object)
        pa.default_memory_pool().release_unused()
        values.flags.writeable = False
        return values


def _newest(table: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of the newest run of each (query_id, model); refuse an attempt that one run holds twice."""
    key = ["query_id", "model"]
    doubled = table.duplicated(key, keep=False)
    if not doubled.any():
        return table
    rows = table[doubled].assign(attempt=lambda t: numbers(t))
    twice = rows.duplicated([*key, "run_id", "attempt"]).to_numpy()
    if twice.any():
        row = int(np.flatnonzero(doubled)[twice.argmax()])
        raise OutcomesError(
            f"A (query_id, model) pair is there twice in one run: {where(table, row)}; keep one of them, or number "
            "them in a column 'attempt'."
        )
    age = rows.assign(created_at=rows["created_at"].fillna("")).sort_values("created_at", kind="stable")
    newest = age.drop_duplicates(key, keep="last").set_index(key)["run_id"].fillna("")
    kept = newest.reindex(pd.MultiIndex.from_frame(rows[key])).to_numpy() == rows["run_id"].fillna("").to_numpy()
    found: pd.DataFrame = table.drop(rows.index[~kept])
    return found.reset_index(drop=True)


def _grid(
    query_id: pd.Series, model: pd.Series, score: pd.Series, sizes: Sequence[str]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    query, ids = pd.factorize(query_id)
    size = pd.Index(sizes).get_indexer(pd.Index(model))
    on_ladder = np.flatnonzero(size >= 0)
    rows = np.full((len(ids), len(sizes)), -1, dtype=np.int64)
    rows[query[on_ladder], size[on_ladder]] = on_ladder
    scored = score.notna().to_numpy()
    return rows, np.all((rows >= 0) & scored[rows], axis=1)


def _default_order(table: pd.DataFrame) -> tuple[str, ...]:
    """Order the models by the first cost that tells them apart, then by the number in the name, then by name."""
    names = sorted(table["model"].unique(), key=lambda name: (_number(name), name))
    rows, complete = _grid(table["query_id"], table["model"], table["score"], names)
    if complete.any():
        refused = too_long(table["error"])
        for column in ("cost_usd", "gpu_s", "latency_s"):
            costs = table[column].mask(refused & table[column].isna(), 0.0).to_numpy(dtype="float64")
            means = costs[rows[complete]].mean(axis=0)  # NaN where one value is null
            if np.isfinite(means).all() and np.ptp(means) > 0:
                return tuple(names[i] for i in np.argsort(means, kind="stable"))
    return tuple(names)


def _number(name: str) -> float:
    """Return the parameter count a name tells ("Llama-2-13b" is 13e9), infinity where it tells none."""
    found = re.findall(r"(\d+(?:\.\d+)?)([KMBT])(?![A-Z0-9])", name.upper())
    return float(found[-1][0]) * _UNITS[found[-1][1]] if found else float("inf")

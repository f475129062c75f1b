"""Joins tables of the same queries: other sizes, other tasks, other runs; what two tables disagree about is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import pandas as pd

from zeta_eval.exceptions import InvalidInputError, OutcomesError, UnknownNameError
from zeta_eval.outcomes.attempts import KEY, numbers
from zeta_eval.outcomes.table import Outcomes

Prefer = Literal["first", "last", "error"]
"""Whose row is kept where tables disagree: that of the first or last table, or none, as an error."""
PREFER: Final = ("first", "last", "error")
"""The values of `Prefer`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeReport:
    """A joined table, with what was the same in several tables and what was not."""

    outcomes: Outcomes
    """The joined table."""
    n_rows: Mapping[str, int]
    """Rows of each table by its name."""
    n_same: int
    """Answers (query, size, attempt) that several tables have alike, of which one row was kept."""
    n_conflicts: int
    """Answers with another score or another text, decided by `prefer`."""
    conflicts: pd.DataFrame
    """One row per conflict: query_id, model, attempt, and the scores of the first and last table."""
    prefer: Prefer
    """The rule that decided conflicts."""
    remarks: tuple[str, ...] = ()
    """What a reader should know."""

    def text(self) -> str:
        """The numbers as plain text."""
        lines = [f"{name}: {n:,} rows" for name, n in self.n_rows.items()]
        lines.append(f"{self.n_same:,} answers are the same in several tables; one row of each is kept.")
        if self.n_conflicts:
            lines.append(f"{self.n_conflicts:,} answers differ between tables; the {self.prefer} table's is kept.")
        return "\n".join([*lines, *self.remarks, repr(self.outcomes)])

    def __repr__(self) -> str:
        return self.text()

    def to_dict(self) -> dict[str, Any]:
        """The numbers as JSON data."""
        return {
            "tables": dict(self.n_rows),
            "n_same": self.n_same,
            "n_conflicts": self.n_conflicts,
            "prefer": self.prefer,
            "n": len(self.outcomes),
            "n_incomplete": self.outcomes.n_incomplete,
            "sizes": list(self.outcomes.sizes),
            "remarks": list(self.remarks),
        }


def merge_tables(tables: Mapping[str, Outcomes], *, prefer: str = "error") -> MergeReport:
    """Join tables; arguments and errors as those of `zeta_eval.merge`, the tables by their names."""
    if prefer not in PREFER:
        raise UnknownNameError("rule for conflicts", prefer, PREFER)
    if len(tables) < 2:
        raise InvalidInputError("There is one table to join; give at least two.")
    frames = [table.attempts.assign(_table=i) for i, table in enumerate(tables.values())]
    whole = pd.concat(frames, ignore_index=True).assign(_number=lambda f: numbers(f))
    whole["created_at"] = whole["created_at"].astype("str")
    key = [*KEY, "_number"]
    shared = whole[whole.duplicated(key, keep=False)]
    conflicts = _conflicts(shared, key)
    if len(conflicts) and prefer == "error":
        row = conflicts.iloc[0]
        raise OutcomesError(
            f"{len(conflicts):,} answers differ between the tables, the first that of {row['model']} to query "
            f"'{row['query_id']}' (scores {row['score_first']:g} and {row['score_last']:g}); choose a table: "
            "prefer first or last."
        )
    kept = _kept(whole, prefer).drop(columns=["_table", "_number"])
    joined = Outcomes.from_frame(kept)
    return MergeReport(
        outcomes=joined.with_order(joined_order([t.sizes for t in tables.values()], joined.sizes)),
        n_rows={name: len(t.attempts) for name, t in tables.items()},
        n_same=int(shared.drop_duplicates(key).shape[0]) - len(conflicts),
        n_conflicts=len(conflicts),
        conflicts=conflicts,
        prefer=_rule(prefer),
        remarks=tuple(_remarks(tables)),
    )


def joined_order(orders: Sequence[Sequence[str]], default: Sequence[str]) -> tuple[str, ...]:
    """Return an order of all sizes that keeps that of every table; `default` decides the rest, and all on a circle.

    >>> joined_order([("4B", "14B"), ("7B", "14B")], ("14B", "4B", "7B"))
    ('4B', '7B', '14B')
    """
    before = {size: {o[i] for o in orders if size in o for i in range(list(o).index(size))} for size in default}
    found: list[str] = []
    while len(found) < len(default):
        free = [s for s in default if s not in found and before[s] <= set(found)]
        if not free:
            return tuple(default)
        found.append(free[0])
    return tuple(found)


def _conflicts(shared: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """The answers among shared ones with more than one score or text."""
    told = shared.assign(score=shared["score"].fillna(-1.0), response=shared["response"].fillna(""))
    groups = told.groupby(key, sort=False)
    differs = (groups["score"].nunique() > 1) | (groups["response"].nunique() > 1)
    ends = shared.groupby(key, sort=False)["score"].agg(score_first=_first, score_last=_last)
    found = ends[differs].reset_index().rename(columns={"_number": "attempt"})
    return found


def _first(scores: pd.Series) -> float:
    return float(scores.iloc[0])


def _last(scores: pd.Series) -> float:
    return float(scores.iloc[-1])


def _kept(whole: pd.DataFrame, prefer: str) -> pd.DataFrame:
    """The rows that stay: of each query and size all attempts of one table, the first or the last that has it.

    Attempts that one table has beyond those of another are of another run, and are left with their own.
    """
    chosen = whole.groupby(KEY, sort=False)["_table"].transform("max" if prefer == "last" else "min")
    return whole[whole["_table"] == chosen].reset_index(drop=True)


def _rule(prefer: str) -> Prefer:
    return "first" if prefer == "first" else "last" if prefer == "last" else "error"


def _remarks(tables: Mapping[str, Outcomes]) -> list[str]:
    """What may have gone wrong: tables that name the same queries differently, costs measured apart."""
    first, *others = [t.attempts.drop_duplicates("query_id") for t in tables.values()]
    remarks = []
    for name, other in zip(list(tables)[1:], others, strict=True):
        ids, texts = set(first["query_id"]) & set(other["query_id"]), set(first["query"]) & set(other["query"])
        if len(texts) > len(ids):
            remarks.append(
                f"{name}: {len(texts):,} queries read as in the first table, but only {len(ids):,} have the same "
                "query_id; give them the same."
            )
        elif not ids:
            remarks.append(f"{name}: no query is in the first table.")
    runs = {r for t in tables.values() for r in t.attempts["run_id"].dropna().unique()}
    if len(runs) > 1:
        remarks.append(f"The rows are of {len(runs)} runs; compare their gpu_s and latency_s with care.")
    return remarks

"""Several tables together: each router's gap closed by table and on average, and what is proven where."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from routing.averages import Average, mean
from routing.rows import interval
from zeta_eval.evaluation.measures.statistics import Measure


@dataclass(frozen=True, kw_only=True, slots=True)
class SummaryRow:
    """How one router did over the tables; intervals are 95 %."""

    router: str
    """Its name."""
    kind: str
    """As in its rows."""
    gap_closed: dict[str, Measure]
    """Mean gap closed over the splits, by table."""
    error: dict[str, float]
    """Its standard error over the splits, by table."""
    proven: dict[str, int]
    """Number of splits on which it is proven, by table."""
    mean: Measure
    """Mean gap closed over the tables."""
    over_text: Measure
    """Mean of the gap closed above that of each table's best text baseline."""
    over_any: Measure
    """The same where the task means are among the baselines."""
    ratio: float
    """Mean gap closed over the mean of each table's best text baseline."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        tables = {name: m._asdict() for name, m in self.gap_closed.items()}
        means = {name: getattr(self, name)._asdict() for name in ("mean", "over_text", "over_any")}
        about = {"router": self.router, "kind": self.kind, "gap_closed": tables}
        return about | {"standard_error_over_splits": self.error, "proven": self.proven} | means | {"ratio": self.ratio}


def summarise(found: dict[str, Sequence[Average]]) -> list[SummaryRow]:
    """Average over the tables on which there is a gap to close; sizes alone have no curve and no row."""
    tables = {name: {a.router: a for a in rows if not math.isnan(a.gap_closed.value)} for name, rows in found.items()}
    tables = {name: rows for name, rows in tables.items() if rows}
    routers = [r for r in next(iter(tables.values()), {}) if all(r in rows for rows in tables.values())]
    return [_row({name: rows[router] for name, rows in tables.items()}) for router in routers]


def _row(tables: dict[str, Average]) -> SummaryRow:
    first = next(iter(tables.values()))
    value, over = (
        mean_over_tables([m(a) for a in tables.values()]) for m in (lambda a: a.gap_closed, lambda a: mean(a.over_text))
    )
    best = value.value - over.value
    return SummaryRow(
        router=first.router,
        kind=first.kind,
        gap_closed={name: a.gap_closed for name, a in tables.items()},
        error={name: a.error for name, a in tables.items()},
        proven={name: a.proven for name, a in tables.items()},
        mean=value,
        over_text=over,
        over_any=mean_over_tables([mean(a.over_any) for a in tables.values()]),
        ratio=value.value / best if best > 0 else math.nan,
    )


def summary_text(rows: Sequence[SummaryRow]) -> str:
    """Return the rows as text."""
    names = list(rows[0].gap_closed) if rows else []
    cells = {name: [f"{r.gap_closed[name].value:.3f} ({r.proven[name]})" for r in rows] for name in names}
    cells["mean [95 %]"] = [interval(r.mean, ".3f") for r in rows]
    cells["minus each table's best text baseline [95 %]"] = [interval(r.over_text, "+.3f") for r in rows]
    cells["minus best with task means [95 %]"] = [interval(r.over_any, "+.3f") for r in rows]
    cells["ratio"] = [f"{r.ratio:.2f}" for r in rows]
    return pd.DataFrame(cells, index=[r.router for r in rows]).to_string()


def mean_over_tables(measures: Sequence[Measure]) -> Measure:
    """Return a mean over tables; their queries are different, so the errors of the figures add up in squares."""
    half = math.sqrt(sum(((m.high - m.low) / 2) ** 2 for m in measures)) / len(measures)
    value = float(np.mean([m.value for m in measures]))
    return Measure(value, value - half, value + half)

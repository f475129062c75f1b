"""Several tables together: each router's gap closed by table and on average."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from routing.rows import Row, interval
from zeta_eval.evaluation.measures.statistics import Measure


@dataclass(frozen=True, kw_only=True, slots=True)
class SummaryRow:
    """How one router did over the tables; intervals are 95 %."""

    router: str
    """Its name."""
    kind: str
    """"product", "baseline" or "reference"."""
    gap_closed: dict[str, Measure]
    """Gap closed, by table."""
    mean: Measure
    """Their mean."""
    over_best: Measure
    """Mean of the gap closed above that of each table's best baseline."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        tables = {name: m._asdict() for name, m in self.gap_closed.items()}
        named = {"mean": self.mean._asdict(), "over_best": self.over_best._asdict()}
        return {"router": self.router, "kind": self.kind, "gap_closed": tables, **named}


def summarise(found: dict[str, list[Row]]) -> list[SummaryRow]:
    """Average over the tables on which there is a gap to close; sizes alone have no curve and no row."""
    tables = {name: {r.router: r for r in rows if not math.isnan(r.gap_closed.value)} for name, rows in found.items()}
    tables = {name: rows for name, rows in tables.items() if rows}
    out = []
    for router in next(iter(tables.values()), {}):
        rows = [table[router] for table in tables.values() if router in table]
        if len(rows) < len(tables):
            continue
        out.append(
            SummaryRow(
                router=router,
                kind=rows[0].kind,
                gap_closed={name: r.gap_closed for name, r in zip(tables, rows, strict=True)},
                mean=_mean([r.gap_closed for r in rows]),
                over_best=_mean([r.over_best for r in rows]),
            )
        )
    return out


def summary_text(rows: list[SummaryRow]) -> str:
    """Return the rows as text."""
    names = list(rows[0].gap_closed) if rows else []
    cells = {name: [interval(r.gap_closed[name], ".3f") for r in rows] for name in names}
    cells["mean [95 %]"] = [interval(r.mean, ".3f") for r in rows]
    cells["minus each table's best baseline [95 %]"] = [interval(r.over_best, "+.3f") for r in rows]
    return pd.DataFrame(cells, index=[r.router for r in rows]).to_string()


def _mean(measures: Sequence[Measure]) -> Measure:
    """Return a mean over tables; their queries are different, so the errors of the figures add up in squares."""
    half = math.sqrt(sum(((m.high - m.low) / 2) ** 2 for m in measures)) / len(measures)
    value = float(np.mean([m.value for m in measures]))
    return Measure(value, value - half, value + half)

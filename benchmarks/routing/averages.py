"""A table's splits together: means of each router, and how far it is ahead of the best baseline."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from routing.rows import TASK, TEXT, Row, interval
from zeta_eval.evaluation.measures.statistics import Measure

NONE = Measure(math.nan, math.nan, math.nan)


@dataclass(frozen=True, kw_only=True, slots=True)
class Average:
    """How one router did over the splits of a table.

    A mean's interval has the mean ends of the splits' own: they share queries, so more splits don't make it narrower.
    """

    router: str
    """Its name."""
    kind: str
    """As in its rows."""
    rows: tuple[Row, ...]
    """What it did, by split."""
    over_text: tuple[Measure, ...]
    """Gap closed above that of the best baseline that reads the text alone, by split, paired."""
    over_any: tuple[Measure, ...]
    """The same where the task means are among the baselines."""

    @property
    def gap_closed(self) -> Measure:
        """Mean gap closed."""
        return mean([r.gap_closed for r in self.rows])

    @property
    def error(self) -> float:
        """Standard error of that mean over the splits; NaN with one split."""
        values = [r.gap_closed.value for r in self.rows]
        return float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan

    @property
    def proven(self) -> int:
        """Number of splits on which it is shown to be better than a random mix at equal cost."""
        return sum(r.proven for r in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        means = {"gap_closed": self.gap_closed, "over_text": mean(self.over_text), "over_any": mean(self.over_any)}
        splits = [
            row.to_dict() | {"over_text": text._asdict(), "over_any": either._asdict()}
            for row, text, either in zip(self.rows, self.over_text, self.over_any, strict=True)
        ]
        named = {name: m._asdict() for name, m in means.items()}
        return (
            {"router": self.router, "kind": self.kind}
            | named
            | {"standard_error_over_splits": self.error, "proven": self.proven, "splits": splits}
        )


def mean(measures: Sequence[Measure]) -> Measure:
    """Return the mean of values and of the ends of their intervals."""
    return Measure(*np.mean(measures, axis=0).tolist())


def averages(splits: Sequence[Sequence[Row]]) -> list[Average]:
    """Put the rows of the splits together by router, each split with the same routers."""
    routers = list(zip(*splits, strict=True))
    text, either = _best(routers, (TEXT,)), _best(routers, (TEXT, TASK))
    return [
        Average(
            router=rows[0].router,
            kind=rows[0].kind,
            rows=rows,
            over_text=_over(rows, text),
            over_any=_over(rows, either),
        )
        for rows in routers
    ]


def best_baseline(found: Sequence[Average], kinds: Sequence[str] = (TEXT,)) -> str | None:
    """Return the name of the baseline that closes the most of the gap on average, told by what judges it."""
    best = _best([a.rows for a in found], kinds)
    return None if best is None else best[0].router


def _best(routers: Sequence[tuple[Row, ...]], kinds: Sequence[str]) -> tuple[Row, ...] | None:
    known = [rows for rows in routers if rows[0].kind in kinds and not math.isnan(_value(rows))]
    return max(known, key=_value, default=None)


def _value(rows: Sequence[Row]) -> float:
    return float(np.mean([r.gap_closed.value for r in rows]))


def _over(rows: Sequence[Row], best: Sequence[Row] | None) -> tuple[Measure, ...]:
    return tuple(NONE if best is None else row.over(other) for row, other in zip(rows, best or rows, strict=True))


def averages_text(found: Sequence[Average]) -> str:
    """Return them as text."""
    cells = {
        "gap closed [95 %]": [interval(a.gap_closed, ".3f") for a in found],
        "SE over splits": [f"{a.error:.3f}" for a in found],
        "minus best text baseline [95 %]": [interval(mean(a.over_text), "+.3f") for a in found],
        "minus best with task means [95 %]": [interval(mean(a.over_any), "+.3f") for a in found],
        "accuracy": [f"{np.mean([r.accuracy.value for r in a.rows]):.3f}" for a in found],
        "of largest": [f"{np.mean([r.cost_ratio for r in a.rows]):.1%}" for a in found],
        "lift": [f"{np.mean([r.lift.value for r in a.rows]):+.3f}" for a in found],
        "proven": [f"{a.proven} of {len(a.rows)}" for a in found],
    }
    return pd.DataFrame(cells, index=[a.router for a in found]).to_string()

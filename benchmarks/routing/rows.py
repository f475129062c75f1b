"""What each router did on the test split, measured alike: one row each, all on the same queries."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from zeta_eval.arrays import Floats, Sizes
from zeta_eval.evaluation.batch.choice import curve_weights
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.comparison import Comparison, Strategy, Traced
from zeta_eval.evaluation.measures import gap
from zeta_eval.evaluation.measures.metrics import hull, mix
from zeta_eval.evaluation.measures.statistics import Measure
from zeta_eval.evaluation.reports.strategy_row import StrategyRow

_NONE = Measure(math.nan, math.nan, math.nan)

KEEP = 0.99
"""Share of the largest size's accuracy that a baseline's setting keeps on `validate`, as tuning's default does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """How one router did; intervals are 95 %, NaN where a figure has no meaning for it."""

    router: str
    """Its name."""
    kind: str
    """"product", "baseline" or "reference"."""
    accuracy: Measure
    """Mean score at its setting, in [0, 1]."""
    cost: Measure
    """Mean cost per query there, in the table's unit."""
    cost_ratio: float
    """The same as a share of the largest size's."""
    kept: float
    """Accuracy as a share of the largest size's; NaN where that is 0."""
    lift: Measure
    """Accuracy above the best random mix of sizes at equal cost."""
    gap_closed: Measure
    """Share of the area between random mix and oracle that its curve closes."""
    over_best: Measure = _NONE
    """Gap closed above that of the best baseline on these very queries, paired."""
    points: Floats = field(repr=False, compare=False)
    """Its curve: mean (cost in the table's unit, score), shape (K, 2)."""
    influence: Floats = field(repr=False, compare=False)
    """How far each query moves the gap closed, shape (Q,); NaN where it has no curve."""

    def to_dict(self) -> dict[str, Any]:
        """All but each query's influence, for JSON."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.compare}
        named = {name: v._asdict() if isinstance(v, Measure) else v for name, v in values.items()}
        return named | {"curve": self.points.tolist()}


def random_mix(compare: Comparison, validate: Evaluator) -> Row:
    """Sizes by lot, judged at the cheapest mix that keeps `KEEP` of the largest size's accuracy on `validate`."""
    known = hull(validate.singles)
    cost = np.interp(KEEP * validate.singles[validate.largest, 1], known[:, 1], known[:, 0])
    shares = mix(validate.singles, float(cost))
    found = compare.mix_row(float(compare.data.singles[:, 0] @ shares) * compare.data.unit_cost)
    corners = hull(compare.data.singles) * [compare.data.unit_cost, 1.0]
    return replace(_row("random mix", "reference", found, compare, None), points=corners)


def keeping(validate: Evaluator, p: Floats, expected_cost: Floats) -> float:
    """Return the cost weight that keeps `KEEP` of the largest size's accuracy on `validate` at the least cost.

    The rule by which a policy is tuned where neither budget nor floor is given; the best there is, where none keeps it.
    """
    weights = curve_weights(p, expected_cost)[:-1]
    _, cost, score = validate.curve(p, expected_cost, weights=weights)
    margin = score.mean(axis=0) - KEEP * validate.singles[validate.largest, 1]
    keeps = margin >= min(0.0, margin.max())
    return float(weights[np.argmin(np.where(keeps, cost.mean(axis=0), np.inf))])


def predicted(name: str, validate: Evaluator, data: Evaluator, p: Floats, expected_cost: Floats) -> Strategy:
    """Return a router with predictions for `validate`, then `test`, each (V + Q, M), as a strategy on `test`."""
    n = len(validate.score)
    weight = keeping(validate, p[:n], expected_cost[:n])
    return Strategy.of_chances(name, p[n:], expected_cost[n:], data, weight)


def row(kind: str, strategy: Strategy, compare: Comparison) -> Row:
    """Measure a router, by the rules of the product's own report."""
    traced = None if strategy.weights is None else compare.trace(strategy)
    return _row(strategy.name, kind, compare.row(strategy, traced), compare, traced)


def _row(name: str, kind: str, found: StrategyRow, compare: Comparison, traced: Traced | None) -> Row:
    data = compare.data
    top = float(data.singles[data.largest, 1])
    return Row(
        router=name,
        kind=kind,
        accuracy=Measure(found.accuracy, *found.accuracy_ci),
        cost=Measure(found.cost, *found.cost_ci),
        cost_ratio=found.cost_ratio,
        kept=found.accuracy / top if top > 0 else math.nan,
        lift=Measure(found.lift, *found.lift_ci),
        gap_closed=Measure(found.gap_closed, *found.gap_closed_ci),
        points=np.empty((0, 2)) if traced is None else traced.points * [data.unit_cost, 1.0],
        influence=np.full(len(data.score), math.nan) if traced is None else traced.influence,
    )


def best_baseline(rows: list[Row]) -> Row | None:
    """Return the baseline that closes the most of the gap on the test split itself: the strictest choice."""
    known = [r for r in rows if r.kind == "baseline" and not math.isnan(r.gap_closed.value)]
    return max(known, key=lambda r: r.gap_closed.value, default=None)


def against_best(rows: list[Row], families: Sizes | None = None) -> list[Row]:
    """Fill in how much more of the gap each row closes than the best baseline, on the same queries."""
    best = best_baseline(rows)
    if best is None:
        return rows
    return [replace(r, over_best=over(r, best, families)) for r in rows]


def over(row: Row, other: Row, families: Sizes | None = None) -> Measure:
    """Return how much more of the gap a row closes than another, with its interval."""
    return gap.interval(row.gap_closed.value - other.gap_closed.value, row.influence - other.influence, families)


def rows_text(rows: list[Row]) -> str:
    """Return the rows as text."""
    cells = {
        "accuracy [95 %]": [interval(r.accuracy, ".3f") for r in rows],
        "cost": [f"{r.cost.value:.3g}" for r in rows],
        "of largest": [f"{r.cost_ratio:.1%}" for r in rows],
        "lift [95 %]": [interval(r.lift, "+.3f") for r in rows],
        "gap closed [95 %]": [interval(r.gap_closed, ".3f") for r in rows],
        "minus best baseline [95 %]": [interval(r.over_best, "+.3f") for r in rows],
    }
    return pd.DataFrame(cells, index=[r.router for r in rows]).to_string()


def interval(m: Measure, form: str) -> str:
    """Return a measure as text, "-" where it can't be told; no minus before a zero."""
    if math.isnan(m.value):
        return "-"
    sign, form = ("+", form[1:]) if form.startswith("+") else ("", form)
    value, low, high = (format(v, f"{sign}z{form}") for v in m)
    return value if math.isnan(m.low) else f"{value} [{low}, {high}]"

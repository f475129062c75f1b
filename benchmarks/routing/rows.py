"""What each router did on the queries that judge one split, measured alike: one row each, all on the same queries."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from zeta_eval.arrays import Floats, Sizes
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.comparison import Comparison, Strategy, Traced
from zeta_eval.evaluation.measures import gap
from zeta_eval.evaluation.measures.lift import ABOVE_ZERO
from zeta_eval.evaluation.measures.metrics import hull, mix
from zeta_eval.evaluation.measures.statistics import Measure
from zeta_eval.evaluation.reports.strategy_row import StrategyRow

KEEP = 0.99
"""Share of the largest size's accuracy that the random mix keeps on the known queries, as tuning's default does."""

TEXT, TASK = "text baseline", "task baseline"
"""Kinds of baselines: those that read the text alone, and those that must be told the task."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """How one router did; intervals are 95 %, NaN where a figure has no meaning for it."""

    router: str
    """Its name."""
    kind: str
    """"product", "text baseline", "task baseline" or "reference"."""
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
    points: Floats = field(repr=False, compare=False)
    """Its curve: mean (cost in the table's unit, score), shape (K, 2)."""
    influence: Floats = field(repr=False, compare=False)
    """How far each query moves the gap closed, shape (Q,); NaN where it has no curve."""
    families: Sizes | None = field(default=None, repr=False, compare=False)
    """Family of like queries of each query, shape (Q,); None where every query is alone."""

    @property
    def proven(self) -> bool:
        """Whether it is shown to be better than a random mix at equal cost, as a verdict says it."""
        return self.lift.low > ABOVE_ZERO

    def over(self, other: Row) -> Measure:
        """Return how much more of the gap it closes than another on the same queries, paired."""
        difference = self.gap_closed.value - other.gap_closed.value
        return gap.interval(difference, self.influence - other.influence, self.families)

    def to_dict(self) -> dict[str, Any]:
        """All but what is kept of each query and of the curve, for JSON."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.compare}
        return {name: v._asdict() if isinstance(v, Measure) else v for name, v in values.items()}


def random_mix(compare: Comparison, known: Evaluator) -> Row:
    """Sizes by lot, judged at the cheapest mix that keeps `KEEP` of the largest size's accuracy on known queries."""
    corners = hull(known.singles)
    cost = np.interp(KEEP * known.singles[known.largest, 1], corners[:, 1], corners[:, 0])
    shares = mix(known.singles, float(cost))
    found = compare.mix_row(float(compare.data.singles[:, 0] @ shares) * compare.data.unit_cost)
    points = hull(compare.data.singles) * [compare.data.unit_cost, 1.0]
    return replace(_row("random mix", "reference", found, compare, None), points=points)


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
        families=compare.bootstrap.families,
    )


def interval(m: Measure, form: str) -> str:
    """Return a measure as text, "-" where it can't be told; no minus before a zero."""
    if math.isnan(m.value):
        return "-"
    sign, form = ("+", form[1:]) if form.startswith("+") else ("", form)
    value, low, high = (format(v, f"{sign}z{form}") for v in m)
    return value if math.isnan(m.low) else f"{value} [{low}, {high}]"

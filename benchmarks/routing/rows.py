"""What each router did on the test split, measured alike: one row each, all on the same resamples."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from zeta_eval.arrays import Floats
from zeta_eval.evaluation.batch.choice import choose, curve_weights, mix
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.comparison import Comparison, Strategy
from zeta_eval.evaluation.measures.metrics import gap_closed, hull_cost, hull_value
from zeta_eval.evaluation.measures.statistics import Measure, measure

_NONE = Measure(math.nan, math.nan, math.nan)

KEEP = 0.99
"""Share of the largest size's accuracy that a baseline's setting keeps on `validate`, as tuning's default does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Traced:
    """What a router, cascades too, spends and scores on each of Q queries; costs are shares of the largest's mean."""

    cost: Floats
    """At each of K settings that trace its whole curve, shape (Q, K); K = 1 is no curve."""
    score: Floats
    """The same for the score, shape (Q, K)."""
    at_cost: Floats
    """At the one setting it is judged at, shape (Q,)."""
    at_score: Floats
    """The same for the score, shape (Q,)."""


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
    samples: Floats = field(repr=False, compare=False)
    """Gap closed in each resample, shape (B,)."""
    over_samples: Floats = field(repr=False, compare=False)
    """Gap closed above the best baseline's in each resample, shape (B,); NaN where there is none."""

    def to_dict(self) -> dict[str, Any]:
        """All but the resamples, for JSON."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.compare}
        named = {name: v._asdict() if isinstance(v, Measure) else v for name, v in values.items()}
        return named | {"curve": self.points.tolist()}


def trace(data: Evaluator, strategy: Strategy) -> Traced:
    """Follow a strategy along its cost weights."""
    _, cost, score = data.curve(strategy.p, strategy.expected_cost)
    at_score, at_cost = data.of(strategy.chosen)
    return Traced(cost=cost, score=score, at_cost=at_cost, at_score=at_score)


def single(data: Evaluator, m: int) -> Traced:
    """One size for every query."""
    cost, score = data.cost[:, m], data.score[:, m]
    return Traced(cost=cost[:, None], score=score[:, None], at_cost=cost, at_score=score)


def random_mix(data: Evaluator, validate: Evaluator) -> Traced:
    """Sizes by lot, judged at the cheapest mix that keeps `KEEP` of the largest size's accuracy on `validate`."""
    floor = np.asarray(KEEP * validate.singles[validate.largest, 1])
    shares = mix(validate.singles, float(hull_cost(validate.singles, floor)))
    # The corners of its curve are the sizes alone; the hull fills in the mixes between them.
    return Traced(cost=data.cost, score=data.score, at_cost=data.cost @ shares, at_score=data.score @ shares)


def keeping(validate: Evaluator, p: Floats, expected_cost: Floats) -> float:
    """Return the cost weight that keeps `KEEP` of the largest size's accuracy on `validate` at the least cost.

    The rule by which a policy is tuned where neither budget nor floor is given; the best there is, where none keeps it.
    """
    weights = curve_weights(p, expected_cost)[:-1]
    _, cost, score = validate.curve(p, expected_cost, weights=weights)
    margin = score.mean(axis=0) - KEEP * validate.singles[validate.largest, 1]
    keeps = margin >= min(0.0, margin.max())
    return float(weights[np.argmin(np.where(keeps, cost.mean(axis=0), np.inf))])


def predicted(name: str, validate: Evaluator, p: Floats, expected_cost: Floats) -> Strategy:
    """Return a router with predictions for `validate`, then `test`, each (V + Q, M), as a strategy on `test`."""
    n = len(validate.score)
    chosen = choose(p[n:], expected_cost[n:], keeping(validate, p[:n], expected_cost[:n]))
    return Strategy(name=name, p=p[n:], expected_cost=expected_cost[n:], chosen=chosen)


def row(name: str, kind: str, traced: Traced, compare: Comparison) -> Row:
    """Measure a router."""
    data, means = compare.data, compare.bootstrap.means
    at = means(np.column_stack([traced.at_cost, traced.at_score]))
    spent, accuracy = measure(traced.at_cost.mean(), at[:, 0]), measure(traced.at_score.mean(), at[:, 1])
    lift = measure(
        accuracy.value - hull_value(data.singles, np.asarray(spent.value)),
        at[:, 1] - hull_value(compare.singles, at[:, 0]),
    )
    points = np.column_stack([traced.cost.mean(axis=0), traced.score.mean(axis=0)])
    closed, samples = math.nan, np.full(len(at), np.nan)
    if len(points) > 1:
        curves = np.stack([means(traced.cost), means(traced.score)], axis=-1)
        closed = float(gap_closed(points, data.singles, compare.oracle_trace.points))
        samples = gap_closed(curves, compare.singles, compare.oracle_trace.samples)
    top = float(data.singles[data.largest, 1])
    return Row(
        router=name,
        kind=kind,
        accuracy=accuracy,
        cost=Measure(*(v * data.unit_cost for v in spent)),
        cost_ratio=spent.value,
        kept=accuracy.value / top if top > 0 else math.nan,
        lift=lift,
        gap_closed=measure(closed, samples),
        points=points * [data.unit_cost, 1.0],
        samples=samples,
        over_samples=np.full(len(at), np.nan),
    )


def best_baseline(rows: list[Row]) -> Row | None:
    """Return the baseline that closes the most of the gap on the test split itself: the strictest choice."""
    known = [r for r in rows if r.kind == "baseline" and not math.isnan(r.gap_closed.value)]
    return max(known, key=lambda r: r.gap_closed.value, default=None)


def against_best(rows: list[Row]) -> list[Row]:
    """Fill in how much more of the gap each row closes than the best baseline, on the same resamples."""
    best = best_baseline(rows)
    if best is None:
        return rows
    out = []
    for r in rows:
        samples = r.samples - best.samples
        over = measure(r.gap_closed.value - best.gap_closed.value, samples)
        out.append(replace(r, over_best=over, over_samples=samples))
    return out


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

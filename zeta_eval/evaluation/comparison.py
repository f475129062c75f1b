"""Strategies side by side: the same queries, the same real costs, the same resamples."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Self

import numpy as np
import numpy.typing as npt

from zeta_eval.arrays import Floats, Sizes
from zeta_eval.evaluation.batch.choice import choose, curve_weights
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.runs import PolicyRuns, Runs
from zeta_eval.evaluation.measures import gap
from zeta_eval.evaluation.measures.lift import Excess, excess, lift
from zeta_eval.evaluation.measures.means import ratio
from zeta_eval.evaluation.measures.metrics import apgr, cost_to_keep, cpt, detectable_lift, mix, pgr, regret
from zeta_eval.evaluation.measures.statistics import Bootstrap, Measure, measure, paired_test, standard_error
from zeta_eval.evaluation.reports.report import Curve, Summary
from zeta_eval.evaluation.reports.strategy_row import Measured, StrategyRow

_NONE, _ZERO = Measure(math.nan, math.nan, math.nan), Measure(0.0, 0.0, 0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Strategy:
    """A way to choose sizes for Q queries: at one cost weight, and along its whole curve."""

    name: str
    """Its name in the report."""
    kept: Sizes
    """Size whose answer is kept at the report's cost weight, shape (Q,)."""
    ran: npt.NDArray[np.bool_]
    """Which sizes run there, shape (Q, M)."""
    weights: Floats | None = None
    """Cost weights that trace its curve, shape (K,); None where it has none."""
    walk: gap.Walk | None = field(default=None, repr=False, compare=False)
    """Each query's cost and score at some of these weights."""

    def paid(self, each: Floats) -> Floats:
        """Return what all sizes that run come to, shape (Q,), by cost or time of each size (Q, M)."""
        return Runs(self.kept, self.ran).paid(each)

    @classmethod
    def of_policy(cls, name: str, runs: PolicyRuns, data: Evaluator, cost_weight: float) -> Self:
        """Run a policy, with its escalations."""
        at = runs.at(cost_weight)
        return cls(
            name=name, kept=at.kept, ran=at.ran, weights=runs.weights(), walk=lambda weights: runs.curve(data, weights)
        )

    @classmethod
    def of_chances(cls, name: str, p: Floats, expected_cost: Floats, data: Evaluator, cost_weight: float) -> Self:
        """Choose one size per query by success probabilities and expected costs, each of shape (Q, M)."""
        kept = choose(p, expected_cost, cost_weight)
        return cls(
            name=name,
            kept=kept,
            ran=kept[:, None] == np.arange(p.shape[1]),
            weights=curve_weights(p, expected_cost),
            walk=lambda weights: data.curve(p, expected_cost, weights=weights)[1:],
        )

    @classmethod
    def of_size(cls, m: int, data: Evaluator) -> Self:
        """Send every query to one size."""
        kept = np.full(len(data.score), m)
        return cls(name=f"{data.sizes[m]} alone", kept=kept, ran=kept[:, None] == np.arange(len(data.sizes)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Traced:
    """A strategy's curve with the gap that it closes."""

    weights: Floats
    """Cost weights, shape (K,)."""
    points: Floats
    """Mean (cost, score) there, shape (K, 2)."""
    closed: float
    """Gap closed."""
    influence: Floats
    """How far each query moves it, shape (Q,)."""


class Comparison:
    """Measures strategies on one split. Costs inside are shares of the largest size's mean cost."""

    def __init__(
        self,
        data: Evaluator,
        latency: Floats,
        bootstrap: Bootstrap,
        cost_weight: float,
        *,
        corners: Sequence[int] | None = None,
        flags: Mapping[str, Floats] = MappingProxyType({}),
    ) -> None:
        """Measure on a split, with latencies (Q, M) in seconds, NaN where absent.

        The oracle chooses at this cost weight. `corners` are the sizes that the random mix uses, told by other queries;
        None tells them by these. `flags` tell by column which answers are flagged, (Q, M), NaN where that isn't known.
        """
        self.data, self.latency, self.bootstrap, self.cost_weight = data, latency, bootstrap, cost_weight
        self.flags = flags
        m = len(data.sizes)
        means = bootstrap.means(np.hstack([data.cost, data.score]))
        self.singles = np.stack([means[:, :m], means[:, m:]], axis=-1)
        """Mean (cost, score) of each size in each resample, shape (B, M, 2)."""
        self.frame = gap.Frame.of(data.cost, data.score)
        chosen = gap.mix_corners(data.singles) if corners is None else corners
        self.mix = gap.mix_area(self.frame, data.cost, data.score, chosen)
        self.oracle = Strategy.of_chances("oracle", data.score, data.cost, data, cost_weight)
        """Knows every score and cost beforehand."""
        self._room = self._area(self.oracle)

    def _area(self, strategy: Strategy) -> gap.Area:
        assert strategy.weights is not None and strategy.walk is not None
        return gap.curve_area(self.frame, strategy.weights, strategy.walk)

    def trace(self, strategy: Strategy) -> Traced:
        """Follow a strategy along its curve; it must have one."""
        assert strategy.weights is not None
        area = self._room if strategy is self.oracle else self._area(strategy)
        value, influence = gap.closed(area, self.mix, self._room)
        return Traced(weights=strategy.weights, points=area.points, closed=value, influence=influence)

    def gap_closed(self, traced: Traced) -> Measure:
        """Return the gap that a curve closes, with its interval."""
        return gap.interval(traced.closed, traced.influence, self.bootstrap.families)

    def row(self, strategy: Strategy, traced: Traced | None = None) -> StrategyRow:
        """Measure a strategy; with its curve where that is given."""
        m = len(self.data.sizes)
        measured = self._measure(
            strategy.name,
            np.eye(m)[strategy.kept],
            strategy.paid(self.data.cost),
            strategy.paid(self.latency)[:, None] * np.ones(m),
            lift(self._excess(strategy), self.bootstrap),
        )
        return StrategyRow.of(measured if traced is None else replace(measured, gap_closed=self.gap_closed(traced)))

    def _excess(self, strategy: Strategy) -> Excess:
        data = self.data
        score, cost = data.of(strategy.kept)[0], strategy.paid(data.cost)
        return excess(score, cost, strategy.kept, data.score, data.cost)

    def mix_row(self, cost: float) -> StrategyRow:
        """Measure the best random mix of sizes that costs so much a query, in the table's unit."""
        data, spent = self.data, cost / self.data.unit_cost
        share = np.broadcast_to(mix(data.singles, spent), data.score.shape)
        measured = self._measure("random mix", share, (share * data.cost).sum(axis=1), self.latency, _ZERO)
        return StrategyRow.of(replace(measured, gap_closed=_ZERO))

    def summary(self, strategy: Strategy, traced: Traced) -> Summary:
        """Figures of merit of a strategy, from the cheapest to the largest size."""
        data, families = self.data, self.bootstrap.families
        cheap, large = int(data.singles[:, 0].argmin()), data.largest
        score, cost = data.of(strategy.kept)[0], strategy.paid(data.cost)
        means = self.bootstrap.means(np.column_stack([cost, score]))
        weak, strong = data.singles[cheap], data.singles[large]
        left = regret(data.score, data.cost, score, cost, self.cost_weight)
        found = self._excess(strategy)
        return Summary(
            pgr=measure(
                pgr(score.mean(), weak[1], strong[1]),
                pgr(means[:, 1], self.singles[:, cheap, 1], self.singles[:, large, 1]),
            ),
            apgr=apgr(traced.points, weak, strong),
            cpt={str(x): cpt(traced.points, weak, strong, x) for x in (0.5, 0.8, 0.95)},
            cost_to_keep={name: cost_to_keep(traced.points, float(name) * strong[1]) for name in ("0.95", "0.99", "1")},
            regret=measure(left.mean(), self.bootstrap.means(left[:, None])[:, 0]),
            versus_largest=paired_test(score, data.score[:, large], families),
            detectable_lift=detectable_lift(standard_error(found.seen - found.seen.mean(), families)),
        )

    def curve(self, name: str, traced: Traced) -> Curve:
        """Return a curve in the table's own unit of cost."""
        return Curve(
            strategy=name,
            cost_weight=tuple(traced.weights.tolist()),
            cost=tuple((traced.points[:, 0] * self.data.unit_cost).tolist()),
            accuracy=tuple(traced.points[:, 1].tolist()),
        )

    def _measure(self, name: str, share: Floats, paid: Floats, latency: Floats, lifted: Measure) -> Measured:
        """Measure a strategy by the probability (Q, M) that a query's kept answer is each size's."""
        data = self.data
        score = (share * data.score).sum(axis=1)
        means = self.bootstrap.means(np.column_stack([paid, score]))
        return Measured(
            strategy=name,
            data=data,
            share=share,
            score=score,
            latency=latency,
            accuracy=measure(score.mean(), means[:, 1]),
            cost=measure(paid.mean(), means[:, 0]),
            accuracy_ratio=ratio(score, data.score[:, data.largest], self.bootstrap.families),
            cost_ratio=ratio(paid, data.cost[:, data.largest], self.bootstrap.families),
            n_families=self.bootstrap.n_families,
            flags=self.flags,
            lift=lifted,
            gap_closed=_NONE,
        )

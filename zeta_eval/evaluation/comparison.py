"""Strategies side by side: the same queries, the same real costs, the same resamples."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from zeta_eval.arrays import Floats, Sizes
from zeta_eval.evaluation.batch.choice import choose, curve_weights, mix
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.runs import PolicyRuns, Runs
from zeta_eval.evaluation.measures.metrics import (
    apgr,
    cpt,
    detectable_lift,
    gap_closed,
    hull_cost,
    hull_value,
    pgr,
    regret,
)
from zeta_eval.evaluation.measures.statistics import Bootstrap, Measure, measure, paired_test
from zeta_eval.evaluation.reports.report import Curve, Summary
from zeta_eval.evaluation.reports.strategy_row import Measured, StrategyRow
from zeta_eval.router.policy import Verdict

CASCADE = "policy, cascading"
"""Name of the row of a policy that may go on after an answer."""

_HELD = 1 << 24
"""Costs and scores of points of a curve that are held at once."""

_NONE, _ZERO = Measure(math.nan, math.nan, math.nan), Measure(0.0, 0.0, 0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Strategy:
    """A way to choose a size for each of Q queries by estimates made before any answer."""

    name: str
    """Its name in the report."""
    p: Floats
    """Success probability, shape (Q, M)."""
    expected_cost: Floats
    """Expected cost as a share of the largest size's mean cost, shape (Q, M)."""
    chosen: Sizes
    """The choice at the report's cost weight, shape (Q,)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """The cost-quality curve of a strategy, with its resamples."""

    weights: Floats
    """Cost weights, shape (K,)."""
    points: Floats
    """Mean (cost, score), shape (K, 2)."""
    samples: Floats
    """The same in each resample, shape (B, K, 2)."""


class Comparison:
    """Measures strategies on one split. Costs inside are shares of the largest size's mean cost."""

    def __init__(self, data: Evaluator, latency: Floats, bootstrap: Bootstrap, cost_weight: float) -> None:
        """Measure on `data`; `latency` in seconds is (Q, M), NaN where absent."""
        self.data, self.latency, self.bootstrap, self.cost_weight = data, latency, bootstrap, cost_weight
        m = len(data.sizes)
        means = bootstrap.means(np.hstack([data.cost, data.score]))
        self.singles = np.stack([means[:, :m], means[:, m:]], axis=-1)
        """Mean (cost, score) of each size in each resample, shape (B, M, 2)."""
        self.oracle = Strategy(
            name="oracle",
            p=data.score,
            expected_cost=data.cost,
            chosen=choose(data.score, data.cost, cost_weight),
        )
        """The strategy that knows every score and cost beforehand."""
        self.oracle_trace = self.trace(self.oracle)

    def trace(self, strategy: Strategy) -> Trace:
        """Trace a strategy's curve over all cost weights, with its resamples."""
        p, cost = strategy.p, strategy.expected_cost
        return self._trace(curve_weights(p, cost), lambda part: self.data.curve(p, cost, weights=part)[1:])

    def _trace(self, weights: Floats, walk: Callable[[Floats], tuple[Floats, Floats]]) -> Trace:
        """Trace a curve, some of the K cost weights at a time.

        Args:
            weights: Cost weights, shape (K,).
            walk: Returns each query's cost and score, each (Q, k), at k cost weights.
        """
        step = max(1, _HELD // (2 * len(self.data.score)))
        parts = [self._means(*walk(weights[k : k + step])) for k in range(0, len(weights), step)]
        points, samples = zip(*parts, strict=True)
        return Trace(weights=weights, points=np.concatenate(points), samples=np.concatenate(samples, axis=1))

    def _means(self, cost: Floats, score: Floats) -> tuple[Floats, Floats]:
        """Return mean (cost, score) at each of k points, (k, 2), and in each resample, (B, k, 2)."""
        points = np.column_stack([cost.mean(axis=0), score.mean(axis=0)])
        return points, np.stack(np.hsplit(self.bootstrap.means(cost, score), 2), axis=-1)

    def closed(self, trace: Trace) -> Measure:
        """Measure the gap closed by a traced curve."""
        samples = gap_closed(trace.samples, self.singles, self.oracle_trace.samples)
        return measure(gap_closed(trace.points, self.data.singles, self.oracle_trace.points), samples)

    def row(self, strategy: Strategy, trace: Trace) -> StrategyRow:
        """Measure a strategy that has a curve."""
        return StrategyRow.of(self._measure(strategy.name, self._one_hot(strategy.chosen), self.closed(trace)))

    def policy(self, runs: PolicyRuns) -> tuple[StrategyRow, Trace, Runs]:
        """Measure a policy, at the cost weight and along its curve."""
        trace = self._trace(runs.weights(), lambda part: runs.curve(self.data, part))
        own = runs.at(self.cost_weight)
        name = CASCADE if runs.policy.cascades else "policy"
        return StrategyRow.of(self._measure(name, self._one_hot(own.kept), self.closed(trace), runs=own)), trace, own

    def single_row(self, m: int) -> StrategyRow:
        """Measure one size alone."""
        return StrategyRow.of(self._measure(f"{self.data.sizes[m]} alone", np.eye(len(self.data.sizes))[m], _NONE))

    def mix_row(self, chosen: Sizes) -> StrategyRow:
        """Measure the best random mix of sizes that costs as much as a choice per query, (Q,)."""
        _, cost = self.data.of(chosen)
        spent, resampled = cost.mean(), self.bootstrap.means(cost[:, None])[:, 0]
        accuracy = measure(hull_value(self.data.singles, spent), hull_value(self.singles, resampled))
        measured = self._measure("random mix", mix(self.data.singles, float(spent)), _ZERO)
        accuracy = accuracy._replace(value=measured.accuracy.value)
        return StrategyRow.of(replace(measured, accuracy=accuracy, lift=_ZERO))

    def summary(self, chosen: Sizes, trace: Trace) -> Summary:
        """Summarise a choice per query, (Q,), and its curve, from the cheapest to the largest size."""
        data = self.data
        cheap, large = int(data.singles[:, 0].argmin()), data.largest
        score, cost = data.of(chosen)
        means = self.bootstrap.means(np.column_stack([cost, score]))
        weak, strong = data.singles[cheap], data.singles[large]
        left = regret(data.score, data.cost, chosen, self.cost_weight)
        lifts = means[:, 1] - hull_value(self.singles, means[:, 0])
        own = np.concatenate([trace.points, [[cost.mean(), score.mean()]]])
        return Summary(
            pgr=measure(
                pgr(score.mean(), weak[1], strong[1]),
                pgr(means[:, 1], self.singles[:, cheap, 1], self.singles[:, large, 1]),
            ),
            apgr=apgr(trace.points, weak, strong),
            cpt={str(x): cpt(trace.points, weak, strong, x) for x in (0.5, 0.8, 0.95)},
            cost_to_keep={
                name: float(hull_cost(own, np.asarray(float(name) * strong[1]))) for name in ("0.95", "0.99", "1")
            },
            regret=measure(left.mean(), self.bootstrap.means(left[:, None])[:, 0]),
            versus_largest=paired_test(score, data.score[:, large]),
            detectable_lift=detectable_lift(float(lifts.std(ddof=1))),
        )

    def curve(self, name: str, trace: Trace) -> Curve:
        """Return a traced curve in the table's own unit of cost."""
        return Curve(
            strategy=name,
            cost_weight=tuple(trace.weights.tolist()),
            cost=tuple((trace.points[:, 0] * self.data.unit_cost).tolist()),
            accuracy=tuple(trace.points[:, 1].tolist()),
        )

    def verdict(self, row: StrategyRow) -> Verdict:
        """Judge a policy by its row: proven if the lift's interval lies above zero."""
        best = int(choose(self.data.singles[None, :, 1], self.data.singles[None, :, 0], self.cost_weight)[0])
        proven = row.lift_ci[0] > 1e-9  # above what rounding leaves of a lift of exactly zero
        status = "proven" if proven else "not proven on this data"
        top = self.data.singles[self.data.largest, 1]
        kept = f"{row.accuracy / top:.0%}".replace("%", " %") if top > 0 else "all"
        spent = f"{row.cost_ratio:.0%}".replace("%", " %")
        low, high = row.lift_ci
        text = (
            f"The policy keeps {kept} of the largest size's accuracy at {spent} of its cost; over a random mix at "
            f"equal cost it gains {row.lift:+.3f} [{low:+.3f}, {high:+.3f}] in accuracy: {status}"
        )
        return Verdict(
            status=status,
            text=f"{text}." if proven else f"{text}; best single size: {self.data.sizes[best]}.",
            best_single_size=self.data.sizes[best],
            lift=row.lift,
            lift_ci=row.lift_ci,
        )

    def _one_hot(self, chosen: Sizes) -> Floats:
        return np.asarray(np.eye(len(self.data.sizes))[chosen])

    def _measure(self, name: str, share: Floats, closed: Measure, *, runs: Runs | None = None) -> Measured:
        """Measure a strategy by the probability (Q, M) or (M,) with which each query goes to each size.

        Where several sizes run, `runs` says so: costs and latencies add up.
        """
        data, latency = self.data, self.latency
        share = np.broadcast_to(share, data.score.shape)
        score = (share * data.score).sum(axis=1)
        cost = (share * data.cost).sum(axis=1) if runs is None else runs.paid(data.cost)
        means = self.bootstrap.means(np.column_stack([cost, score]))
        spent, accuracy = measure(cost.mean(), means[:, 0]), measure(score.mean(), means[:, 1])
        lift = measure(
            accuracy.value - hull_value(data.singles, np.asarray(spent.value)),
            means[:, 1] - hull_value(self.singles, means[:, 0]),
        )
        return Measured(
            strategy=name,
            data=data,
            share=share,
            score=score,
            latency=latency if runs is None else runs.paid(latency)[:, None] * np.ones(len(data.sizes)),
            accuracy=accuracy,
            cost=spent,
            lift=lift,
            gap_closed=closed,
        )

"""The cost weight of a policy: what is asked for, at the least cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from zeta_eval.arrays import Floats
from zeta_eval.evaluation.measures.planning import POWER, Margin, chance_to_certify
from zeta_eval.exceptions import InvalidInputError
from zeta_eval.tuning.cascade import Curve
from zeta_eval.tuning.data import Data
from zeta_eval.tuning.keeping import TradeOff
from zeta_eval.tuning.settings import TuningSettings

KEEP = 0.99
"""Share of the largest size's accuracy that a policy keeps unless something else is asked for."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A strategy at K cost weights on the queries that it was fitted to, out of fold."""

    weights: Floats
    """Cost weights at which it costs no more than the largest size alone, where there are any; shape (K,)."""
    cost: Floats
    """Mean cost, as a share of the largest size's, shape (K,)."""
    scores: Floats
    """Each query's score, shape (Q, K)."""
    largest: Floats
    """Each query's score by the largest size, shape (Q,)."""
    unit_cost: float
    """What a cost of 1 is, in the table's unit."""

    @classmethod
    def of(cls, curve: Curve, data: Data) -> Self:
        """Take a curve's cost weights."""
        cost = curve.cost.mean(axis=0)
        sane = cost <= 1.0 + 1e-9  # a cascade must not cost more than the largest size alone
        kept = sane if sane.any() else np.ones(len(cost), dtype=bool)
        return cls(
            weights=curve.weights[kept],
            cost=cost[kept],
            scores=curve.score[:, kept],
            largest=data.score[:, data.evaluator.largest],
            unit_cost=data.evaluator.unit_cost,
        )

    @property
    def score(self) -> Floats:
        """Mean score, shape (K,)."""
        return np.asarray(self.scores.mean(axis=0))

    def cheapest(self, allowed: npt.NDArray[np.bool_]) -> float:
        """Return the cost weight with the least cost of those allowed, (K,)."""
        return float(self.weights[np.argmin(np.where(allowed, self.cost, np.inf))])


def choose_cost_weight(grid: Grid, settings: TuningSettings) -> float:
    """The cost weight that meets the budget, or reaches the floor or 99 % of the largest size's accuracy, for least."""
    if settings.max_cost is not None:
        return _within(grid, settings.max_cost)
    if settings.min_score is None:
        return grid.cheapest(_keeps(grid, KEEP))
    margin = grid.score - settings.min_score
    if margin.max() < 0:
        raise InvalidInputError(
            f"No trade-off scores {settings.min_score:g} on average; the best scores {grid.score.max():.3f}. "
            "Lower --min-score."
        )
    return grid.cheapest(margin >= 0)


def trade_off(grid: Grid, share: float, confidence: float, n_test: int) -> TradeOff:
    """The cost weight at which keeping a share is likely to be certified on n_test new queries, at the least cost.

    Where no cost weight is, the one that keeps the share, without a margin.
    """
    keeps, margin = _keeps(grid, share), Margin.of([(grid.scores, grid.largest)], share)
    likely = keeps & (chance_to_certify(margin, n_test, share, 1 - confidence) >= POWER)
    weight = grid.cheapest(likely if likely.any() else keeps)
    return TradeOff(share=share, cost_weight=weight, likely=bool(likely.any()))


def _within(grid: Grid, most: float) -> float:
    """The cost weight with the best score that costs at most so much, in the table's unit."""
    spent = grid.cost * grid.unit_cost
    if spent.min() > most:
        raise InvalidInputError(
            f"No trade-off costs at most {most:g} per query; the cheapest costs {spent.min():.3g}. Raise --max-cost."
        )
    return float(grid.weights[np.argmax(np.where(spent <= most, grid.score, -np.inf))])


def _keeps(grid: Grid, share: float) -> npt.NDArray[np.bool_]:
    """Which cost weights keep a share of the largest size's accuracy, or come nearest to it, (K,)."""
    margin = grid.score - share * grid.largest.mean()
    return np.asarray(margin >= min(0.0, float(margin.max())))

"""The cost weight of a policy: what is asked for, at the least cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from zeta_eval.arrays import Floats
from zeta_eval.evaluation.measures.planning import POWER, Margin, chance_to_certify
from zeta_eval.exceptions import InvalidInputError
from zeta_eval.tuning.keeping import TradeOff
from zeta_eval.tuning.selection import Candidate, Split
from zeta_eval.tuning.settings import TuningSettings

KEEP = 0.99
"""Share of the largest size's accuracy that a policy keeps unless something else is asked for."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A candidate at K cost weights on the splits that it may be chosen on; figures of shape (2, K)."""

    candidate: Candidate
    """The candidate."""
    weights: Floats
    """Cost weights at which it costs no more than the largest size alone, where there are any; shape (K,)."""
    cost: Floats
    """Mean cost, as a share of the largest size's."""
    score: Floats
    """Mean score."""

    @classmethod
    def of(cls, candidate: Candidate) -> Self:
        """Walk the candidate's curve."""
        weights = candidate.runs(candidate.tune).finite_weights()
        cost, score = np.moveaxis(candidate.points(weights), -1, 0)
        if (sane := cost.max(0) <= 1.0 + 1e-9).any():  # a cascade must not cost more than the largest size alone
            weights, cost, score = weights[sane], cost[:, sane], score[:, sane]
        return cls(candidate=candidate, weights=weights, cost=cost, score=score)

    @property
    def splits(self) -> Sequence[Split]:
        """The splits."""
        return self.candidate.tune, self.candidate.held_out

    @cached_property
    def scores(self) -> list[tuple[Floats, Floats]]:
        """Each split's scores at every cost weight, (Q, K), and those of the largest size, (Q,)."""
        return [(self.candidate.scores(s, self.weights), s.data.score[:, -1]) for s in self.splits]

    def cheapest(self, allowed: npt.NDArray[np.bool_]) -> float:
        """Return the cost weight with the least cost of those allowed, (K,)."""
        return float(self.weights[np.argmin(np.where(allowed, self.cost.mean(0), np.inf))])


def choose_cost_weight(candidate: Candidate, settings: TuningSettings) -> float:
    """The cost weight that meets the budget, or reaches the floor or 99 % of the largest size's accuracy, for least.

    A floor must hold on both splits: the first alone is optimistic, the second alone noisy.
    """
    grid = Grid.of(candidate)
    if settings.max_cost is not None:
        return _within(grid, settings.max_cost)
    if settings.min_score is None:
        return grid.cheapest(_keeps(grid, KEEP))
    margin = (grid.score - settings.min_score).min(0)
    if margin.max() < 0:
        raise InvalidInputError(
            f"No trade-off scores {settings.min_score:g} on average; the best scores "
            f"{grid.score.min(0).max():.3f}. Lower --min-score."
        )
    return grid.cheapest(margin >= 0)


def trade_off(grid: Grid, share: float, confidence: float, n_test: int) -> TradeOff:
    """The cost weight at which keeping a share is likely to be certified on n_test new queries, at the least cost.

    Where no cost weight is, the one that keeps the share on both splits, without a margin.
    """
    keeps, margin = _keeps(grid, share), Margin.of(grid.scores, share)
    likely = keeps & (chance_to_certify(margin, n_test, share, 1 - confidence) >= POWER)
    weight = grid.cheapest(likely if likely.any() else keeps)
    return TradeOff(share=share, cost_weight=weight, likely=bool(likely.any()))


def _within(grid: Grid, most: float) -> float:
    """The cost weight with the best score that costs at most so much on both splits, in the table's unit."""
    spent = (grid.cost * [[s.data.evaluator.unit_cost] for s in grid.splits]).max(0)
    if spent.min() > most:
        raise InvalidInputError(
            f"No trade-off costs at most {most:g} per query; the cheapest costs {spent.min():.3g}. Raise --max-cost."
        )
    return float(grid.weights[np.argmax(np.where(spent <= most, grid.score.mean(0), -np.inf))])


def _keeps(grid: Grid, share: float) -> npt.NDArray[np.bool_]:
    """Which cost weights keep a share of the largest size's accuracy on both splits, or come nearest to it, (K,)."""
    largest = np.array([[s.data.score[:, -1].mean()] for s in grid.splits])
    margin = (grid.score - share * largest).min(0)
    return np.asarray(margin >= min(0.0, float(margin.max())))

"""A split of outcomes as arrays, on which a strategy's point or whole curve is a few array operations."""

from typing import Final

import numpy as np

from zeta_eval.arrays import Floats, Mask, Sizes
from zeta_eval.evaluation.batch.choice import choose, curve_weights
from zeta_eval.evaluation.batch.features import FeatureCache, Features
from zeta_eval.evaluation.measures.metrics import area
from zeta_eval.exceptions import OutcomesError
from zeta_eval.outcomes import COSTS, Outcomes


class Evaluator:
    """Scores and costs of Q queries on M sizes; the arrays are attributes and read-only by convention."""

    def __init__(self, outcomes: Outcomes, cost_unit: str, *, cache: FeatureCache | None = None) -> None:
        """Read a split of a table, whose costs in this column must be complete and above zero on average."""
        raw = outcomes.matrix(cost_column(outcomes, cost_unit))
        self.cost_unit: Final = cost_unit
        """Column that the costs come from."""
        self.sizes: Final = outcomes.sizes
        self.score: Final[Floats] = outcomes.matrix("score")
        """Score in [0, 1], shape (Q, M)."""
        self.largest: Final = int(raw.mean(axis=0).argmax())
        """Index of the size that is dearest on average."""
        self.unit_cost: Final = float(raw.mean(axis=0).max())
        """What a cost of 1 is, in the table's unit."""
        if not self.unit_cost > 0:
            raise OutcomesError(f"Column '{cost_unit}' is 0 on every query; choose another cost column.")
        self.cost: Final[Floats] = raw / self.unit_cost
        """Real cost as a share of the largest size's mean cost, shape (Q, M)."""
        self.singles: Final[Floats] = np.column_stack([self.cost.mean(axis=0), self.score.mean(axis=0)])
        """Mean (cost, score) of each size alone, shape (M, 2)."""
        self._queries, self._tasks = outcomes.queries, outcomes.tasks
        self._cache = cache or FeatureCache()
        self._nameless: tuple[Features, Features] | None = None

    @property
    def features(self) -> Features:
        """Features of the queries, read when first asked for."""
        return self._cache.features(self._queries, self._tasks)

    @property
    def features_without_task(self) -> Features:
        """The same where nobody names a query's task."""
        read = self.features
        if self._nameless is None or self._nameless[0] is not read:
            self._nameless = read, read.without_tasks()
        return self._nameless[1]

    def of(self, chosen: Sizes) -> tuple[Floats, Floats]:
        """Return score and cost of a choice per query, each (Q,)."""
        at = np.arange(len(chosen)) * len(self.sizes) + chosen
        return self.score.ravel().take(at), self.cost.ravel().take(at)

    def point(
        self, p: Floats, expected_cost: Floats, cost_weight: float, allowed: Mask | None = None
    ) -> tuple[float, float]:
        """Return mean score and mean real cost of the choice that p and expected cost (Q, M) make, of `allowed` sizes.

        See `context.choosable`.
        """
        score, cost = self.of(choose(p, expected_cost, cost_weight, allowed))
        return float(score.mean()), float(cost.mean())

    def curve(
        self, p: Floats, expected_cost: Floats, allowed: Mask | None = None, *, weights: Floats | None = None
    ) -> tuple[Floats, Floats, Floats]:
        """Return K cost weights with each query's cost and score there, shapes (K,), (Q, K), (Q, K)."""
        weights = curve_weights(p, expected_cost) if weights is None else weights
        cost, score = (np.empty((len(self.score), len(weights)), order="F") for _ in range(2))
        for k, weight in enumerate(weights):
            score[:, k], cost[:, k] = self.of(choose(p, expected_cost, float(weight), allowed))
        return weights, cost, score

    def curve_auc(self, p: Floats, expected_cost: Floats, allowed: Mask | None = None) -> float:
        """Return the normalised area under the cost-quality curve, as `metrics.area`."""
        _, cost, score = self.curve(p, expected_cost, allowed)
        return float(area(np.column_stack([cost.mean(axis=0), score.mean(axis=0)]), self.singles))


def cost_column(outcomes: Outcomes, asked: str | None) -> str:
    """Return the cost column to use: the one asked for, else the first that is complete.

    Raises:
        OutcomesError: the table has no complete cost column, or not the one asked for.
    """
    known = outcomes.cost_columns
    if asked is None and known:
        return known[0]
    if asked not in known:
        have = f"it has {', '.join(known)}" if known else f"it has none of {', '.join(COSTS)}"
        name = f" '{asked}'" if asked else ""
        raise OutcomesError(
            f"The table has no complete cost column{name}: {have}. Choose one it has, or add the costs."
        )
    return asked

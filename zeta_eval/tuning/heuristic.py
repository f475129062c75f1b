"""The complexity heuristic as Optuna searches it: the parameters of a trial, and the policy that they make.

The search starts from fits to the outcomes (`fit_heuristic`). The plain fits are the first trials, and one of them wins
on `validate` where the search does not help.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from zeta_eval.arrays import Floats, sigmoid
from zeta_eval.evaluation.batch.estimate import predict_costs
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.predict import Features, rule_sizes
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.complexity import FEATURES, is_embedding_request
from zeta_eval.router.complexity.features import GROUP_OF, GROUPS
from zeta_eval.router.estimators.linear import CostModel
from zeta_eval.router.policy import RoutingPolicy, Rung
from zeta_eval.tuning.cuts import best_cut_points
from zeta_eval.tuning.fit_costs import fit_cost_model
from zeta_eval.tuning.fit_heuristic import FitSettings, Start, fit_heuristic
from zeta_eval.tuning.linear import spread_of

if TYPE_CHECKING:
    import optuna

STARTS = {
    "likelihood": FitSettings(ridge=10.0),
    "gain": FitSettings(ridge=10.0, gain=3.0),
    "utility": FitSettings(ridge=10.0, gain=3.0, utility=20.0),
    "utility only": FitSettings(ridge=10.0, gain=3.0, utility=100.0),
    "few features": FitSettings(ridge=300.0, gain=3.0, utility=20.0),
}
"""Fits the search may start from, by name."""

COST_WEIGHTS = (0.02, 3.0)
"""Range of the cost weight that is searched."""


@dataclass(frozen=True, kw_only=True)
class Data:
    """One split as arrays; Q queries, F features, M sizes."""

    evaluator: Evaluator
    """Scores and costs, each of shape (Q, M); costs are shares of the largest size's mean cost."""
    read: Features
    """Texts, features and tasks of the queries."""
    costs: CostModel
    """Expected cost of a query, fitted on the tuning split."""
    forced: NDArray[np.int64]
    """Index of the size that a fixed rule chooses, shape (Q,); -1 where the utility decides."""

    @classmethod
    def of(cls, outcomes: Outcomes, cost: str, costs: CostModel | None = None) -> Data:
        """Read a split of a table; expected costs are fitted on it unless they are given."""
        evaluator = Evaluator(outcomes, cost)
        read = evaluator.features
        return cls(
            evaluator=evaluator,
            read=read,
            costs=costs or fit_cost_model(read.columns.T, read.names, read.tasks, evaluator.cost),
            forced=rule_sizes(RoutingPolicy.seed(outcomes.sizes), read.rule),
        )

    @property
    def features(self) -> Floats:
        """Raw features, shape (Q, F), columns in the order of `FEATURES`."""
        return self.read.columns.T

    @property
    def score(self) -> Floats:
        """Scores, shape (Q, M), in [0, 1]."""
        return self.evaluator.score

    @property
    def cost(self) -> Floats:
        """Costs as shares of the largest size's mean cost, shape (Q, M)."""
        return self.evaluator.cost

    @cached_property
    def centre(self) -> Floats:
        """Mean of each feature, shape (F,)."""
        return cast(Floats, self.features.mean(0))

    @cached_property
    def spread(self) -> Floats:
        """Standard deviation of each feature, 1 where it never varies, shape (F,)."""
        spread = spread_of(self.features)
        return np.where(spread > 0, spread, 1.0)

    @cached_property
    def standard(self) -> Floats:
        """Standardised features, shape (Q, F): divided, as tuned policies depend on it (`Standard` multiplies)."""
        return (self.features - self.centre) / self.spread

    def start(self, name: str) -> Start:
        """The fit of that name, made once."""
        if name not in self._starts:
            self._starts[name] = fit_heuristic(self.standard, self.score, self.cost, self.expected_cost, STARTS[name])
        return self._starts[name]

    @cached_property
    def _starts(self) -> dict[str, Start]:
        return {}

    @cached_property
    def expected_cost(self) -> Floats:
        """Expected cost of every size, shape (Q, M)."""
        return predict_costs(self.costs, self.features, self.read.names, self.read.tasks)


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """One point of the search: a heuristic on standardised features, with a cost weight."""

    weights: Floats
    """Shape (F,)."""
    ability: Floats
    """Shape (M,)."""
    slope: Floats
    """Shape (M,)."""
    cost_weight: float
    """Accuracy given up to save one call of the largest size."""

    def predict(self, data: Data, fitted_on: Data) -> tuple[Floats, Floats]:
        """Success probability and expected cost on a split, each of shape (Q, M)."""
        d = ((data.features - fitted_on.centre) / fitted_on.spread) @ self.weights
        p = sigmoid(self.slope * (self.ability - d[:, None]))
        return p, data.expected_cost


def configure(trial: optuna.trial.BaseTrial, data: Data, sizes: tuple[str, ...]) -> Configuration:
    """Make the configuration of a trial's parameters; a finished trial gives the same one again."""
    start = data.start(trial.suggest_categorical("start", list(STARTS)))
    weights, ability, slope = start.weights.copy(), start.ability.copy(), start.slope.copy()
    groups = [GROUP_OF[name] for name in FEATURES]
    for group in GROUPS:
        weights[[g == group for g in groups]] *= trial.suggest_float(f"weight_{group}", 0.0, 2.0)
    for i, size in enumerate(sizes):
        slope[i] *= trial.suggest_float(f"slope_{size}", 0.5, 2.0, log=True)
        ability[i] += trial.suggest_float(f"ability_{size}", -0.5, 0.5)
    cost_weight = trial.suggest_float("cost_weight", *COST_WEIGHTS, log=True)
    if trial.suggest_categorical("abilities", ["fitted", "cut points"]) == "cut points":
        cuts = best_cut_points(data.standard @ weights, data.score - cost_weight * data.cost)
        ability = _abilities_at(cuts, ability, slope, data.cost.mean(0), cost_weight)
    return Configuration(weights=weights, ability=ability, slope=slope, cost_weight=cost_weight)


def neutral(sizes: tuple[str, ...], start: str, cost_weight: float) -> dict[str, float | str]:
    """Parameters that leave a start as it was fitted."""
    ones = {f"weight_{g}": 1.0 for g in GROUPS} | {f"slope_{s}": 1.0 for s in sizes}
    zeros = {f"ability_{s}": 0.0 for s in sizes}
    return {"start": start, **ones, **zeros, "cost_weight": cost_weight, "abilities": "fitted"}


def _abilities_at(cuts: tuple[float, ...], ability: Floats, slope: Floats, cost: Floats, weight: float) -> Floats:
    """Shift abilities so that neighbours in use have equal utility exactly at their cut point."""
    ability = ability.copy()
    previous = 0
    for m, cut in enumerate(cuts, start=1):
        if cut == np.inf:
            break
        if cut == -np.inf:
            previous = m
            continue
        level = sigmoid(slope[previous] * (ability[previous] - cut)) + weight * (cost[m] - cost[previous])
        if 0.01 < level < 0.99:
            ability[m] = cut + np.log(level / (1 - level)) / slope[m]
        previous = m
    return ability


def export(
    configuration: Configuration, outcomes: Outcomes, data: Data, *, name: str, cost: str, provenance: dict[str, object]
) -> RoutingPolicy:
    """Make the policy of a configuration, from the tuning split and its arrays: weights on raw features, cut points."""
    sizes, weight = outcomes.sizes, configuration.cost_weight
    raw = configuration.weights / data.spread
    latency = outcomes.matrix("latency_s").mean(0)
    return RoutingPolicy(
        name=name,
        rungs=tuple(
            Rung(
                size=size,
                ability=float(configuration.ability[i]),
                slope=float(configuration.slope[i]),
                cost=float(data.cost[:, i].mean()),
                latency_s=float(latency[i]) if np.isfinite(latency[i]) else None,
            )
            for i, size in enumerate(sizes)
        ),
        weights={n: float(w) for n, w in zip(FEATURES, raw, strict=True) if w != 0.0},
        bias=-float(raw @ data.centre),
        cost_weight=float(weight),
        cut_points=best_cut_points(data.standard @ configuration.weights, data.score - weight * data.cost),
        default_size=sizes[-1],
        cost_unit=cost,
        unit_cost=data.evaluator.unit_cost,
        embedding_size=_embedder(outcomes),
        costs=data.costs,
        provenance=provenance,
    )


def _embedder(outcomes: Outcomes) -> str | None:
    """The model beside the ladder that answered embedding requests alone, or None."""
    frame = outcomes.frame
    others = frame[~frame["model"].isin(outcomes.sizes) & frame["score"].notna()]
    for model, rows in others.groupby("model", sort=False):
        if rows["query"].map(is_embedding_request).all():
            return str(model)
    return None

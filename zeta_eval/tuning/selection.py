"""Choices made on held-out queries: the estimator, whether to escalate, and the cost weight."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from zeta_eval.arrays import Floats
from zeta_eval.evaluation.batch.answers import Answers
from zeta_eval.evaluation.batch.runs import PolicyRuns
from zeta_eval.evaluation.measures.metrics import area
from zeta_eval.evaluation.measures.statistics import Bootstrap
from zeta_eval.exceptions import InvalidInputError
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning.fit_cascade import fit_looks, scaled
from zeta_eval.tuning.heuristic import Data
from zeta_eval.tuning.settings import TuningSettings

SCALES = (0.25, 0.5, 1.0, 1.5)
"""Factors on the value of seeing an answer that are compared on held-out queries."""

RESAMPLES = 200
"""Number of resamples behind the standard error of a gain."""

KEEP = 0.99
"""Share of the largest size's accuracy that a policy keeps unless something else is asked for."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """One split with a candidate's estimates for it."""

    data: Data
    """The split as arrays."""
    answers: Answers
    """Its stored answers."""
    p: Floats
    """Success probability on queries that it was not fitted on, shape (Q, M)."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A policy that may be chosen, with its estimates for both splits."""

    estimator: str
    """Name of its estimator."""
    policy: RoutingPolicy
    """The policy."""
    tune: Split
    """The split it was fitted on."""
    held_out: Split
    """The split it is chosen on."""
    features_c: float | None = None
    """The inverse penalty of its regression on features, where it has one."""

    @cached_property
    def held_out_area(self) -> float:
        """Area under its cost-quality curve on the held-out split, in [0, 1], with its cascade."""
        runs = self.runs(self.held_out)
        return float(area(_means(runs, self.held_out, runs.weights()), self.held_out.data.evaluator.singles))

    def points(self, weights: Floats) -> Floats:
        """Mean (cost, score) at each cost weight on tune and on the held-out split, shape (2, K, 2)."""
        return np.stack([_means(self.runs(split), split, weights) for split in (self.tune, self.held_out)])

    def runs(self, split: Split) -> PolicyRuns:
        """The policy on one of the splits."""
        return PolicyRuns(self.policy, split.data.read, split.answers, prior=split.p)


def _means(runs: PolicyRuns, split: Split, weights: Floats) -> Floats:
    """Mean (cost, score) at each cost weight, shape (K, 2)."""
    return np.column_stack([each.mean(axis=0) for each in runs.curve(split.data.evaluator, weights)])


def with_looks(candidate: Candidate, *, must_pay: bool = True) -> Candidate:
    """The candidate with looks fitted on `tune`, where escalation pays on the held-out split."""
    looks = fit_looks(candidate.tune.p, candidate.tune.data.score, candidate.tune.answers)
    if not looks:
        return candidate
    others = [replace(candidate, policy=replace(candidate.policy, looks=scaled(looks, by))) for by in SCALES]
    best = max(others, key=lambda c: c.held_out_area)
    return best if not must_pay or _pays(candidate, best) else candidate


def _pays(plain: Candidate, cascading: Candidate) -> bool:
    """Whether escalation adds more than one standard error to the area on the held-out split.

    The best of several factors always looks a little better than it is, and escalating where it does not pay costs more
    than not trying it where it would.
    """
    held = plain.held_out
    evaluator = held.data.evaluator
    bootstrap = Bootstrap(len(evaluator.score), n_bootstrap=RESAMPLES)
    means = bootstrap.means(np.hstack([evaluator.cost, evaluator.score]))
    singles = np.stack(np.hsplit(means, 2), axis=-1)

    def areas(c: Candidate) -> Floats:
        cost, score = c.runs(held).curve(evaluator, c.runs(c.tune).finite_weights())
        return area(np.stack([bootstrap.means(cost), bootstrap.means(score)], axis=-1), singles)

    gain = cascading.held_out_area - plain.held_out_area
    return bool(gain > np.std(areas(cascading) - areas(plain), ddof=1))


def choose_cost_weight(candidate: Candidate, settings: TuningSettings) -> float:
    """The cost weight that meets the budget, or reaches the floor or the largest size's accuracy, at the least cost.

    A floor must hold on both splits: the first alone is optimistic, the second alone noisy.
    """
    weights = candidate.runs(candidate.tune).finite_weights()
    cost, score = np.moveaxis(candidate.points(weights), -1, 0)  # each (2 splits, K)
    if (sane := cost.max(0) <= 1.0 + 1e-9).any():  # a cascade must not cost more than the largest size alone
        weights, cost, score = weights[sane], cost[:, sane], score[:, sane]
    splits = [candidate.tune.data, candidate.held_out.data]
    if settings.max_cost is not None:
        spent = (cost * [[s.evaluator.unit_cost] for s in splits]).max(0)
        if spent.min() > settings.max_cost:
            raise InvalidInputError(
                f"No trade-off costs at most {settings.max_cost:g} per query; the cheapest costs {spent.min():.3g}. "
                "Raise --max-cost."
            )
        return float(weights[np.argmax(np.where(spent <= settings.max_cost, score.mean(0), -np.inf))])
    if settings.min_score is not None:
        margin = (score - settings.min_score).min(0)
        if margin.max() < 0:
            raise InvalidInputError(
                f"No trade-off scores {settings.min_score:g} on average; the best scores "
                f"{score.min(0).max():.3f}. Lower --min-score."
            )
    else:
        largest = np.array([[s.score[:, -1].mean()] for s in splits])
        margin = (score - max(KEEP, settings.keep or 0.0) * largest).min(0)
    return float(weights[np.argmin(np.where(margin >= min(0.0, margin.max()), cost.mean(0), np.inf))])

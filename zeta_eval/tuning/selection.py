"""Choices made on held-out queries: the estimator and whether to escalate."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from zeta_eval.arrays import Floats
from zeta_eval.evaluation.batch.answers import Answers
from zeta_eval.evaluation.batch.runs import PolicyRuns
from zeta_eval.evaluation.measures.metrics import area
from zeta_eval.evaluation.measures.statistics import Bootstrap
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning.fit_cascade import fit_looks, scaled
from zeta_eval.tuning.heuristic import Data

SCALES = (0.25, 0.5, 1.0, 1.5)
"""Factors on the value of seeing an answer that are compared on held-out queries."""

RESAMPLES = 200
"""Number of resamples behind the standard error of a gain."""


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

    def scores(self, split: Split, weights: Floats) -> Floats:
        """Each query's score at each cost weight on one of the splits, shape (Q, K)."""
        return self.runs(split).curve(split.data.evaluator, weights)[1]

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

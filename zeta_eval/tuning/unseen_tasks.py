"""How well a policy does on tasks that it was not tuned on, measured by leaving whole tasks out of the fit.

The measurement chooses the familiarity of new tasks that the policy carries. Queries of tasks that the fit did not see
choose it; the report is on tasks that neither the fit nor the choice saw.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations

import numpy as np
import numpy.typing as npt

from zeta_eval.arrays import Floats, Sizes
from zeta_eval.evaluation.batch.choice import choose
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.predict import FeatureCache, expect, rule_sizes
from zeta_eval.evaluation.comparison import Comparison, Strategy
from zeta_eval.evaluation.measures.metrics import hull_value
from zeta_eval.evaluation.measures.statistics import Bootstrap, Measure, measure
from zeta_eval.evaluation.reports.strategy_row import StrategyRow
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.split import families
from zeta_eval.router.complexity import TextView
from zeta_eval.router.domain import STEPS, Domain, buckets
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning.fit_heuristic import COST_GRID
from zeta_eval.tuning.linear import log_odds

BITS = 13
"""Words are hashed to 2**BITS buckets."""

NARROWEST = 0.5
"""Least difference, in nats, between the rarity of a familiar text and that of an unfamiliar one."""

GROUPS = 5
"""With more tasks than this, tasks are left out in so many groups of about equal numbers of queries."""

FIT_ON = 3000
"""Most queries that a policy without some tasks is fitted on."""

FEWEST = 30
"""Fewest queries that such a policy is fitted on."""

FAMILIARITIES = (0.01, 0.25, 0.5, 0.75, 0.9)
"""Familiarities of a new task that are compared. The least is above zero, so that a cost weight can still be high
enough for a smaller size; the most is below one, so that a new task never counts like a known one."""

RESAMPLES = 200
"""Resamples behind the standard error of the gain of a familiarity."""

NAME = "leave one task out"
"""Name of the row that reports on tasks left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unseen:
    """How well a policy does on tasks that were left out of its fit, without escalation."""

    row: StrategyRow
    """Accuracy, cost and latency at the policy's cost weight."""
    mean_lift: Measure
    """Accuracy above a random mix at equal cost: the mean over the cost weights of `COST_GRID`."""


Refit = Callable[[Outcomes], RoutingPolicy]
"""Makes the policy that tuning would fit to other outcomes, with the parameters that were chosen."""


def fit_domain(tune: Outcomes, *, transfer: float = FAMILIARITIES[0], seed: int = 0) -> Domain:
    """Describe the tuning queries: their tasks, the mean success of each size, and how rare each word is.

    A text is like the tuning queries up to the rarity that 95 % of them have among the others, and unlike them when it
    is beyond that by as much as lies between their median and that.
    """
    words = [np.array(buckets(TextView.of(text).vocabulary, BITS), dtype=np.int64) for text in tune.queries]
    held = np.random.default_rng(seed).permutation(len(words))[: max(1, len(words) // 5)]
    all_counts = np.bincount(np.concatenate(words), minlength=1 << BITS)
    rest = all_counts - np.bincount(np.concatenate([words[i] for i in held]), minlength=1 << BITS)
    among_rest = _rarity(rest, len(words) - len(held))
    means = [among_rest[words[i]].mean() / STEPS for i in held if words[i].size]
    median, near = np.quantile(means, [0.5, 0.95]) if means else (0.0, 0.0)
    near += 1.0 / STEPS  # the rounding of the table
    return Domain(
        tasks=tuple(sorted({str(t) for t in tune.tasks if t is not None})),
        base=tuple(log_odds(tune.matrix("score")).tolist()),
        transfer=transfer,
        near=float(near),
        far=float(near + max(near - median, NARROWEST)),
        bits=BITS,
        table=base64.b64encode(_rarity(all_counts, len(words)).tobytes()).decode("ascii"),
    )


def _rarity(counts: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.uint8]:
    """Minus the log of the share of n texts that hold each bucket, in bytes of 1 / STEPS nats."""
    share = np.minimum(1.0, (counts + 0.5) / (n + 1))
    return np.asarray(np.clip(np.rint(-STEPS * np.log(share)), 0, 255), dtype=np.uint8)


def measure_transfer(
    parts: Mapping[str, Outcomes], cost: str, weight: float, refit: Refit, *, seed: int = 0
) -> tuple[Domain, Unseen | None]:
    """Choose the familiarity of new tasks, and report how well the policy does on them, without escalation.

    The parts are the splits tune, validate and test. Returns the domain with its familiarity of new tasks, the least
    where it is not shown that more pays, and how the policy does at a cost weight on the test split when each query's
    task was left out; None with one task only.
    """
    tune, validate, test = (parts[name] for name in ("tune", "validate", "test"))
    domain, group_of = fit_domain(tune, seed=seed), task_groups([*tune.tasks, *validate.tasks, *test.tasks])
    n_groups = max(group_of.values()) + 1
    if n_groups < 2:
        return domain, None
    unseen = _Unseen(tune, cost, refit, domain, group_of, seed)
    held = _Asked(validate, cost, group_of)
    for left_out in [*((g,) for g in range(n_groups)), *(combinations(range(n_groups), 2) if n_groups > 2 else ())]:
        held.ask(unseen, left_out)
    asked = _Asked(test, cost, group_of)
    for g in range(n_groups):
        asked.ask(unseen, (g,))
    trust_without = {g: held.best_trust(n_groups, without=g, seed=seed) for g in range(n_groups)}
    transfer = held.best_trust(n_groups, without=None, seed=seed)
    return replace(domain, transfer=transfer), asked.report(trust_without, weight, seed)


class _Unseen:
    """Policies fitted without some groups of tasks, each once."""

    def __init__(
        self, tune: Outcomes, cost: str, refit: Refit, domain: Domain, group_of: Mapping[object, int], seed: int
    ) -> None:
        self.unit_cost = Evaluator(tune, cost).unit_cost
        self._tune, self._refit, self._domain, self._seed = tune, refit, domain, seed
        self._group = np.array([group_of[t] for t in tune.tasks])
        self.policy = cache(self._fit)
        """The policy without some groups; None where too few queries are left."""

    def _fit(self, left_out: tuple[int, ...]) -> RoutingPolicy | None:
        rows = np.flatnonzero(~np.isin(self._group, left_out))
        if len(rows) < FEWEST:
            return None
        kept = np.sort(np.random.default_rng(self._seed).permutation(rows)[:FIT_ON])
        known = self._tune.take(kept)
        base = tuple(log_odds(known.matrix("score")).tolist())
        return replace(self._refit(known), domain=replace(self._domain, tasks=(), base=base))


class _Asked:
    """Queries of a split, with the estimates of policies that were fitted without their tasks."""

    def __init__(self, outcomes: Outcomes, cost: str, group_of: Mapping[object, int]) -> None:
        self._outcomes, self._cost = outcomes, cost
        self._data = Evaluator(outcomes, cost)
        self._group = np.array([group_of[t] for t in outcomes.tasks])
        self._cache = FeatureCache()
        self._shape = (len(FAMILIARITIES), *self._data.score.shape)
        self._expected: dict[tuple[int, ...], tuple[Floats, Floats, Sizes]] = {}

    def ask(self, unseen: _Unseen, left_out: tuple[int, ...]) -> None:
        """Keep p and counted costs, (familiarities, Q, M), of these groups' queries, by the policy without them."""
        rows = np.flatnonzero(np.isin(self._group, left_out))
        p, counted = np.zeros(self._shape), np.zeros(self._shape)
        forced = np.full(self._shape[1], -1, dtype=np.int64)
        p[:, rows, -1] = 1.0  # without a policy the largest size answers
        policy = unseen.policy(left_out)
        if policy is not None and rows.size:
            features = self._cache.features(self._outcomes.queries[rows], self._outcomes.tasks[rows])
            assert policy.domain is not None
            for i, familiarity in enumerate(FAMILIARITIES):
                familiar = replace(policy, domain=replace(policy.domain, transfer=familiarity))
                p[i, rows], counted[i, rows] = expect(familiar, features)
            # Every policy counts costs in shares of the mean cost of the queries that it knows.
            counted *= policy.unit_cost / unseen.unit_cost
            forced[rows] = rule_sizes(policy, features.rule)
        self._expected[left_out] = p, counted, forced

    def best_trust(self, n_groups: int, *, without: int | None, seed: int) -> float:
        """The familiarity whose lift on tasks left out is greatest, if it is above zero by over one standard error.

        The lift is the mean over `COST_GRID`, because a policy may be used at any cost weight.
        """
        keys = {g: (g,) if without is None else tuple(sorted((g, without))) for g in range(n_groups) if g != without}
        if any(key not in self._expected for key in keys.values()):
            return FAMILIARITIES[0]
        rows = np.flatnonzero(np.isin(self._group, list(keys)))
        if rows.size < FEWEST:
            return FAMILIARITIES[0]
        cost, score = self._data.cost[rows], self._data.score[rows]
        bootstrap = Bootstrap(len(rows), n_bootstrap=RESAMPLES, seed=seed)
        best, most = FAMILIARITIES[0], 0.0
        for i, familiarity in enumerate(FAMILIARITIES):
            chosen = np.column_stack([self._chosen(keys, i, weight)[rows] for weight in COST_GRID])
            lift, samples = mean_lift(chosen, cost, score, bootstrap)
            if lift > max(most, float(np.std(samples, ddof=1))):
                best, most = familiarity, lift
        return best

    def _chosen(self, keys: Mapping[int, tuple[int, ...]], i: int, weight: float) -> Sizes:
        chosen = np.zeros(self._shape[1], dtype=np.int64)
        for g, key in keys.items():
            p, counted, forced = self._expected[key]
            rows = self._group == g
            chosen[rows] = np.where(forced[rows] < 0, choose(p[i, rows], counted[i, rows], weight), forced[rows])
        return chosen

    def report(self, familiarity_of: Mapping[int, float], weight: float, seed: int) -> Unseen:
        """Measure each policy on the groups that it was fitted without, at its familiarity."""
        p, counted = np.zeros(self._shape[1:]), np.zeros(self._shape[1:])
        chosen = np.zeros((len(p), 1 + len(COST_GRID)), dtype=np.int64)
        for g, familiarity in familiarity_of.items():
            rows, i = self._group == g, FAMILIARITIES.index(familiarity)
            p[rows], counted[rows] = (a[i, rows] for a in self._expected[g,][:2])
            for k, at in enumerate((weight, *COST_GRID)):
                chosen[rows, k] = self._chosen({g: (g,)}, i, at)[rows]
        bootstrap = Bootstrap(len(p), seed=seed, families=families(self._outcomes.queries))
        compare = Comparison(self._data, self._outcomes.matrix("latency_s"), bootstrap, weight)
        strategy = Strategy.of_chances(NAME, p, counted, self._data, weight)
        strategy = replace(strategy, kept=chosen[:, 0], ran=chosen[:, :1] == np.arange(p.shape[1]))
        lift = measure(*mean_lift(chosen[:, 1:], self._data.cost, self._data.score, bootstrap))
        return Unseen(row=compare.row(strategy, compare.trace(strategy)), mean_lift=lift)


def mean_lift(chosen: Sizes, cost: Floats, score: Floats, bootstrap: Bootstrap) -> tuple[float, Floats]:
    """Accuracy above a random mix at equal cost, mean over K choices (Q, K), and the same in each resample, (B,).

    Cost and score are of shape (Q, M).
    """
    singles = np.stack(np.hsplit(bootstrap.means(np.hstack([cost, score])), 2), axis=-1)
    at_all = np.column_stack([cost.mean(axis=0), score.mean(axis=0)])
    lifts, samples = [], []
    for column in chosen.T:
        got = np.column_stack([a[np.arange(len(a)), column] for a in (cost, score)])
        means, at = bootstrap.means(got), got.mean(axis=0)
        lifts.append(float(at[1] - hull_value(at_all, at[0])))
        with np.errstate(invalid="ignore"):  # a single family has no resamples
            samples.append(means[:, 1] - hull_value(singles, means[:, 0]))
    return float(np.mean(lifts)), np.asarray(np.mean(samples, axis=0))


def task_groups(tasks: Sequence[object]) -> dict[object, int]:
    """Group of each task: the largest tasks first, each into the group with the fewest queries so far."""
    names, counts = np.unique(np.array(tasks, dtype=object).astype(str), return_counts=True)
    filled = np.zeros(min(GROUPS, len(names)))
    group_of: dict[object, int] = {}
    for i in np.argsort(-counts, kind="stable"):
        group_of[names[i]] = int(filled.argmin())
        filled[group_of[names[i]]] += counts[i]
    return {task: group_of[str(task)] for task in set(tasks)}

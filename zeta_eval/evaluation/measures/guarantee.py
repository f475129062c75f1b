"""Certify on held-out queries that a policy keeps a share of the largest size's accuracy: Learn-then-Test.

Per query z = score_policy - share * score_largest lies in [-share, 1], and the policy keeps the share exactly where
E[z] >= 0: a ratio of two accuracies becomes one bounded mean. H0: E[z] < 0 is tested along one fixed sequence, each
time at level 1 - confidence, until the first one that is not rejected: at the safest cost weight for ever larger
shares up to `keep`, then for `keep` at ever larger cost weights, then, where all of them passed, at the last one for
still larger shares. Something false is certified only if the first true H0 of the sequence is rejected, so all that
is certified holds together with the promised confidence, however many weights there are (Angelopoulos et al. 2021,
arXiv 2110.01052, fixed-sequence testing).

The promise is about new queries drawn as the held-out ones were. It needs weights and policy fixed without a look at
the held-out scores.

Three tests, all valid for any number of queries:

- betting (default; scores in [0, 1]): a gambler who stakes on z with odds that are fair or worse under H0 reaches
  1 / alpha times the stake with probability alpha at most (Ville 1939; Waudby-Smith and Ramdas 2020, arXiv
  2010.09686). It adapts to the spread of z, which is small where the policy mostly asks the largest size anyway.
- hoeffding-bentkus (scores in [0, 1]): Angelopoulos et al. 2021, section 3.1. It knows only the range of z and so
  assumes the largest spread.
- binomial (scores 0 or 1 only): Clopper-Pearson on the queries that the largest size gets right. If the policy gets
  a share r of these right, its accuracy is at least r * accuracy_largest, so E[z] < 0 implies r < share, and the
  count is exactly binomial. It ignores the queries that only the policy gets right, so it is sharp where those are
  rare and blind where they make up for losses.

Betting is the default for its power, as a test shows. For a largest size of accuracy .73 and a policy that keeps 99 %
of it and alone is right on 2 % of the queries, four of five draws of some 540 queries certify 95 % at 95 %; binomial
needs 2,500 queries and hoeffding-bentkus 6,100. Only where the policy is never right alone does binomial need fewer
than betting, by up to a third.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist

import numpy as np
from scipy.special import ndtri
from scipy.stats import binom

from zeta_eval.arrays import Floats
from zeta_eval.exceptions import InvalidInputError, UnknownNameError

POWER = 0.8
"""Chance to certify that `queries_needed` aims at."""

SHARE_STEP = 0.01
"""Step between the shares that are tested below and above `keep`."""

_STEPS = 2048
"""Most changes of the stake in one test; more queries are bet on in equal blocks."""

_STAKE = 0.99
"""Largest part of the capital that one query may lose, so that no single one ends the game."""

_PRIOR = (20.0, 0.4)
"""Queries, and their sum of squares of z, that the gambler believes in before the first one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificate:
    """What was shown about a policy on held-out queries."""

    certified: bool
    """Whether some cost weight keeps the share asked for."""
    cost_weight: float | None
    """The cheapest cost weight certified, None where there is none."""
    p_value: float
    """Of H0 "keeps less than `keep`", at `cost_weight`, else at the safest one. By betting it is an upper bound that
    is aimed at the level, not far below it."""
    n: int
    """Held-out queries."""
    keep: float
    """Share of the largest size's accuracy asked for, in (0, 1]."""
    confidence: float
    """Probability, over draws of the held-out queries, that nothing false is certified."""
    lower_bound: float
    """Share kept at least, in steps of `SHARE_STEP`: by the certified weight, else by the safest one."""
    queries_needed: int | None
    """Held-out queries that would certify the safest weight with a chance of `POWER`, at the mean and spread seen.
    None where it is certified, or where the mean leaves no margin and no number would do."""
    method: str
    """Name of the test."""
    seed: int
    """Seed of the order in which betting reads the queries."""
    text: str
    """The finding in people's words."""


def betting(policy: Floats, largest: Floats, share: Floats, alpha: float) -> Floats:
    """Return p-values by betting on z in the order given, which must not depend on the scores.

    The stake is that of a hedged digital option: with capital W, level alpha and m queries to go, the gambler wants
    1 / alpha at the end and nothing else, so with d the normal quantile of alpha * W he stakes
    density(d) / (alpha * W * spread * sqrt(m)) of his capital per unit of z. Stakes look only backwards, so any rule
    is valid; this one comes near the z-test where z is nearly normal. The aim at a fixed horizon is that of STaR-Bets
    (Voracek and Orabona 2025, arXiv 2505.22422).

    Args:
        policy: shape (Q, C) or (Q, 1), in [0, 1], one column per hypothesis.
        largest: shape (Q, C) or (Q, 1), in [0, 1].
        share: the share in each hypothesis, shape (C,), in (0, 1].
        alpha: level that the stakes aim at; the p-values hold at any.
    """
    n = len(policy)
    seen, squares = _PRIOR[0], np.full(len(share), _PRIOR[1])
    wealth, best = np.zeros(len(share)), np.zeros(len(share))  # natural logarithms
    edges = np.unique(np.linspace(0, n, min(n, _STEPS) + 1).astype(int))
    for start, end in pairwise(edges.tolist()):
        won = np.clip(alpha * np.exp(np.minimum(wealth, 99.0)), 1e-12, 1.0)
        d = ndtri(np.minimum(won, 1 - 1e-9))
        spread = np.sqrt(2 * math.pi * squares / seen * (n - start))
        stake = np.where(won < 1, np.minimum(np.exp(-d * d / 2) / (won * spread), _STAKE / share), 0.0)
        z = policy[start:end] - share * largest[start:end]
        wealth += np.log1p(stake * z).sum(axis=0)
        np.maximum(best, wealth, out=best)
        squares += (z * z).sum(axis=0)
        seen += end - start
    return np.exp(-best)


def hoeffding_bentkus(policy: Floats, largest: Floats, share: Floats, alpha: float) -> Floats:
    """Return Hoeffding-Bentkus p-values of the loss (1 - z) / (1 + share) in [0, 1]; arguments as in `betting`."""
    n, limit = len(policy), 1 / (1 + share)
    loss = np.clip((1 - policy.mean(axis=0) + share * largest.mean(axis=0)) * limit, 0.0, 1.0)
    low = np.minimum(loss, limit)
    with np.errstate(divide="ignore", invalid="ignore"):  # 0 * log 0 is 0
        divergence = np.nan_to_num(low * np.log(low / limit)) + (1 - low) * np.log((1 - low) / (1 - limit))
    bentkus = math.e * binom.cdf(np.ceil(n * loss - 1e-9), n, limit)
    return np.asarray(np.minimum(1.0, np.minimum(np.exp(-n * divergence), bentkus)))


def binomial(policy: Floats, largest: Floats, share: Floats, alpha: float) -> Floats:
    """Return exact binomial p-values on the queries that the largest size gets right; arguments as in `betting`.

    Raises:
        InvalidInputError: a score is neither 0 nor 1.
    """
    for scores in (policy, largest):
        if not np.isin(scores, (0.0, 1.0)).all():
            raise InvalidInputError("The binomial test needs scores of 0 or 1 and got graded ones; use 'betting'.")
    right = np.broadcast_to(largest, np.broadcast_shapes(policy.shape, largest.shape))
    return np.asarray(binom.sf((policy * right).sum(axis=0) - 1, right.sum(axis=0), share))


METHODS: dict[str, Callable[[Floats, Floats, Floats, float], Floats]] = {
    "betting": betting,
    "hoeffding-bentkus": hoeffding_bentkus,
    "binomial": binomial,
}
"""Tests by name."""


def certify(
    score_policy: Floats,
    score_largest: Floats,
    weights: Floats,
    *,
    keep: float,
    confidence: float,
    method: str = "betting",
    seed: int = 0,
) -> Certificate:
    """Find the cheapest cost weight that keeps a share of the largest size's accuracy, with confidence.

    Args:
        score_policy: the policy's score at each cost weight on held-out queries, shape (Q, K), in [0, 1].
        score_largest: the largest size's score on the same queries, shape (Q,), in [0, 1].
        weights: cost weights, shape (K,); tested from the smallest (safest, most expensive) to the largest.
        keep: share of the largest size's accuracy to keep, in (0, 1].
        confidence: at least this probability that nothing false is certified, in (0, 1).
        method: a name in `METHODS`.
        seed: seed of the order of the queries, since a table sorted by task is no order for betting.

    Raises:
        InvalidInputError: shapes that don't fit, no queries, scores outside [0, 1], keep or confidence out of range,
            or graded scores for the binomial test.
        UnknownNameError: no such method.
    """
    _check(score_policy, score_largest, weights, keep, confidence)
    if method not in METHODS:
        raise UnknownNameError("test", method, METHODS)
    order = np.random.default_rng(seed).permutation(len(score_policy))
    policy = score_policy[order][:, np.argsort(weights, kind="stable")]
    largest, ordered, alpha = score_largest[order][:, None], np.sort(weights), 1 - confidence

    def p_values(columns: Floats, shares: Floats) -> Floats:
        return METHODS[method](columns, largest, shares, alpha)

    grid: Floats = np.linspace(SHARE_STEP, 1.0, round(1 / SHARE_STEP))
    below: Floats = np.append(grid[grid < keep - 1e-9], keep)
    p_below = p_values(policy[:, :1], below)
    reached = _leading(p_below <= alpha)
    certified = reached == len(below)
    bound, at, p_value = (float(below[reached - 1]) if reached else 0.0), 0, float(p_below[-1])
    if certified:
        p_keep = p_values(policy, np.full(policy.shape[1], keep))
        passed = _leading(p_keep <= alpha)
        at, p_value = passed - 1, float(p_keep[passed - 1])
        above: Floats = grid[grid > keep + 1e-9]
        if passed == policy.shape[1] and above.size:
            bound = float(np.append(keep, above)[_leading(p_values(policy[:, -1:], above) <= alpha)])
    needed = None if certified else _queries_needed(policy[:, 0], largest[:, 0], keep, alpha, method)
    kept = float(policy[:, at].mean() / largest.mean()) if largest.any() else 1.0
    return Certificate(
        certified=certified,
        cost_weight=float(ordered[at]) if certified else None,
        p_value=p_value,
        n=len(policy),
        keep=keep,
        confidence=confidence,
        lower_bound=bound,
        queries_needed=needed,
        method=method,
        seed=seed,
        text=_text(certified, float(ordered[at]), bound, needed, kept, len(policy), keep, confidence),
    )


def _leading(rejected: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> int:
    """Return how many hypotheses are rejected before the first that is not."""
    return len(rejected) if rejected.all() else int(np.argmin(rejected))


def _queries_needed(policy: Floats, largest: Floats, keep: float, alpha: float, method: str) -> int | None:
    """Return the queries that a test needs, by the normal approximation; scores (Q,).

    The threshold lies at the spread the test works with, the outcome varies by the real one. Where losses are rare the
    normal approximation is too hopeful; the last term, linear as in Bernstein's inequality, mends that (for
    hoeffding-bentkus: that counts are whole).
    """
    z = policy - keep * largest
    if method == "binomial":
        z = z * largest
    mean, spread = float(z.mean()), float(z.std())
    if mean <= 1e-12:
        return None
    known, rare = spread, 2 * math.log(1 / alpha) * keep / mean
    if method == "hoeffding-bentkus":
        alpha, known, rare = alpha / math.e, math.sqrt(max(0.0, (1 - mean) * (keep + mean))), 2 * (1 + keep) / mean
    normal = NormalDist()
    needed = ((normal.inv_cdf(1 - alpha) * known + normal.inv_cdf(POWER) * spread) / mean) ** 2 + rare
    return max(len(z) + 1, math.ceil(needed))


def _text(
    certified: bool, weight: float, bound: float, needed: int | None, kept: float, n: int, keep: float, sure: float
) -> str:
    """Return one sentence on a finding."""
    if certified:
        return (
            f"With {_percent(sure)} confidence, the policy at cost weight {weight:.3g} keeps at least "
            f"{_percent(bound)} of the largest size's accuracy on queries like the {n:,} held out."
        )
    if needed is None:
        return (
            f"Not certified: on {n:,} held-out queries the policy keeps {_percent(kept)} of the largest size's "
            f"accuracy, which leaves no margin above the {_percent(keep)} asked for; ask for less or tune again."
        )
    return (
        f"Not certified: {n:,} held-out queries are too few to show with {_percent(sure)} confidence that the policy "
        f"keeps {_percent(keep)} of the largest size's accuracy (it keeps {_percent(kept)} on them, {_percent(bound)} "
        f"is shown); about {needed:,} would do."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _check(policy: Floats, largest: Floats, weights: Floats, keep: float, confidence: float) -> None:
    """Refuse what can't be certified on."""
    if policy.ndim != 2 or largest.shape != policy.shape[:1] or weights.shape != policy.shape[1:]:
        raise InvalidInputError(
            f"Scores {policy.shape}, the largest size's {largest.shape} and weights {weights.shape} don't fit; give "
            "(Q, K), (Q,) and (K,)."
        )
    if not policy.size:
        raise InvalidInputError(f"There is nothing to certify on in scores of shape {policy.shape}; add queries.")
    for scores in (policy, largest):
        if not ((scores >= 0) & (scores <= 1)).all():
            raise InvalidInputError("A score is not in [0, 1]; certify on scored queries only.")
    if not (weights >= 0).all():
        raise InvalidInputError(f"Cost weights are at least 0, got {weights.min():g}; leave the others out.")
    if not 0 < keep <= 1:
        raise InvalidInputError(f"keep is {keep:g}; give a share above 0 and at most 1, like 0.95.")
    if not 0 < confidence < 1:
        raise InvalidInputError(f"confidence is {confidence:g}; give a share between 0 and 1, like 0.95.")

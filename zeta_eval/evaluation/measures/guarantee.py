"""Certify on held-out queries that a policy keeps a share of the largest size's accuracy.

Per query z = score_policy - share * score_largest lies in [-share, 1], and the policy keeps the share exactly where
E[z] >= 0: a ratio of two accuracies becomes one bounded mean. The claim "E[z] < 0" is tested for ever larger shares, up
to the one asked for and, where that passed, beyond it, each time at level 1 - confidence, until one test fails. A false
share is certified only if the first false one passes, so all that is certified holds together with the confidence that
was asked for (fixed-sequence testing: Angelopoulos et al. 2021, Learn then Test, arXiv 2110.01052).

The promise is about new queries drawn as the held-out ones were. Policy and cost weight must have been chosen without a
look at the held-out scores.

The test is a bet, and valid for any number of queries with scores in [0, 1]: a gambler who stakes on z with odds that
are fair or worse under the claim reaches 1 / alpha times the stake with probability alpha at most (Ville 1939;
Waudby-Smith and Ramdas 2020, arXiv 2010.09686). It adapts to the spread of z, which is small where the policy mostly
asks the largest size anyway: for a largest size of accuracy .73 and a policy that keeps 99 % of it and alone is right
on 2 % of the queries, four of five draws of some 540 queries certify 95 % at 95 %.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import ndtri

from zeta_eval.arrays import Floats
from zeta_eval.evaluation.measures.planning import queries_needed
from zeta_eval.exceptions import InvalidInputError

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
    """Whether the policy was shown to keep the share asked for."""
    cost_weight: float | None
    """The cost weight at which it was shown; None where it was not."""
    p_value: float
    """P-value of "the policy keeps less than `keep`": an upper bound that is aimed at the level, not far below it."""
    n: int
    """Held-out queries."""
    keep: float
    """Share of the largest size's accuracy asked for, in (0, 1]."""
    confidence: float
    """Probability, over draws of the held-out queries, that nothing false is certified."""
    lower_bound: float
    """Share of the largest size's accuracy that is kept at least, in steps of `SHARE_STEP`."""
    queries_needed: int | None
    """Held-out queries that would certify the share with a chance of `planning.POWER`, at the mean and spread seen.
    None where it is certified, or where the mean leaves no margin and no number would do."""
    seed: int
    """Seed of the order in which the bets read the queries."""
    text: str
    """The finding in words."""
    method: str = "betting"
    """Name of the test."""


def betting(policy: Floats, largest: Floats, share: Floats, alpha: float) -> Floats:
    """Return p-values by betting on z in the order given, which must not depend on the scores.

    The stake is that of a hedged digital option: with capital W, level alpha and m queries to go, the gambler wants
    1 / alpha at the end and nothing else, so with d the normal quantile of alpha * W he stakes
    density(d) / (alpha * W * spread * sqrt(m)) of his capital per unit of z. Stakes look only backwards, so any rule
    is valid; this one comes near the z-test where z is nearly normal. The aim at a fixed horizon is that of STaR-Bets
    (Voracek and Orabona 2025, arXiv 2505.22422). The p-values hold at any level, not only at the alpha aimed at.

    Scores of the policy and the largest size have the shape (Q, C) or (Q, 1), one column for each claimed share (C,).
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


def certify(
    score_policy: Floats, score_largest: Floats, *, cost_weight: float, keep: float, confidence: float, seed: int = 0
) -> Certificate:
    """Show, with confidence, which share of the largest size's accuracy a policy keeps.

    Args:
        score_policy: The policy's scores on held-out queries, shape (Q,), in [0, 1].
        score_largest: The largest size's scores on the same queries, shape (Q,), in [0, 1].
        cost_weight: The cost weight at which the policy chose.
        keep: Share of the largest size's accuracy to keep, in (0, 1].
        confidence: Least probability that nothing false is certified, in (0, 1).
        seed: Seed of the order of the queries, since a table sorted by task is no order for betting.

    Raises:
        InvalidInputError: no queries, scores outside [0, 1], or keep or confidence out of range.
    """
    _check(score_policy, score_largest, keep, confidence)
    order = np.random.default_rng(seed).permutation(len(score_policy))
    policy, largest, alpha = score_policy[order], score_largest[order], 1 - confidence

    grid: Floats = np.linspace(SHARE_STEP, 1.0, round(1 / SHARE_STEP))
    below, above = np.append(grid[grid < keep - 1e-9], keep), grid[grid > keep + 1e-9]
    shares = np.append(below, above)
    p_values = betting(policy[:, None], largest[:, None], shares, alpha)
    failed = p_values > alpha
    reached = int(np.argmax(failed)) if failed.any() else len(shares)
    certified, bound = reached >= len(below), float(shares[reached - 1]) if reached else 0.0
    z = policy - keep * largest
    needed = None if certified else queries_needed(float(z.mean()), float(z.std()), keep, alpha)
    needed = needed and max(len(z) + 1, needed)
    kept = float(policy.mean() / largest.mean()) if largest.any() else 1.0
    return Certificate(
        certified=certified,
        cost_weight=cost_weight if certified else None,
        p_value=float(p_values[len(below) - 1]),
        n=len(policy),
        keep=keep,
        confidence=confidence,
        lower_bound=bound,
        queries_needed=needed,
        seed=seed,
        text=_text(certified, cost_weight, bound, needed, kept, len(policy), keep, confidence),
    )


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


def _check(policy: Floats, largest: Floats, keep: float, confidence: float) -> None:
    """Refuse what can't be certified on."""
    if policy.ndim != 1 or largest.shape != policy.shape:
        raise InvalidInputError(f"Scores {policy.shape} and {largest.shape} don't fit; give one of each per query.")
    if not policy.size:
        raise InvalidInputError("There is nothing to certify on: no queries; add some.")
    for scores in (policy, largest):
        if not ((scores >= 0) & (scores <= 1)).all():
            raise InvalidInputError("A score is not in [0, 1]; certify on scored queries only.")
    if not 0 < keep <= 1:
        raise InvalidInputError(f"keep is {keep:g}; give a share above 0 and at most 1, like 0.95.")
    if not 0 < confidence < 1:
        raise InvalidInputError(f"confidence is {confidence:g}; give a share between 0 and 1, like 0.95.")

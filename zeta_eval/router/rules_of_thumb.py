"""Rules of thumb for how hard a query is, for ladders that were not measured yet. Standard library only.

Proofs, analysis, design, mathematics and long products count as hard, in the languages of the cue words; greetings,
facts, conversions, translations and corrections as easy. The weights are guesses: `zeta tune` replaces them by what was
measured, and keeps them for queries unlike all that it saw.
"""

from typing import Final

from zeta_eval.router.estimators.seed import Seed
from zeta_eval.router.estimators.tables import logit, sigmoid

COST_WEIGHT: Final = 0.5
"""Cost weight of a policy that was not tuned."""

EASIEST: Final = -2.0
"""Difficulty up to which the smallest of three or more sizes is taken to do; from 0 on only the largest does."""

_WEIGHTS: Final = {
    "cue_analysis": 1.7,
    "cue_code": 0.3,
    "cue_condition": 0.4,
    "cue_courtesy": -0.6,
    "cue_editing": -0.8,
    "cue_mathematics": 1.2,
    "cue_proof": 2.2,
    "cue_reasoning": 1.0,
    "cue_recall": -0.4,
    "cue_science": 0.8,
    "cue_society": 0.5,
    "cue_stepwise": 0.3,
    "cue_variables": 0.6,
    "latex": 0.4,
    "product_work": 1.2,
    "words": 0.7,
}
_BIAS: Final = -4.0


def costs_of_thumb(n: int) -> list[float]:
    """Return what n sizes are taken to cost, as shares of the largest one's cost."""
    return [1.0 if n == 1 else 0.3 + 0.7 * i / (n - 1) for i in range(n)]


def rules_of_thumb(n: int) -> Seed:
    """Return rules of thumb for n sizes, the cheapest first: at `COST_WEIGHT` the last two share out the queries.

    The largest size is taken to be right nearly always, the one before it less often the harder the query is, so that
    it is worth asking up to a difficulty of zero. Still smaller sizes are asked for embeddings alone.
    """
    cost = costs_of_thumb(n)
    # The more sizes there are, the less the last but one saves, and the less the smaller ones may promise.
    ability, slope = [2.0 - n] * (n - 2) + [0.0] * (n > 1) + [100.0], [0.2] * (n - 1) + [0.02]
    if n > 1:
        ability[-2] = logit(sigmoid(2.0) - COST_WEIGHT * (cost[-1] - cost[-2])) / slope[-2]
    return Seed(weights=_WEIGHTS, bias=_BIAS, ability=tuple(ability), slope=tuple(slope))


def rules_without_costs(n: int) -> Seed:
    """Return rules of thumb by which the size hardly depends on the cost weight, for n sizes, the cheapest first.

    Every size is either all but sure to be right or all but sure to fail. So the smallest one that is right takes the
    query, whatever a tuned policy has been tuned for.
    """
    inner = [EASIEST + i * -EASIEST / (n - 2) for i in range(n - 1)] if n > 2 else [0.0] * (n - 1)
    return Seed(weights=_WEIGHTS, bias=_BIAS, ability=(*inner, 100.0), slope=(8.0,) * (n - 1) + (1.0,))

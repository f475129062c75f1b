"""Cascade routing: one rule that says which size to ask first, and after each answer whether to stop or go larger.

Running size k next, after the sizes in `ran`, is worth

    V(ran, k) = p_k - cost_weight * cost_k + E[max(0, D)],   D ~ Normal(max_{j > k} V(ran + k, j) - p_k, spread^2)

the utility of keeping its answer, plus the value of being free to go on after seeing it: what the answer tells moves
the difference D between going on and keeping by its spread. A size whose answers tell nothing has spread 0, and then
the rule is that of plain routing. After the answer its signals update every p, what was spent is spent, and the same
rule decides again. Cascade routing: Dekoninck, Baader and Vechev 2025 (arXiv 2410.10347), who also judge what is not
run yet by a normal distribution; the closed form is the expected improvement of Mockus 1975.

Before any size runs, the smallest may read the query without answering: how sure it would be of its first token says
something of every size. With d the lead of the best plan over the runner-up, reading is worth

    E[max(0, D)],   D ~ Normal(-d, spread^2)

what is gained where it turns the choice around, and is done where that is more than it costs.

The recursion runs over all plans, that is all ascending subsets of the sizes; it is written once, for floats and for
arrays. Standard library only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from zeta_eval.estimators import logit, sigmoid
from zeta_eval.exceptions import PolicyError
from zeta_eval.signals import SIGNALS, AnswerView, agree

LOGPROBS = ("mean_logprob", "min_logprob", "answer_log_odds")
"""Signals an engine gives beside the text: mean and smallest token log-probability, and the whole answer's odds."""

TOTAL_LOGPROBS = (-9.0, -1e-4)
"""Range within which the log-probability of a whole answer is told apart."""

PREFILL = ("prefill_margin", "prefill_entropy")
"""Signals that an engine gives once it has read a query: how sure it is of the first token."""

LEAST_GAIN = 1e-6
"""Reading must be worth so much more than it costs, in units of accuracy: a choice is not left to rounding."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Posterior:
    """What the answers seen say about one size: a logistic model fitted on outcomes."""

    size: str
    """The size whose success is re-estimated."""
    bias: float
    """Intercept."""
    prior: float
    """Weight of the size's log-odds before the last answer."""
    own: float
    """Weight of the answering size's log-odds before its answer."""
    weights: Mapping[str, float]
    """Weight of each signal of the last answer, or of the reading, by name."""

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.bias, self.prior, self.own, *self.weights.values()))):
            raise PolicyError(f"What an answer says about size '{self.size}' is not finite; tune the policy again.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What it tells to see the last of several answers."""

    ran: tuple[str, ...]
    """The sizes that ran, cheapest first; the last one's answer is the one seen."""
    spread: float
    """How far it moves the difference between going on and keeping, in units of sqrt(p (1 - p)); >= 0."""
    posteriors: tuple[Posterior, ...]
    """For the last size that ran and for every larger one."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.spread) and self.spread >= 0):
            raise PolicyError(f"The spread after {' + '.join(self.ran)} is {self.spread}; tune the policy again.")

    @property
    def size(self) -> str:
        """The size whose answer is seen."""
        return self.ran[-1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Peek:
    """What it tells that the smallest size reads a query without answering it."""

    size: str
    """The size that reads: the smallest."""
    cost: float
    """Expected cost of reading, as a share of the largest size's mean cost; >= 0."""
    spread: float
    """How far it moves the difference between two sizes, in units of the reader's sqrt(p (1 - p)); >= 0."""
    posteriors: tuple[Posterior, ...]
    """For every size."""

    def __post_init__(self) -> None:
        if not all(math.isfinite(x) and x >= 0 for x in (self.cost, self.spread)):
            raise PolicyError(
                f"Reading by {self.size} has cost {self.cost} and spread {self.spread}; tune the policy again."
            )


Looks = Mapping[tuple[int, ...], Look]
"""Looks by the indices of the sizes that ran."""


class Maths(NamedTuple):
    """The functions the rule needs, for floats or for arrays."""

    exp: Callable[[Any], Any]
    """Exponential."""
    erf: Callable[[Any], Any]
    """Error function."""
    sqrt: Callable[[Any], Any]
    """Square root."""
    maximum: Callable[[Any, Any], Any]
    """The larger of two."""


FLOATS = Maths(math.exp, math.erf, math.sqrt, max)
"""For one query."""


def indexed(looks: Sequence[Look], sizes: Sequence[str]) -> dict[tuple[int, ...], Look]:
    """Looks by the indices of the sizes that ran."""
    return {tuple(map(list(sizes).index, look.ran)): look for look in looks}


def values(
    p: Sequence[Any], cost: Sequence[Any], weight: float, ran: tuple[int, ...], looks: Looks, maths: Maths = FLOATS
) -> dict[int, Any]:
    """Value of running each size beyond the last of `ran`, by index; p and cost are M floats or M arrays."""
    first = ran[-1] + 1 if ran else 0
    return {k: _value(p, cost, weight, ran, k, looks, maths) for k in range(first, len(p))}


def _value(
    p: Sequence[Any], cost: Sequence[Any], weight: float, ran: tuple[int, ...], k: int, looks: Looks, maths: Maths
) -> Any:
    utility = p[k] - weight * cost[k]
    look = looks.get((*ran, k))
    if look is None or k == len(p) - 1:
        return utility
    further = [_value(p, cost, weight, (*ran, k), j, looks, maths) for j in range(k + 1, len(p))]
    best = further[0]
    for value in further[1:]:
        best = maths.maximum(best, value)
    return utility + _improvement(best - p[k], look.spread * maths.sqrt(p[k] * (1.0 - p[k])), maths)


def _improvement(mean: Any, spread: Any, maths: Maths) -> Any:
    """Expectation of max(0, D) for D ~ Normal(mean, spread^2)."""
    spread = maths.maximum(spread, 1e-9)
    z = maths.maximum(mean / spread, -30.0)
    return spread * (maths.exp(-z * z / 2) * 0.3989422804014327 + z * (1 + maths.erf(z * 0.7071067811865476)) / 2)


def reading_gain(
    peek: Peek,
    p: Sequence[Any],
    cost: Sequence[Any],
    weight: float,
    looks: Looks,
    maths: Maths = FLOATS,
    allowed: Sequence[int] | None = None,
) -> Any:
    """What reading the query before the first call gains beyond its price; it is done where this is above zero.

    Args:
        peek: What reading tells.
        p: Success probability of each of M >= 2 sizes, floats or arrays.
        cost: Expected cost of every size, likewise.
        weight: Accuracy given up to save one call of the largest size.
        looks: What answers tell.
        maths: For floats or for arrays.
        allowed: Indices of the sizes that may run, two at least; None allows all.
    """
    worth = [v for k, v in values(p, cost, weight, (), looks, maths).items() if allowed is None or k in allowed]
    best, second = maths.maximum(worth[0], worth[1]), -maths.maximum(-worth[0], -worth[1])
    for value in worth[2:]:
        second = maths.maximum(second, -maths.maximum(-best, -value))
        best = maths.maximum(best, value)
    gain = _improvement(second - best, peek.spread * maths.sqrt(p[0] * (1.0 - p[0])), maths)
    return gain - weight * peek.cost - LEAST_GAIN


def next_size(
    p: Sequence[float],
    cost: Sequence[float],
    weight: float,
    ran: tuple[int, ...],
    looks: Looks,
    allowed: Sequence[int] | None = None,
    *,
    failed: bool = False,
) -> int | None:
    """Index of the size to run next, or None to keep the last answer; ties keep, then go to the cheaper size.

    Args:
        p: Success probability of every size, given all answers so far.
        cost: Expected cost of every size.
        weight: Accuracy given up to save one call of the largest size.
        ran: Indices of the sizes that ran.
        looks: What answers tell.
        allowed: Indices of the sizes that may run; None allows all.
        failed: Whether the last size gave no answer to keep.
    """
    worth = {k: v for k, v in values(p, cost, weight, ran, looks).items() if allowed is None or k in allowed}
    if not worth:
        return None
    best = max(worth, key=lambda k: (worth[k], -k))
    return best if not ran or failed or worth[best] > p[ran[-1]] else None


def logprob_signals(mean_logprob: float | None, min_logprob: float | None, tokens: float | None) -> dict[str, float]:
    """Signals of an answer's token log-probabilities by name; one that is missing is left out.

    The greedy answer's own probability is the chance the model gives it: `answer_log_odds` are its natural log-odds.
    """
    found = {"mean_logprob": mean_logprob, "min_logprob": min_logprob}
    if mean_logprob is not None and tokens is not None and math.isfinite(mean_logprob * tokens):
        low, high = TOTAL_LOGPROBS
        found["answer_log_odds"] = -math.log(math.expm1(-min(max(mean_logprob * tokens, low), high)))
    return {name: x for name, x in found.items() if x is not None and math.isfinite(x)}


def answer_signals(
    view: AnswerView | None, logprobs: Mapping[str, float], earlier: Mapping[str, AnswerView | None]
) -> dict[str, float]:
    """Signals of an answer by name: of its text, its log-probabilities, and agreement with earlier answers."""
    found = dict(zip(SIGNALS, view.values, strict=True)) | dict(logprobs) if view is not None else dict(logprobs)
    if view is not None:
        found |= {f"agree {size}": agree(view, other) for size, other in earlier.items() if other is not None}
    return found


def reading_signals(margin: float | None, entropy: float | None) -> dict[str, float]:
    """Signals of a reading by name; one that is missing is left out."""
    pairs = zip(PREFILL, (margin, entropy), strict=True)
    return {name: x for name, x in pairs if x is not None and math.isfinite(x)}


def after(
    told: Look | Peek | None, sizes: Sequence[str], p: Sequence[float], signals: Mapping[str, float]
) -> tuple[float, ...]:
    """Every size's success probability after an answer or a reading, shape (M,).

    Unchanged where a signal it needs is missing.
    """
    if told is None or any(name not in signals for post in told.posteriors for name in post.weights):
        return tuple(p)
    new, own = dict(zip(sizes, p, strict=True)), logit(p[list(sizes).index(told.size)])
    for post in told.posteriors:
        z = post.bias + post.prior * logit(new[post.size]) + post.own * own
        new[post.size] = sigmoid(z + sum(w * signals[name] for name, w in post.weights.items()))
    return tuple(new.values())

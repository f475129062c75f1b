"""Cascade routing: one rule that says which size to ask first, and after each answer whether to stop or go larger.

Running size k next, after the sizes in `ran`, is worth

    V(ran, k) = p_k - cost_weight * cost_k + E[max(0, D)],   D ~ Normal(max_{j > k} V(ran + k, j) - p_k, spread^2)

that is the utility of keeping the answer, plus the value of being free to go on after seeing it. The signals of the
answer move D, the difference between going on and keeping, by the spread. A spread of 0 gives the rule of plain
routing. After the answer every p is updated, the cost that was spent no longer counts, and the same rule decides again.
Cascade routing: Dekoninck, Baader and Vechev 2025 (arXiv 2410.10347), who also judge what is not run yet by a normal
distribution; the closed form is the expected improvement of Mockus 1975.

The recursion runs over all plans, that is all ascending subsets of the sizes; it is written once, for floats and for
arrays. Standard library only.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from zeta_eval.exceptions import PolicyError
from zeta_eval.router.estimators.tables import finite, logit, sigmoid
from zeta_eval.router.signals import SIGNALS, AnswerView, agree

ENGINE_SIGNALS = ("mean_logprob", "min_logprob", "answer_log_odds", "confidence", "agreement")
"""Signals that an engine gives beside the text: mean and smallest log-probability of a token, odds of the answer, any
other confidence in [0, 1] that comes with the answer, and the share of several attempts that give it."""

TOTAL_LOGPROBS = (-9.0, -1e-4)
"""Range to which the log-probability of a whole answer is cut."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Posterior:
    """New chance of one size after an answer: a logistic model of the signals, fitted on outcomes."""

    size: str
    """The size whose chance is estimated anew."""
    bias: float
    """Intercept."""
    prior: float
    """Weight of the size's log-odds before the last answer."""
    own: float
    """Weight of the answering size's log-odds before its answer."""
    weights: Mapping[str, float]
    """Weight of each signal of the last answer, by name."""

    def __post_init__(self) -> None:
        if not finite(self.bias, self.prior, self.own, *self.weights.values()):
            raise PolicyError(f"A look gives size '{self.size}' a chance that is not finite; tune the policy again.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How the signals of an answer change the chance of success of every size, once certain sizes have run."""

    ran: tuple[str, ...]
    """The sizes that ran, cheapest first; the answer is that of the last one."""
    spread: float
    """How far the answer moves the difference between going on and keeping, in units of sqrt(p (1 - p)); >= 0."""
    posteriors: tuple[Posterior, ...]
    """New chances of the last size that ran and of every larger one."""

    def __post_init__(self) -> None:
        if not finite(self.spread) or self.spread < 0:
            raise PolicyError(f"The spread after {' + '.join(self.ran)} is {self.spread}; tune the policy again.")

    @property
    def size(self) -> str:
        """The size that gave the answer."""
        return self.ran[-1]


Looks = Mapping[tuple[int, ...], Look]
"""Looks by the indices of the sizes that ran."""


class Maths(NamedTuple):
    """Functions of mathematics that the rule needs, for floats or for arrays: `maximum` gives the larger of two."""

    exp: Callable[[Any], Any]
    erf: Callable[[Any], Any]
    sqrt: Callable[[Any], Any]
    maximum: Callable[[Any, Any], Any]


FLOATS = Maths(math.exp, math.erf, math.sqrt, max)
"""The functions for a single query."""


def indexed(looks: Sequence[Look], sizes: Sequence[str]) -> dict[tuple[int, ...], Look]:
    """Looks by the indices of the sizes that ran."""
    return {tuple(map(list(sizes).index, look.ran)): look for look in looks}


def values(
    p: Sequence[Any],
    cost: Sequence[Any],
    weight: float,
    ran: tuple[int, ...],
    looks: Looks,
    maths: Maths = FLOATS,
    *,
    allowed: Sequence[int] | None = None,
) -> dict[int, Any]:
    """Return the value of running each size that is allowed beyond the last of `ran`, by index.

    p and cost are M floats or M arrays. Plans hold no size that is not `allowed`; None allows all.
    """
    first, able = ran[-1] + 1 if ran else 0, range(len(p)) if allowed is None else allowed
    return {k: _value(p, cost, weight, (*ran, k), looks, able, maths) for k in able if k >= first}


def _value(
    p: Sequence[Any],
    cost: Sequence[Any],
    weight: float,
    ran: tuple[int, ...],
    looks: Looks,
    allowed: Sequence[int],
    maths: Maths,
) -> Any:
    """The value of running the last size of `ran` after those before it."""
    k, look = ran[-1], looks.get(ran)
    utility = p[k] - weight * cost[k]
    further = [] if look is None else [j for j in allowed if j > k]
    if look is None or not further:
        return utility
    values = [_value(p, cost, weight, (*ran, j), looks, allowed, maths) for j in further]
    best = values[0]
    for value in values[1:]:
        best = maths.maximum(best, value)
    return utility + _improvement(best - p[k], look.spread * maths.sqrt(p[k] * (1.0 - p[k])), maths)


def _improvement(mean: Any, spread: Any, maths: Maths) -> Any:
    """Expectation of max(0, D) for D ~ Normal(mean, spread^2)."""
    spread = maths.maximum(spread, 1e-9)
    z = maths.maximum(mean / spread, -30.0)
    return spread * (maths.exp(-z * z / 2) * 0.3989422804014327 + z * (1 + maths.erf(z * 0.7071067811865476)) / 2)


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
    """Return the index of the size to run next, or None to keep the last answer; ties keep, then go to the cheaper one.

    Args:
        p: Success probability of every size, given all answers so far.
        cost: Expected cost of every size.
        weight: Accuracy given up to save one call of the largest size.
        ran: Indices of the sizes that ran.
        looks: How the signals of answers change the chances.
        allowed: Indices of the sizes that may run, ascending; None allows all.
        failed: Whether the last size gave no answer to keep.
    """
    worth = values(p, cost, weight, ran, looks, allowed=allowed)
    if not worth:
        return None
    best = max(worth, key=lambda k: (worth[k], -k))
    return best if not ran or failed or worth[best] > p[ran[-1]] else None


def engine_signals(
    mean_logprob: float | None,
    min_logprob: float | None,
    tokens: float | None,
    confidence: float | None = None,
    agreement: float | None = None,
) -> dict[str, float]:
    """Return the signals that come with an answer, by name; one that is missing or outside its range is left out.

    `answer_log_odds` are the natural log-odds of the probability that the model itself gives the whole answer.
    """
    found = {"mean_logprob": mean_logprob, "min_logprob": min_logprob}
    shares = {"confidence": confidence, "agreement": agreement}
    found |= {name: x for name, x in shares.items() if x is not None and 0 <= x <= 1}
    if mean_logprob is not None and tokens is not None and math.isfinite(mean_logprob * tokens):
        low, high = TOTAL_LOGPROBS
        found["answer_log_odds"] = -math.log(math.expm1(-min(max(mean_logprob * tokens, low), high)))
    return {name: x for name, x in found.items() if x is not None and math.isfinite(x)}


def answer_signals(
    view: AnswerView | None, engine: Mapping[str, float], earlier: Mapping[str, AnswerView | None]
) -> dict[str, float]:
    """Return an answer's signals by name: of the text, of the engine, and of agreement with earlier answers."""
    found = dict(zip(SIGNALS, view.values, strict=True)) | dict(engine) if view is not None else dict(engine)
    if view is not None:
        found |= {f"agree {size}": agree(view, other) for size, other in earlier.items() if other is not None}
    return found


def after(
    look: Look | None, sizes: Sequence[str], p: Sequence[float], signals: Mapping[str, float]
) -> tuple[float, ...]:
    """Return every size's chance of success after an answer, shape (M,); unchanged where a signal is missing."""
    if look is None or any(name not in signals for post in look.posteriors for name in post.weights):
        return tuple(p)
    new, own = dict(zip(sizes, p, strict=True)), logit(p[list(sizes).index(look.size)])
    for post in look.posteriors:
        z = post.bias + post.prior * logit(new[post.size]) + post.own * own
        new[post.size] = sigmoid(z + sum(w * signals[name] for name, w in post.weights.items()))
    return tuple(new.values())

"""Fits what each size can hold: its context, the room that its answers need, and how many tokens a text takes."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass, replace
from typing import Final, Self

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from zeta_eval.arrays import Floats
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.context import TokenRates, characters
from zeta_eval.router.policy import RoutingPolicy

ANSWERS: Final = 0.95
"""Share of a size's answers that the room for them holds."""

LARGEST: Final = 0.5
"""Largest share of a context that is kept for answers, so that a talkative size still gets short queries."""

PROMPTS: Final = 0.99
"""Share of the prompts that take no more tokens than they are taken to."""

FEWEST: Final = 20
"""Fewest prompts with a known number of tokens, and fewest answers, to fit to."""


@dataclass(frozen=True, kw_only=True)
class Contexts:
    """What M sizes can hold."""

    context: tuple[int | None, ...]
    """Most tokens of a query and its answer; None where the table neither says so nor shows a query refused."""
    answer_tokens: tuple[float | None, ...]
    """Room for the answer; None with too few answers, which takes the default."""
    tokens: TokenRates | None
    """Tokens of a text; None with too few prompts, or without any context."""

    @classmethod
    def of(cls, outcomes: Outcomes) -> Self:
        """Read a table; where several runs give a size different contexts, the smallest counts."""
        told, answers, refused = (outcomes.matrix("context"), outcomes.matrix("completion_tokens"), outcomes.too_long)
        if np.isnan(told).all() and not refused.any():
            nothing = (None,) * told.shape[1]
            return cls(context=nothing, answer_tokens=nothing, tokens=None)
        tokens = fit_tokens(outcomes)
        taken = np.array([(tokens or TokenRates()).of(str(text)) for text in outcomes.queries])
        sizes = [_size(*columns, taken) for columns in zip(told.T, answers.T, refused.T, strict=True)]
        context, room = zip(*sizes, strict=True)
        return cls(context=context, answer_tokens=room, tokens=tokens)

    def put_into(self, policy: RoutingPolicy) -> RoutingPolicy:
        """Return a policy for these sizes that knows what they can hold; itself where no context is known."""
        if all(context is None for context in self.context):
            return policy
        known = zip(policy.rungs, self.context, self.answer_tokens, strict=True)
        rungs = tuple(replace(r, context=c, answer_tokens=None if c is None else a) for r, c, a in known)
        return replace(policy, rungs=rungs, tokens=self.tokens)


def fit_tokens(outcomes: Outcomes) -> TokenRates | None:
    """Fit how many tokens a text takes with the tokenizer that cuts it into most; None with too few prompts.

    Least squares of the relative error, with one observation in favour of each default rate: a kind of character that
    the table hardly holds keeps its default. All rates are then raised until `PROMPTS` of the prompts take no more.
    """
    told = outcomes.matrix("prompt_tokens")
    rows = np.flatnonzero((np.nan_to_num(told) > 0).any(axis=1))
    if len(rows) < FEWEST:
        return None
    tokens = np.nanmax(told[rows], axis=1)
    counts = np.array([(*characters(str(text)), 1) for text in outcomes.queries[rows]], dtype=float)
    default = np.array(astuple(TokenRates()))
    share = np.vstack([counts * default / tokens[:, None], np.eye(len(default))])  # of the tokens, by rates in defaults
    rates = default * nnls(share, np.ones(len(share)))[0]
    rates *= np.quantile(tokens / _positive(counts @ rates), PROMPTS)
    letters, signs, other, extra = rates.tolist()
    return TokenRates(letters=letters, signs=signs, other=other, extra=extra)


def _size(
    told: Floats, answers: Floats, refused: npt.NDArray[np.bool_], taken: Floats
) -> tuple[int | None, float | None]:
    """Return the context of a size and the room that its answers need, from its column for Q queries.

    A server refuses a query for the longest answer that is asked for, however long the answer would be: then the room
    is what the refused queries show. `taken` are the tokens of the queries, as the router will estimate them.
    """
    most = _most_taken(taken, refused)
    if np.isnan(told).all():
        return (None, None) if most is None else (max(1, math.floor(most)), 0.0)
    context, known = int(np.nanmin(told)), answers[np.isfinite(answers)]
    room = None
    if len(known) >= FEWEST:
        room = min(float(np.quantile(known, ANSWERS, method="inverted_cdf")), LARGEST * context)
    if most is not None and context - most > (room or 0.0):
        room = min(context - most, float(context))
    return context, room


def _most_taken(taken: Floats, refused: npt.NDArray[np.bool_]) -> float | None:
    """Return the most tokens of a query that is not refused, such that as few queries as may be belie it.

    One odd refusal of a short query counts as one. None where nothing is refused.
    """
    if not refused.any():
        return None
    order = np.argsort(taken, kind="stable")
    above, below = np.r_[~refused[order], False][::-1], np.r_[False, refused[order]]
    belied = np.cumsum(above)[::-1] + np.cumsum(below)  # with the first k queries held
    k = int(belied.argmin())
    least = float(taken[order[min(k, len(order) - 1)]])  # the shortest that is not held
    return max(0.0, least - 1.0) if k < len(order) else None


def _positive(x: Floats) -> Floats:
    return np.maximum(x, 1e-9)

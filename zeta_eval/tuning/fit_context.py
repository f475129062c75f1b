"""Fits what each size can hold: its context, the room that its answers need, and how many tokens a text takes."""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from typing import Final, Self

import numpy as np
from scipy.optimize import nnls

from zeta_eval.arrays import Floats
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.context import TokenRates, characters
from zeta_eval.router.policy import RoutingPolicy

ANSWERS: Final = 0.95
"""Share of a size's answers that the room for them holds."""

PROMPTS: Final = 0.99
"""Share of the prompts that take no more tokens than they are taken to."""

FEWEST: Final = 20
"""Fewest prompts with a known number of tokens, and fewest answers, to fit to."""


@dataclass(frozen=True, kw_only=True)
class Contexts:
    """What M sizes can hold."""

    context: tuple[int | None, ...]
    """Most tokens of a query and its answer; None where the table does not say."""
    answer_tokens: tuple[float | None, ...]
    """Tokens that `ANSWERS` of the answers take at most; None with too few of them."""
    tokens: TokenRates | None
    """Tokens of a text; None with too few prompts, or without any context."""

    @classmethod
    def of(cls, outcomes: Outcomes) -> Self:
        """Read a table; where several runs give a size different contexts, the smallest counts."""
        told, answers = outcomes.matrix("context"), outcomes.matrix("completion_tokens")
        context = tuple(None if np.isnan(x).all() else int(np.nanmin(x)) for x in told.T)
        return cls(
            context=context,
            answer_tokens=tuple(_most(x[np.isfinite(x)]) for x in answers.T),
            tokens=None if all(c is None for c in context) else fit_tokens(outcomes),
        )

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


def _most(answers: Floats) -> float | None:
    return float(np.quantile(answers, ANSWERS, method="inverted_cdf")) if len(answers) >= FEWEST else None


def _positive(x: Floats) -> Floats:
    return np.maximum(x, 1e-9)

"""Ends a thinking block after a number of tokens, so that an answer follows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.models import ModelSpec
from zeta_eval.router.signals.template import THINKING


@dataclass(frozen=True, kw_only=True, slots=True)
class ThinkingBudget:
    """The most tokens of thinking, and the tokens that end it where the model has not ended it by then.

    >>> budget = ThinkingBudget(most=2, closing=(7, 8))
    >>> budget.next([1]), budget.next([1, 2]), budget.next([1, 2, 7]), budget.next([1, 2, 7, 8]), budget.next([1, 8])
    (None, 7, 8, None, None)
    """

    most: int
    """Tokens of thinking."""
    closing: tuple[int, ...]
    """Tokens of the tag that ends a thinking block."""

    def due(self, step: int) -> bool:
        """Whether the token after so many may have to be one of the tag's."""
        return 0 <= step - self.most < len(self.closing)

    def next(self, tokens: Sequence[int]) -> int | None:
        """The token that must follow these of an answer; None where the model may choose."""
        if not self.due(len(tokens)) or self.closing[-1] in tokens[: self.most]:
            return None
        return self.closing[len(tokens) - self.most]


def thinking_budget(spec: ModelSpec, tokenizer: Any) -> ThinkingBudget | None:
    """The thinking budget of a rung by its template's own tags; None where it has none.

    Raises:
        InvalidInputError: its template names no thinking block.
    """
    if spec.thinking_budget is None:
        return None
    template = str(tokenizer.chat_template)
    close = next((close for _, close in THINKING if close in template), None)
    if close is None:
        raise InvalidInputError(
            f"Rung '{spec.size}' has thinking {spec.thinking}, and its model's chat template no thinking block to end; "
            "use true or false, or another model."
        )
    ids = tokenizer(close, add_special_tokens=False)["input_ids"]
    return ThinkingBudget(most=spec.thinking_budget, closing=tuple(ids))

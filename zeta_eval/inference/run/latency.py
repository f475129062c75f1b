"""The time an answer takes as a linear function of its tokens, fitted to a few queries and applied to all.

In a batch the time of one query means nothing. So some queries are measured alone, and
`latency_s = a + b * prompt_tokens + c * completion_tokens` fitted to it, `ttft_s = a + b * prompt_tokens` likewise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.models import Completion
from zeta_eval.outcomes.latency import least_squares


@dataclass(frozen=True, kw_only=True, slots=True)
class LatencyModel:
    """The time that one size's answers take: non-negative coefficients, and R2 on the sample they were fitted to."""

    base_s: float
    """Time that every query takes, in seconds."""
    per_prompt_token_s: float
    """Time per prompt token, in seconds."""
    per_completion_token_s: float
    """Time per written token, in seconds."""
    r2: float | None
    """Share of the sample's variance of latency_s that is explained; None where it doesn't vary."""
    ttft_base_s: float
    """Time to the first token of an empty prompt, in seconds."""
    ttft_per_prompt_token_s: float
    """Time to the first token per prompt token, in seconds."""
    ttft_r2: float | None
    """Share of the sample's variance of ttft_s that is explained; None where it doesn't vary."""
    n: int
    """Measured queries."""

    @classmethod
    def fit(cls, measured: Sequence[Completion]) -> LatencyModel:
        """Fit to measured answers; those with an error are left out."""
        rows = [
            (c.prompt_tokens or 0, c.completion_tokens or 0, c.latency_s, c.ttft_s)
            for c in measured
            if c.error is None and c.latency_s is not None and c.ttft_s is not None
        ]
        if not rows:
            raise InvalidInputError(
                f"None of {len(measured)} answers was measured; measure at least one that succeeds."
            )
        prompt, completion, latency, ttft = np.array(rows, dtype=np.float64).T
        one = np.ones(len(rows))
        (base, per_prompt, per_completion), r2 = least_squares(np.column_stack([one, prompt, completion]), latency)
        (ttft_base, ttft_per_prompt), ttft_r2 = least_squares(np.column_stack([one, prompt]), ttft)
        return cls(
            base_s=base,
            per_prompt_token_s=per_prompt,
            per_completion_token_s=per_completion,
            r2=r2,
            ttft_base_s=ttft_base,
            ttft_per_prompt_token_s=ttft_per_prompt,
            ttft_r2=ttft_r2,
            n=len(rows),
        )

    def predict(self, prompt_tokens: int, completion_tokens: int) -> tuple[float, float]:
        """Return latency_s and ttft_s of a query with so many tokens; the first token never comes after the last."""
        latency = (
            self.base_s + self.per_prompt_token_s * prompt_tokens + self.per_completion_token_s * completion_tokens
        )
        return latency, min(latency, self.ttft_base_s + self.ttft_per_prompt_token_s * prompt_tokens)

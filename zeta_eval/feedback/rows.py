"""The rows of a history: a routed query with its steps, and the score of a feedback. Standard library only."""

import hashlib
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from numbers import Real
from typing import Any, Final, NamedTuple

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.router import Decision
from zeta_eval.router.complexity.conversation import stored

UNTOLD = "untold"
"""Task of an outcome whose task is not known."""

MEASURED: Final = {"prompt_tokens": int, "completion_tokens": int, "gpu_s": float, "cost_usd": float}
"""The measured columns of a decision, with the type of each."""


class Recorded(NamedTuple):
    """A routed query on its way to the store; the slow part, `row`, runs in the background."""

    id: str
    time_s: float
    decision: Decision
    text: str
    task: str | None
    steps: tuple[tuple[str, float, float, str | None], ...]
    """Size, latency_s, p_right and error of each step: an answer's text is not kept."""
    propensity: float
    measured: tuple[float | None, ...]
    """What `MEASURED` names, all steps together."""
    shadow: dict[str, Any] | None = None
    """Policy, size and chances of another policy's choice."""

    def row(self, *, keep_text: bool) -> dict[str, Any]:
        """Return the row of the table `zeta_decisions`."""
        d = self.decision
        return {
            "id": self.id,
            "created_at": timestamp(self.time_s),
            "query_hash": query_hash(self.text),
            "query": clean(self.text) if keep_text else None,
            "messages": kept_messages(self.text) if keep_text else None,
            "task": clean(self.task),
            "size": d.size,
            "final_size": self._final_size(),
            "p": d.p,
            "cost": d.cost,
            "difficulty": d.complexity.score,
            "label": d.complexity.label,
            "features": d.complexity.features,
            "propensity": float(self.propensity),
            "policy": d.policy,
            "cost_weight": d.cost_weight,
            "steps": [dict(zip(("size", "latency_s", "p_right", "error"), s, strict=True)) for s in self.steps],
            "shadow": self.shadow,
            "latency_s": sum(s[1] for s in self.steps) if self.steps else None,
            **{k: None if x is None else MEASURED[k](x) for k, x in zip(MEASURED, self.measured, strict=True)},
        }

    def _final_size(self) -> str | None:
        """The size whose answer was kept: without steps the chosen one, None where every step failed."""
        if not self.steps:
            return self.decision.size
        return next((size for size, _, _, error in reversed(self.steps) if error is None), None)


def check_recorded(propensity: float, amounts: Sequence[float | None]) -> None:
    """Refuse a propensity that is no probability above 0, and a negative amount."""
    if not (_between(propensity, 0, 1) and propensity):
        raise InvalidInputError(f"propensity is {propensity!r}; give the probability of the choice, in (0, 1].")
    for amount in amounts:
        if amount is not None and not _between(amount, 0, sys.float_info.max):
            raise InvalidInputError(f"A decision was recorded with {amount!r} tokens, seconds or USD; give at least 0.")


def given_score(right: bool | None, score: float | None, answer: str | None) -> float | None:
    """Return the score in [0, 1] that a feedback gives, None where it only names the correct answer."""
    if right is None and score is None and answer is None:
        raise InvalidInputError("The feedback is empty; give right=True or False, a score, or the correct answer.")
    if right is not None and score is not None:
        raise InvalidInputError(f"The feedback has right={right!r} and score={score!r}; give one of them.")
    if right is not None and right not in (True, False):
        raise InvalidInputError(f"right is {right!r}; give True or False, or a score in [0, 1].")
    if score is not None and not _between(score, 0, 1):
        raise InvalidInputError(f"The score of a feedback is {score!r}; give a number in [0, 1].")
    given = right if score is None else score
    return None if given is None else float(given)


def timestamp(time_s: float) -> str:
    """A time since the epoch as ISO 8601 in UTC, with microseconds."""
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="microseconds")


def query_hash(text: str) -> str:
    """Name a query by its text: half of its SHA-256, 32 hexadecimal digits."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


def kept_messages(text: str) -> str | None:
    """Messages of a query as a history keeps them, as JSON; None where its text says it all."""
    return clean(stored(text))


def clean(text: str | None) -> str | None:
    """Replace characters that a database can't hold: halves of surrogate pairs, and zero."""
    return text and text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _between(value: Any, low: float, high: float) -> bool:
    """Whether a value is a number, numpy's included, in [low, high]; NaN is not."""
    # Real is asked last, for an abstract class is slow to ask.
    return isinstance(value, (float, int, Real)) and low <= float(value) <= high

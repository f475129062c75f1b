"""How hard a query is: the features of its text, and the complexity that a policy makes of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from zeta_eval.router.complexity.conversation import Conversation, as_query, messages_of, request_of
from zeta_eval.router.complexity.embedding_request import is_embedding_request
from zeta_eval.router.complexity.features import FEATURES, extract, feature
from zeta_eval.router.complexity.view import TextView

__all__ = [
    "FEATURES",
    "Complexity",
    "Conversation",
    "TextView",
    "as_query",
    "extract",
    "feature",
    "has_signal",
    "is_embedding_request",
    "messages_of",
    "request_of",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Complexity:
    """How hard a policy takes a query to be."""

    score: float
    """Estimated chance, in [0, 1], that the smallest size fails."""
    label: str
    """What the policy's own trade-off makes of it: "complex" where the largest size takes the query, "trivial" where
    the smallest of three or more does, else "simple"; "embedding" for an embedding request, "unknown" where the text
    gives no signal."""
    features: Mapping[str, float]
    """The features of the text, by name."""


def has_signal(text: str) -> bool:
    """Whether a text holds a letter or a digit, without which no feature says anything."""
    return any(map(str.isalnum, text))

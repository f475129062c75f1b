"""How hard a query is: the features of its text, and the complexity that a policy makes of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from zeta_eval.router.complexity.features import FEATURES, extract, feature
from zeta_eval.router.complexity.view import TextView

__all__ = ["FEATURES", "Complexity", "TextView", "extract", "feature", "has_signal", "is_embedding_request"]

_TEXT = (
    r"(?:texts?|sentences?|passages?|paragraphs?|documents?|quer(?:y|ies)|strings?|words?|phrases?|titles?|abstracts?)"
)
_EMBEDDING = re.compile(
    r"\W*(?:(?:please|can you|could you|i need you to)\W+)?"
    rf"(?:(?:embed|vectori[sz]e)\s*(?::|(?:(?:this|these|the|following|a|an|my|each)\s+){{1,2}}(?:{_TEXT}\b|\s*:)|this\s*:)"
    r"|(?:compute|create|calculate|generate|get|give|make|produce|return)\s+(?:me\s+)?(?:an?\s+|the\s+)?(?:\w+\s+){0,2}?"
    r"(?:embeddings?|vector representations?)\b\s*(?:of|for|from|:|$))",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Complexity:
    """How hard a policy takes a query to be."""

    score: float
    """Difficulty d on the policy's own scale: higher is harder; 0 is a typical query of the tuning data."""
    label: str
    """"embedding", "trivial", "simple", "complex", or "unknown" where the text gives no signal."""
    features: Mapping[str, float]
    """The features that were weighed, by name."""


def is_embedding_request(text: str) -> bool:
    """Whether a text asks for an embedding ("Embed this sentence: ...") rather than for an answer."""
    return _EMBEDDING.match(text[:200]) is not None


def has_signal(text: str) -> bool:
    """Whether a text holds a letter or a digit, without which no feature says anything."""
    return any(map(str.isalnum, text))

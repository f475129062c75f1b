"""Texts of queries: from message lists, contents with several parts, and choices."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np


def content_text(content: Any) -> str:
    """Return a message's text: a string, or a list of parts of which some are text."""
    if isinstance(content, str):
        return content
    if isinstance(content, (list, np.ndarray)):
        texts = (part if isinstance(part, str) else _part(part) for part in content)
        return "\n".join(filter(None, texts))
    return ""


def _part(part: Any) -> str:
    return (part.get("text") or "") if isinstance(part, dict) and part.get("type") in ("text", "input_text") else ""


def asked(messages: Sequence[Any]) -> str:
    """Return what the user says in a list of messages, without the system's and the assistant's turns."""
    return "\n".join(content_text(m.get("content")) for m in messages if m.get("role") in ("user", "human"))


def with_choices(text: str, choices: Sequence[Any]) -> str:
    """Return a question with its choices below it, lettered from A on."""
    return "\n".join([text, *(f"{chr(ord('A') + i)}. {c}" for i, c in enumerate(choices))])


def digest(text: str) -> str:
    """Eight characters that tell texts apart, for the id of a query."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]

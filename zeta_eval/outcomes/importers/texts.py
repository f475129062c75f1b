"""Texts of queries: from message lists, contents with several parts, and choices."""

import hashlib
import json
from collections.abc import Mapping, Sequence
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


def query_text(value: Any) -> Any:
    """Return a query's text where it is a list of messages, or such a list written as JSON; anything else as it is.

    >>> query_text('[{"role": "system", "content": "Be short."}, {"role": "user", "content": "2 + 2?"}]')
    '2 + 2?'
    """
    found = value
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            found = json.loads(value)
        except ValueError:
            return value
    if isinstance(found, Mapping) and "messages" in found:
        found = found["messages"]
    if isinstance(found, (list, np.ndarray)) and len(found) and all(_is_message(m) for m in found):
        return asked(list(found))
    return value


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("role"), str) and "content" in value


def with_choices(text: str, choices: Sequence[Any]) -> str:
    """Return a question with its choices below it, lettered from A on."""
    return "\n".join([text, *(f"{chr(ord('A') + i)}. {c}" for i, c in enumerate(choices))])


def digest(text: str) -> str:
    """Eight characters that tell texts apart, for the id of a query."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]

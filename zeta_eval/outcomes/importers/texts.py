"""Texts of queries: from message lists, contents with several parts, and choices."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.router.complexity.conversation import ROLES, Conversation, stored


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


def query_of(messages: Sequence[Any]) -> str:
    """Return the query of a list of messages: a `Conversation` of the texts up to what the user says last.

    What comes after it is the answer of a model, with what its tools returned. Where nobody asks anything, it is what
    the user says, as in `asked`.
    """
    turns = [{"role": m.get("role"), "content": text} for m in messages if (text := content_text(m.get("content")))]
    users = [i for i, turn in enumerate(turns) if ROLES.get(str(turn["role"])) == "user"]
    try:
        return Conversation.of(turns[: users[-1] + 1] if users else turns)
    except InvalidInputError:
        return asked(messages)


def columns_of(query: str | None) -> dict[str, str | None]:
    """Return a query, where there is one, as the columns of a row."""
    return {"query": None, "messages": None} if query is None else {"query": query[:], "messages": stored(query)}


def with_choices(text: str, choices: Sequence[Any]) -> str:
    """Return a question with its choices below it, lettered from A on; of messages, below what the user says last."""
    if isinstance(text, Conversation):
        return text.reworded(lambda last: with_choices(last, choices))
    return "\n".join([text, *(f"{chr(ord('A') + i)}. {c}" for i, c in enumerate(choices))])


def digest(text: str) -> str:
    """Eight characters that tell texts apart, for the id of a query."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]

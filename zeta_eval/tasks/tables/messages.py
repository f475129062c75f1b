"""A prompt that is a list of messages: what is asked, with all turns before it, and the answer that ends it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.router.complexity.conversation import Conversation, Message
from zeta_eval.router.complexity.message_lists import message_list

__all__ = ["PYTHON", "Asked", "asked_by", "message_list"]

PYTHON = re.compile(r"\s*\[\s*\{\s*'(role|from|content|value)'\s*:")
"""Beginning of a message list that was turned into its Python text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a list of messages asks."""

    prompt: str
    """The user's text, or a `Conversation` where there are turns before it."""
    system: str
    """Text of the system turns that come first."""
    answer: str | None
    """The assistant's turn that ends the list; None where a user's does."""


def asked_by(messages: Sequence[Any]) -> Asked | str:
    """What messages ask, or the reason why that is not clear."""
    try:
        turns = [Message.of(m) for m in messages]
    except InvalidInputError as e:
        return f"whose messages can't be read ({_bare(e)})"
    if not all(m.plain for m in turns):
        return "whose messages have a part that is no text"
    answer = turns.pop().text if turns and turns[-1].role == "assistant" else None
    try:
        asked = Conversation.of(turns)
    except InvalidInputError as e:
        return f"whose messages ask nothing ({_bare(e)})"
    return Asked(prompt=asked.without_system, system=asked.system, answer=answer)


def _bare(error: Exception) -> str:
    """An error's words without the full stop."""
    return str(error).rstrip(".")

"""Messages as files hold them: lists, JSON texts of lists, and what readers of tables make of both."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from zeta_eval.router.complexity.conversation import Conversation, Message

_FORMS: Final = ({"role", "content"}, {"role", "tool_calls"}, {"from", "value"})
"""Keys by which a message is known."""


def message_list(value: Any) -> list[Any] | None:
    """The messages of a value that is a list of such, an object with them, or the JSON text of one; None for any other.

    >>> len(message_list('[{"role": "user", "content": "Hi"}]')), message_list("[1, 2] is what?")
    (1, None)
    """
    if isinstance(value, Conversation):
        return list(value.messages)
    if isinstance(value, str):
        if value.lstrip()[:1] not in ("[", "{") or not ('"role"' in value or '"from"' in value):
            return None
        try:
            value = json.loads(value)
        except ValueError:
            return None
    if isinstance(value, Mapping):
        value = value.get("messages")
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        return None
    found = list(value)
    return found if found and all(isinstance(m, Message) or _is_message(m) for m in found) else None


def conversation_of(messages: Iterable[Any]) -> Conversation:
    """The query that messages ask: what an assistant said after it is no part of it.

    Raises:
        InvalidInputError: they are no query.
    """
    return asked_in(_plain(m) for m in messages)


def asked_in(messages: Iterable[Any]) -> Conversation:
    """The same of messages as JSON gives them, which need no second look at all that they hold.

    Raises:
        InvalidInputError: they are no query.
    """
    turns = [Message.of(m) for m in messages]
    while turns and turns[-1].role == "assistant":
        turns.pop()
    return Conversation.of(turns)


def _is_message(value: Any) -> bool:
    return isinstance(value, Mapping) and any(keys <= set(value) for keys in _FORMS)


def _plain(value: Any) -> Any:
    """A message as Parquet gives it back: arrays as lists, and keys without a value left out."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items() if v is not None}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value

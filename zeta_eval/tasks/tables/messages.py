"""A prompt that is a list of messages: what the user asks last, with the turns before it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["system", "user", "assistant"]
ROLES: Mapping[str, Role] = {
    **{"system": "system", "developer": "system"},
    **{"user": "user", "human": "user"},
    **{"assistant": "assistant", "gpt": "assistant", "model": "assistant", "bot": "assistant", "ai": "assistant"},
}
"""Who speaks, by the words in use."""
SPOKEN: Mapping[Role, str] = {"user": "User", "assistant": "Assistant"}
PYTHON = re.compile(r"\s*\[\s*\{\s*'(role|from|content|value)'\s*:")
"""Beginning of a message list that was turned into its Python text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a list of messages asks."""

    prompt: str
    """The last user turn, after the turns before it."""
    system: str
    """Text of the system turns."""
    answer: str | None
    """The assistant's turn that ends the list; None where a user's does."""


def message_list(value: Any) -> Sequence[Mapping[str, Any]] | None:
    """The messages of a value that is a list of such, or the JSON text of one; None for any other value."""
    if isinstance(value, str) and value.lstrip().startswith("[") and '"role"' in value:
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            return None
    if not isinstance(value, list | tuple) or not value:
        return None
    ok = all(isinstance(m, Mapping) and ({"role", "content"} <= set(m) or {"from", "value"} <= set(m)) for m in value)
    return value if ok else None


def asked_by(messages: Sequence[Mapping[str, Any]]) -> Asked | str:
    """What messages ask, or the reason why that is not clear."""
    turns: list[tuple[Role, str]] = []
    for message in messages:
        role = ROLES.get(str(message.get("role") or message.get("from") or "").lower())
        text = _text(message["content"] if "content" in message else message.get("value"))
        if role is None:
            return "whose messages have a turn of neither system, user nor assistant"
        if text is None:
            return "whose messages have a part that is no text"
        turns.append((role, text))
    leading = next((i for i, (role, _) in enumerate(turns) if role != "system"), len(turns))
    system, turns = "\n\n".join(text for _, text in turns[:leading]), turns[leading:]
    if any(role == "system" for role, _ in turns):
        return "whose messages have a system turn after the first turns"
    answer = turns.pop()[1] if turns and turns[-1][0] == "assistant" else None
    if not turns or turns[-1][0] != "user":
        return "whose messages don't end with a user's question"
    return Asked(prompt=_rendered(turns), system=system, answer=answer)


def _text(content: Any) -> str | None:
    """Text of a message's content; None where a part of it is no text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list | tuple) or not content:
        return None
    parts = [part.get("text") if isinstance(part, Mapping) else part for part in content]
    texts = [part for part in parts if isinstance(part, str)]
    return "\n".join(texts) if len(texts) == len(parts) else None


def _rendered(turns: Sequence[tuple[Role, str]]) -> str:
    """The last turn, after the turns before it where there are any."""
    *earlier, (_, last) = turns
    if not earlier:
        return last
    said = "\n\n".join(f"{SPOKEN[role]}: {text}" for role, text in earlier)
    return f"This is a conversation so far.\n\n{said}\n\nAnswer the user's next turn.\n\nUser: {last}"

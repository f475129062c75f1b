"""Conversations that were pasted into one text: "System: You are a poet.", an empty line, "User: Write a poem.".

They are read only where nothing else can be meant. Each turn begins a line with a speaker's name and a colon, the first
one the text. Beside what the user says there is a system message or the assistant's name. The user speaks last, or the
text ends with the assistant's name.
"""

import re
from typing import Final

SPEAKERS: Final = {
    **dict.fromkeys(("system", "system prompt", "system message"), "system"),
    **dict.fromkeys(("user", "human"), "user"),
    **dict.fromkeys(("assistant", "ai"), "assistant"),
}
"""Who speaks, by the names in use. They begin with a capital letter or stand in capitals: "user: root" is a setting."""

_NAMES = "|".join(form for name in SPEAKERS for form in {name.capitalize(), name.title(), name.upper()})
_TURN = re.compile(rf"^[ \t]*(?:#+[ \t]*|\*\*)?({_NAMES})(?:\*\*:|:\*\*|:)", re.MULTILINE)

Turns = list[tuple[str, str]]
"""Who speaks, and what is said."""


def turns_in(text: str) -> Turns:
    r"""Return the turns of a transcript that ends with what the user asks; none where a text is no such transcript.

    >>> turns_in("System: Be short.\n\nUser: Hi")
    [('system', 'Be short.'), ('user', 'Hi')]
    >>> turns_in("User: root")
    []
    """
    text = text.strip()
    if _TURN.match(text) is None:
        return []
    turns = _turns(text)
    names = {who for who, _ in turns}
    if turns[-1] == ("assistant", ""):
        turns.pop()
    roles = [who for who, _ in turns]
    asks = roles[-1:] == ["user"] and "assistant" not in roles[: roles.index("user")] and "system" not in roles[1:]
    return turns if asks and names > {"user"} and all(said for _, said in turns) else []


def _turns(text: str) -> Turns:
    """The turns of a text; a speaker's name within their own turn is a part of it."""
    found: list[re.Match[str]] = []
    for name in _TURN.finditer(text):
        if not found or SPEAKERS[name[1].lower()] != SPEAKERS[found[-1][1].lower()]:
            found.append(name)
    ends = [*(name.start() for name in found[1:]), len(text)]
    return [(SPEAKERS[n[1].lower()], text[n.end() : end].strip()) for n, end in zip(found, ends, strict=True)]

"""A query of several chat messages, parsed and checked in one place. Standard library only.

A `Conversation` is a text: what people read of it, and what tables, reports and hashes hold. Beside that it has its
messages, for chat templates and servers, and its `request`, which is all that estimators read of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.router.complexity.transcripts import turns_in
from zeta_eval.router.complexity.turns import linked, turn_of

Role = Literal["system", "user", "assistant", "tool"]
ROLES: Final[Mapping[str, Role]] = {
    **{"system": "system", "developer": "system"},
    **{"user": "user", "human": "user"},
    **{"assistant": "assistant", "gpt": "assistant", "model": "assistant", "bot": "assistant", "ai": "assistant"},
    **{"tool": "tool", "function": "tool", "observation": "tool"},
}
"""Who speaks, by the words in use."""

_CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn.

    >>> Message("user", "Hi").told
    'User: Hi'
    """

    role: Role
    """Who speaks."""
    text: str
    """What is said: parts that are no text stand as their type in square brackets."""
    rest: str = "{}"
    """What the message holds beside role and text, as JSON: tool_calls, tool_call_id, name, content in parts."""

    @classmethod
    def of(cls, value: Any) -> Message:
        """Read one, as OpenAI ({"role", "content"}) or ShareGPT ({"from", "value"}) writes it.

        Raises:
            InvalidInputError: it is no message.
        """
        if isinstance(value, Message):
            return value
        if not isinstance(value, Mapping):
            raise InvalidInputError(f"A message is {_kind(value)}; write it as {{'role': 'user', 'content': '...'}}.")
        named = str(value.get("role") or value.get("from") or "")
        if (role := ROLES.get(named.lower())) is None:
            raise InvalidInputError(f"A message has the role {named!r}; give system, user, assistant or tool.")
        content = value.get("content", value.get("value"))
        rest = {k: v for k, v in value.items() if k not in ("role", "from", "content", "value") and v is not None}
        text = _text(content, calls=rest.get("tool_calls"))
        if not isinstance(content, str) and content is not None and not _is_text(content):
            rest["content"] = content
        try:
            return cls(role, text, json.dumps(rest, ensure_ascii=False, allow_nan=False))
        except (TypeError, ValueError) as e:
            raise InvalidInputError(f"A message holds what no JSON can ({e}); give texts, numbers and lists.") from e

    @property
    def told(self) -> str:
        """The turn as people read it."""
        said = "".join(_call(call) for call in json.loads(self.rest).get("tool_calls", ())) if self.rest != "{}" else ""
        return f"{self.role.capitalize()}: {self.text}{said}"

    @property
    def plain(self) -> bool:
        """Whether it is text alone."""
        return '"content"' not in self.rest or "content" not in json.loads(self.rest)

    def as_dict(self) -> dict[str, Any]:
        """The message as chat templates and servers take it."""
        rest: dict[str, Any] = json.loads(self.rest)
        return {"role": self.role, "content": self.text} | rest


class Conversation(str):
    """A query of several messages: a text that also knows its turns.

    Its text is the turns without system messages, each after its speaker's name; of a single turn it is what the user
    says. Two conversations with the same text are the same query.

    >>> talk = Conversation.of(
    ...     [
    ...         {"role": "user", "content": "Prove that there are infinitely many primes."},
    ...         {"role": "assistant", "content": "Suppose there were finitely many."},
    ...         {"role": "user", "content": "continue"},
    ...     ]
    ... )
    >>> talk.request
    'Prove that there are infinitely many primes.'
    >>> print(talk.splitlines()[-1])
    User: continue
    """

    __slots__ = ("messages", "request", "whole")
    messages: tuple[Message, ...]
    """The turns, in order, system messages too."""
    request: str
    """What is asked now, with what that refers to: what estimators read."""
    whole: str
    """All turns, system messages too: what a size must hold."""

    @classmethod
    def of(cls, messages: Iterable[Any]) -> Conversation:
        """Read messages.

        Raises:
            InvalidInputError: no messages, one that is none, or nothing that a user asks.
        """
        if isinstance(messages, Conversation):
            return messages
        if isinstance(messages, str | bytes | Mapping) or not isinstance(messages, Iterable):
            raise InvalidInputError(f"A query must be text, got {type(messages).__name__}; pass text or chat messages.")
        turns = tuple([Message.of(m) for m in messages])
        if not any(m.role == "user" for m in turns):
            raise InvalidInputError("The messages have no user's turn; give what is asked as one.")
        if turns[-1].role in ("assistant", "system"):
            raise InvalidInputError(f"The messages end with the {turns[-1].role}'s turn; end them with what is asked.")
        return cls._made(turns)

    @classmethod
    def from_json(cls, text: str) -> Conversation:
        """Read what `to_json` wrote."""
        return cls.of(json.loads(text))

    @classmethod
    def _made(cls, turns: tuple[Message, ...]) -> Conversation:
        spoken = [m for m in turns if m.role != "system"]
        made = super().__new__(cls, spoken[0].text if len(spoken) == 1 else "\n\n".join(m.told for m in spoken))
        made.messages, made.request = turns, _request([*_told(spoken[0]), *spoken[1:]])
        made.whole = made[:] if len(turns) == 1 else "\n\n".join(m.told for m in turns)
        return made

    @property
    def system(self) -> str:
        """Text of the system messages before all other turns; "" without any."""
        return "\n\n".join(m.text for m in self.messages[: self._leading])

    @property
    def without_system(self) -> str:
        """The same without these; a plain text where a single turn of text is left."""
        rest = self.messages[self._leading :]
        if len(rest) == 1 and rest[0].rest == "{}":
            return rest[0].text
        return self if len(rest) == len(self.messages) else self._made(rest)

    def reworded(self, change: Callable[[str], str]) -> Conversation:
        """The same with other words in the user's last turn."""
        last = max(i for i, m in enumerate(self.messages) if m.role == "user")
        said = replace(self.messages[last], text=change(self.messages[last].text))
        return self._made((*self.messages[:last], said, *self.messages[last + 1 :]))

    @property
    def _leading(self) -> int:
        return next(i for i, m in enumerate(self.messages) if m.role != "system")

    def to_json(self) -> str:
        """The messages as JSON."""
        return json.dumps([m.as_dict() for m in self.messages], ensure_ascii=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return Conversation.from_json, (self.to_json(),)


def as_query(value: Any) -> str:
    """Return a query as text: a text as it is, a list of messages as a `Conversation`.

    Raises:
        InvalidInputError: it is neither.
    """
    return value if isinstance(value, str) else Conversation.of(value)


def request_of(messages: str | Sequence[Mapping[str, Any]]) -> str:
    """Return the text that estimators read of a query, when they are fitted and when they route.

    A text is its own request, unless it is a transcript that begins with "System:", "User:" or "Human:"
    (`zeta_eval.router.complexity.transcripts`), which is read as its messages. Of messages it is the user's last turn.
    Where that turn goes on with an earlier one or is about its answer, it is that one; where it points back at one
    (`zeta_eval.router.complexity.turns`), it stands below that one. The assistant's last code follows, where there is
    some, and what tools have returned since. System messages and all else that was said have no part in it.

    >>> request_of([{"role": "system", "content": "Prove everything."}, {"role": "user", "content": "Hi"}])
    'Hi'
    """
    query = as_query(messages)
    if isinstance(query, Conversation):
        return query.request
    turns = _told(whole := Message("user", query))
    return query if turns[0] is whole else _request(turns)


def messages_of(query: str, system: str = "") -> list[dict[str, Any]]:
    """Return a query as chat messages, after the text of a system message that is not the query's own.

    >>> messages_of("Hi", "Be short.")
    [{'role': 'system', 'content': 'Be short.'}, {'role': 'user', 'content': 'Hi'}]
    """
    own = query.system if isinstance(query, Conversation) else ""
    rest = query.without_system if isinstance(query, Conversation) else query
    first = [{"role": "system", "content": "\n\n".join(filter(None, (system, own)))}] if system or own else []
    turns = rest.messages if isinstance(rest, Conversation) else (Message("user", rest),)
    return [*first, *(m.as_dict() for m in turns)]


def stored(query: str, system: str = "") -> str | None:
    """Messages of a query as tables store them, as JSON; None where its text says it all."""
    talk = query if isinstance(query, Conversation) else None
    if system:
        turns = talk.messages if talk is not None else (Message("user", query),)
        talk = Conversation.of((Message("system", system), *turns))
    if talk is None or (len(talk.messages) == 1 and talk.messages[0].rest == "{}"):
        return None
    return talk.to_json()


def _told(first: Message) -> list[Message]:
    """The turns that a first turn tells of, without system messages: that turn alone where it is no transcript."""
    turns = turns_in(first.text) if first.role == "user" and first.plain else []
    return [Message(ROLES[who], said) for who, said in turns if who != "system"] or [first]


def _request(turns: Sequence[Message]) -> str:
    """What turns ask, without system messages."""
    at = [i for i, m in enumerate(turns) if m.role == "user"]
    texts = [turns[i].text for i in at]
    asked = [i > 0 and turns[i - 1].role == "assistant" and turns[i - 1].text.rstrip()[-1:] in ("?", "？") for i in at]
    parts = [linked(texts, asked)]
    if len(at) > 1 and turn_of(texts[-1], asked=asked[-1]) in ("is about", "points back") and "```" not in parts[0]:
        code = [c for m in turns[: at[-1]] if m.role == "assistant" for c in _CODE.findall(m.text)]
        parts += code[-1:]
    parts += [m.text for m in turns[at[-1] :] if m.role == "tool"]
    return "\n\n".join(filter(None, parts))


def _text(content: Any, *, calls: Any) -> str:
    """Text of a message's content; a message that calls tools may have none."""
    if isinstance(content, str):
        return content
    if content is None and calls:
        return ""
    if not isinstance(content, Iterable) or isinstance(content, bytes | Mapping):
        raise InvalidInputError(f"A message's content is {_kind(content)}; give a text, or a list of parts.")
    return "\n".join(_part(part) for part in content)


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Mapping):
        text = part.get("text")
        return text if isinstance(text, str) else f"[{part.get('type') or next(iter(part), 'part')}]"
    raise InvalidInputError(f"A part of a message is {_kind(part)}; give {{'type': 'text', 'text': '...'}}.")


def _is_text(content: Any) -> bool:
    return all(isinstance(p, str) or (isinstance(p, Mapping) and isinstance(p.get("text"), str)) for p in content)


def _call(call: Any) -> str:
    """A call of a tool, as people read it."""
    function = call.get("function", call) if isinstance(call, Mapping) else {}
    return f"\n[calls {function.get('name', '?')} {function.get('arguments', '')}]"


def _kind(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"

"""What a request asks: its body parsed once, the query to judge, the model, and the terms in its headers."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.models import Completion
from zeta_eval.router.complexity.message_lists import asked_in
from zeta_eval.serving.errors import ApiError, PassedOverError
from zeta_eval.serving.exchange import Exchange

Kind = Literal["chat", "completion"]
MOST_NAME: Final = 256
"""Most characters of a session's or a task's name."""
MOST_MESSAGES: Final = 1000
"""Latest messages of a conversation that are judged; the model gets all."""
MOST_PARTS: Final = 1000
"""Latest parts of these messages' contents that are judged."""

SESSION: Final = b"x-zeta-session"
"""Header with the name of the conversation that a request is a turn of."""
TASK: Final = b"x-zeta-task"
"""Header with the name of the query's task."""
DEADLINE: Final = b"x-zeta-deadline-s"
"""Header with the most seconds that an answer may take; the server's own limit counts where it is shorter."""


@dataclass(kw_only=True, slots=True)
class Asked:
    """One request for an answer, and what has come of it so far."""

    kind: Kind
    """Messages of a chat, or a text to go on with."""
    body: dict[str, Any]
    """The request as it came."""
    query: str
    """What is judged: the text, or a `Conversation`."""
    stream: bool
    """Whether the answer comes in pieces."""
    session: str | None = None
    """Name of the conversation."""
    task: str | None = None
    """Name of the task."""
    cost_weight: float | None = None
    """Cost weight of the choice; None takes the policy's own."""
    answers: list[tuple[str, Completion]] = field(default_factory=list)
    """Every size that was called and answered, with its answer."""
    troubles: list[PassedOverError] = field(default_factory=list)
    """Why sizes were passed over."""

    @property
    def wants_usage(self) -> bool:
        """Whether a streamed answer is to end with its counts of tokens."""
        options = self.body.get("stream_options")
        return isinstance(options, dict) and bool(options.get("include_usage"))


def parsed(raw: bytes) -> dict[str, Any]:
    """A request's body as data.

    Raises:
        ApiError: 400, it is no JSON object.
    """
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as e:
        raise ApiError(400, f"The body is no JSON ({e}); send an object as OpenAI's API takes it.") from e
    if not isinstance(data, dict):
        raise ApiError(400, "The body is no JSON object; send one as OpenAI's API takes it.")
    return data


def asked(kind: Kind, body: dict[str, Any], exchange: Exchange) -> Asked:
    """Read a request.

    Raises:
        ApiError: 400, it asks nothing.
    """
    stream = body.get("stream")
    if not (stream is None or isinstance(stream, bool)):
        raise ApiError(400, "`stream` is no boolean; give true or false.", param="stream")
    return Asked(
        kind=kind,
        body=body,
        query=_query(body.get("messages")) if kind == "chat" else _text(body.get("prompt")),
        stream=stream is True,
        session=_name(exchange, SESSION),
        task=_name(exchange, TASK),
    )


def deadline(exchange: Exchange, longest_s: float) -> float:
    """Most seconds that an answer may take.

    Raises:
        ApiError: 400, the header holds no number of seconds.
    """
    if (told := exchange.header(DEADLINE)) is None:
        return longest_s
    try:
        seconds = float(told)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise ApiError(400, f"The header {DEADLINE.decode()} is {told!r}; give a number of seconds above 0.")
    return min(seconds, longest_s)


def _name(exchange: Exchange, header: bytes) -> str | None:
    """The name in a header, which is remembered."""
    name = exchange.header(header)
    if name is not None and len(name) > MOST_NAME:
        raise ApiError(400, f"The header {header.decode()} has {len(name)} characters; {MOST_NAME} are the most.")
    return name


def _query(messages: Any) -> str:
    """The query that messages ask; "" where they are none that can be judged, which their server may still take."""
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise ApiError(400, '`messages` is no list of messages; give [{"role": "user", ...}].', param="messages")
    first = messages[0]
    if len(messages) == 1 and first.get("role") == "user" and isinstance(first.get("content"), str):
        text: str = first["content"]
        return text
    spoken = len(messages)
    while spoken and messages[spoken - 1].get("role") in ("system", "developer"):
        spoken -= 1
    try:
        return asked_in(_judged(messages[max(0, spoken - MOST_MESSAGES) : spoken]))
    except (InvalidInputError, AttributeError, TypeError, RecursionError):
        return ""


def _judged(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages with the latest parts of their contents."""
    found, left = list[dict[str, Any]](), MOST_PARTS
    for message in reversed(messages):
        content = message.get("content")
        if isinstance(content, list):
            if left <= 0:
                break
            if len(content) > left:
                message = {**message, "content": content[-left:]}
            left -= len(content)
        found.append(message)
    return found[::-1]


def _text(prompt: Any) -> str:
    """The text of a prompt; "" for tokens, which nobody here can read."""
    if isinstance(prompt, str):
        return prompt
    if not isinstance(prompt, list) or not prompt:
        raise ApiError(400, "`prompt` is no text; give one, or a list of them.", param="prompt")
    return "\n\n".join(prompt) if all(isinstance(p, str) for p in prompt) else ""

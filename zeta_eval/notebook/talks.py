"""Conversations of a notebook: which earlier turns a cell carries on from."""

from collections.abc import Sequence
from dataclasses import dataclass

from zeta_eval.exceptions import UnknownNameError
from zeta_eval.router import Conversation
from zeta_eval.router.complexity.conversation import Message

LAST = ""
"""Stands for the conversation of the cell that was answered last."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """What a cell asks, with what was said before."""

    text: str
    """Text of the cell."""
    talk: str
    """Name of its conversation."""
    earlier: tuple[Message, ...]
    """The turns before it that are sent."""
    number: int
    """Its place in the conversation, from 1."""
    named: bool
    """Whether the user named the conversation."""

    @property
    def query(self) -> str:
        """What is asked: the text, or a conversation where there are turns before it."""
        return Conversation.of((*self.earlier, Message("user", self.text))) if self.earlier else self.text

    @property
    def place(self) -> str:
        """Which turn it is, in words."""
        whose = f" of '{self.talk}'" if self.named else ""
        if self.number == 1:
            return f"turn 1{whose}" if self.named else "stands alone"
        sent = len(self.earlier) // 2
        left = "" if sent == self.number - 1 else f", the last {sent} before it sent"
        return f"turn {self.number}{whose}{left}"


class Talks:
    """The conversations of a notebook, by name; a cell that stands alone begins one without a name."""

    def __init__(self) -> None:
        """Start without any."""
        self._said: dict[str, tuple[Message, ...]] = {}
        self._last: str | None = None
        self._count = 0

    def turn(self, text: str, name: str | None, *, most: int) -> Turn:
        """The turn that a text is in a conversation: one by name, the `LAST` one, or None for one of its own.

        `most` is how many question-answer pairs before it are sent.
        """
        talk = self._last if name == LAST else name
        named = talk is not None and not talk.startswith("cell ")
        if talk is None:
            self._count += 1
            talk = f"cell {self._count}"
        said = self._said.get(talk, ())
        earlier = said[-2 * most :] if most else ()
        return Turn(text=text, talk=talk, earlier=earlier, number=len(said) // 2 + 1, named=named)

    def answered(self, turn: Turn, answer: str) -> None:
        """Keep a turn with its answer; the next cell may carry on from it."""
        said = (Message("user", turn.text), Message("assistant", answer))
        self._said[turn.talk] = (*self._said.get(turn.talk, ()), *said)
        self._last = turn.talk

    def reset(self, name: str | None = None) -> Sequence[str]:
        """Forget a conversation, or all of them; returns the names of those forgotten.

        Raises:
            UnknownNameError: there is none of that name.
        """
        if name is not None and name not in self._said:
            raise UnknownNameError("conversation", name, [talk for talk in self._said if not talk.startswith("cell ")])
        gone = list(self._said) if name is None else [name]
        for talk in gone:
            del self._said[talk]
        if self._last in gone:
            self._last = None
        return gone

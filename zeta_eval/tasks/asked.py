"""Prompts that a model reads word for word, and given answers that it weighs instead of writing one.

They are those of lm-evaluation-harness, whose figures depend on every character. Other queries have a plain prompt.
"""

from dataclasses import dataclass

Turn = tuple[str, str]
"""Role and text of a turn of a conversation: "system", "user" or "assistant"."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """What a model reads, and the text that it weighs behind that."""

    text: str = ""
    """The text, where there are no turns."""
    turns: tuple[Turn, ...] = ()
    """The turns of a conversation; a last one of the assistant is the beginning of the answer."""
    ending: str = ""
    """The given answer whose probability is asked for; "" where an answer is written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a query asks a model in place of its prompt.

    >>> Asked(plain=(Piece(text="2 + 2 =", ending=" 4"), Piece(text="2 + 2 =", ending=" 5")), weighs=True).text
    '2 + 2 = 4 2 + 2 = 5'
    """

    plain: tuple[Piece, ...]
    """For models without a chat template: one piece for a written answer, one for each answer that is weighed."""
    chat: tuple[Piece, ...] = ()
    """For models with a chat template; none where they read the plain text, too."""
    weighs: bool = False
    """Whether given answers are weighed: the response is then JSON, a pair of log-probability and "is it the likeliest
    text" for each piece."""
    graded: str = ""
    """What is the score: part of what tells runs apart."""

    def pieces(self, *, chat: bool) -> tuple[Piece, ...]:
        """The pieces for a model with or without a chat template."""
        return self.chat if chat and self.chat else self.plain

    @property
    def text(self) -> str:
        """All that is read as plain text."""
        return " ".join(piece.text + piece.ending for piece in self.plain)

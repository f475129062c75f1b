"""Whether a size can hold a query with its answer, told without a tokenizer. Standard library only.

A tokenizer needs its vocabulary, which no policy file carries. So tokens are estimated, on the safe side, from the
bytes of a text in UTF-8: ASCII letters and blanks, of which a token takes several; ASCII digits and signs, of which it
often takes one; and the bytes of all other characters, of which it takes about as many in every script.
"""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from zeta_eval.exceptions import PolicyError
from zeta_eval.router.complexity.conversation import Conversation
from zeta_eval.router.estimators.tables import finite

ANSWER_TOKENS: Final = 512
"""Room that is kept for an answer where nothing is known of answers; a quarter of a context where that is less."""

_OTHER = bytes(range(128, 256))
_LETTERS = (string.ascii_letters + string.whitespace).encode()


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenRates:
    """How many tokens a text takes at most, nearly always.

    >>> rates = TokenRates()
    >>> round(rates.of("What is the capital of France?"))
    42
    >>> rates.of("法国的首都") - rates.of("")  # five characters of three bytes
    7.5
    """

    letters: float = 0.3
    """Tokens per ASCII letter or blank."""
    signs: float = 1.0
    """Tokens per ASCII digit or sign."""
    other: float = 0.5
    """Tokens per byte, in UTF-8, of any other character."""
    extra: float = 32.0
    """Tokens that a chat template adds."""

    def __post_init__(self) -> None:
        values = (self.letters, self.signs, self.other, self.extra)
        if not finite(*values) or min(values) < 0:
            raise PolicyError(f"The tokens per character are {values}; give finite numbers of at least 0.")

    def of(self, text: str) -> float:
        """Return about how many tokens a text takes as a prompt."""
        return float(self.count(*characters(text)))

    def count(self, letters: Any, signs: Any, other: Any) -> Any:
        """Return the tokens for these numbers of characters and bytes (see `characters`), numbers or arrays."""
        return self.extra + self.letters * letters + self.signs * signs + self.other * other

    def most(self, length: int) -> float:
        """Return more tokens than any text of so many characters takes."""
        return self.extra + length * max(self.letters, self.signs, 4 * self.other) + 1.0


class Sized(Protocol):
    """A size with what it can hold; `zeta_eval.router.policy.Rung` is one."""

    @property
    def context(self) -> int | None:
        """Most tokens of prompt and answer together; None where it is not known."""

    @property
    def room(self) -> float | None:
        """Most tokens of a prompt, beside the answer; None where it is not known."""


class Fit(NamedTuple):
    """Which sizes may take a query that is too long for some."""

    tokens: float
    """About how many tokens the query takes as a prompt."""
    held: tuple[int, ...]
    """Indices of the sizes that can hold the query with its answer, ascending."""
    allowed: tuple[int, ...]
    """The same, or the size with the largest context where none can."""


def characters(text: str) -> tuple[int, int, int]:
    """Return a text's ASCII letters and blanks, its other ASCII characters, and the bytes of all others in UTF-8.

    Of a conversation all turns count, system messages too.
    """
    text = _held(text)
    data = text.encode("utf-8", "surrogatepass")
    plain = data if len(data) == len(text) else data.translate(None, _OTHER)
    signs = len(plain.translate(None, _LETTERS))
    return len(plain) - signs, signs, len(data) - len(plain)


def _held(text: str) -> str:
    """What a size must hold of a query: of a conversation all turns."""
    return text.whole if isinstance(text, Conversation) else text


def room(context: int | None, answer_tokens: float | None) -> float | None:
    """Return the most tokens that a prompt may take in a context, beside the answer; None where it is not known."""
    if context is None:
        return None
    return context - (min(ANSWER_TOKENS, context / 4) if answer_tokens is None else answer_tokens)


def fit(text: str, sizes: Sequence[Sized], rates: TokenRates) -> Fit | None:
    """Return which sizes may take a text; None where all of them can hold it.

    A size of which no context is known is taken to hold everything.
    """
    rooms = [size.room for size in sizes]
    known = [x for x in rooms if x is not None]
    if not known:
        return None
    if rates.most(len(_held(text))) <= min(known):
        return None
    tokens = rates.of(text)
    held = tuple([i for i, x in enumerate(rooms) if x is None or tokens <= x])
    return None if len(held) == len(sizes) else Fit(tokens=tokens, held=held, allowed=held or (largest(sizes),))


def largest(sizes: Sequence[Sized]) -> int:
    """Return the index of the size with the largest context, the last one of several; all contexts are known."""
    return max(range(len(sizes)), key=lambda i: (sizes[i].context or 0, i))

"""One pass over a query's text: words, numbers, signs and cue words, for the features to count."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from zeta_eval.router.complexity.conversation import request_of
from zeta_eval.router.complexity.languages import CUES
from zeta_eval.router.complexity.scripts import (
    CUE_OF,
    LETTERS_A_WORD,
    ascii_digits,
    block,
    cue_of,
    cues_within,
    is_tight,
    pairs,
    plain_sign,
    runs,
    tokens,
)

__all__ = ["CUES", "CUE_OF", "LIMIT", "TextView"]

LIMIT = 4000
"""Longer texts are read at their first and last LIMIT characters only."""

_NUMBER = re.compile(r"[0-9]+(?:[.,][0-9]+)*")
_INNER = re.compile(r"[.,](?<=[0-9].)(?=[0-9])")
"""A point or comma of a number, as in 1,234.5."""
_LETTERS = bytes(ord(chr(c).lower()) if chr(c).isalpha() else ord(" ") for c in range(128)).ljust(256)
"""Small letter of each ASCII letter, a space for all else."""
_OTHERS = bytes(ord(" ") if re.match(r"[^\W\d]|\s", chr(c)) else c for c in range(128)).ljust(256)
"""ASCII digits and signs as they are, a space for all else."""
_NO_SIGNS = b"0123456789 "
_TIMES = re.compile(r"\d\s*[xX]\s*\d")
_SIGNS = {
    "+": "addition",
    "-": "subtraction",
    "*": "multiplication",
    "\u00d7": "multiplication",
    "\u00b7": "multiplication",
    "/": "division",
    "\u00f7": "division",
}


@dataclass(frozen=True)
class TextView:
    """Words, numbers and signs of a text."""

    text: str
    """The text read (first and last LIMIT characters of a long one)."""
    characters: int
    """Characters of the whole text."""
    words: list[str]
    """Runs of letters, in order, in lower case; pairs of characters where the script puts no spaces."""
    numbers: list[str]
    """Runs of digits with inner points and commas, in order, the digits of any script as 0 to 9."""
    symbols: str
    """Single characters that are neither letters, digits nor spaces; common signs of any script in ASCII."""
    cues: dict[str, int]
    """Occurrences of each cue's words, and of its sign where there are numbers; absent means 0."""
    longest_word: int
    """Letters of the longest word that stands between spaces."""
    digits: tuple[int, int]
    """Digits of the longest and the second longest number."""
    size: float
    """Characters of the whole text, one of a dense script counted as the letters that say as much."""
    length: float
    """Words of the text read; a script without spaces counts a word per `LETTERS_A_WORD` letters' worth."""
    letters: float
    """Letters of the text read, counted likewise."""
    foreign: float
    """Those of the letters that are not Latin."""
    scripts: int
    """Scripts that the letters are of."""

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """Distinct words, numbers and signs, in the order in which they first stand; a number counts by its digits."""
        shapes = ["0" * min(length, 5) for length in dict.fromkeys(map(len, self.numbers))]
        return tuple(dict.fromkeys([*self.words, *shapes, *self.symbols]))

    @classmethod
    def of(cls, text: str) -> TextView:
        """Read what is asked: a text, of a conversation its request."""
        text = request_of(text)
        characters = len(text)
        if characters > 2 * LIMIT:
            text = text[:LIMIT] + "\n" + text[-LIMIT:]
        found = _Found()
        longest = found.plain(text) if text.isascii() else found.wide(text)
        bare = " ".join(found.numbers).replace(",", "").replace(".", "").split()
        first, second, *_ = *sorted(map(len, bare), reverse=True), 0, 0
        found.count_signs(text)
        length, letters = found.length + len(found.words), found.letters + len("".join(found.words))
        return cls(
            text,
            characters,
            found.words + found.pairs if found.pairs else found.words,
            found.numbers,
            found.symbols,
            found.cues,
            longest,
            (first, second),
            characters + found.extra * characters / len(text) if found.extra else characters,
            length,
            letters,
            found.foreign,
            len(found.scripts) if found.scripts else 1,
        )


@dataclass(slots=True)
class _Found:
    """What was found in a text so far."""

    words: list[str] = field(default_factory=list)
    pairs: list[str] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)
    symbols: str = ""
    cues: dict[str, int] = field(default_factory=dict)
    scripts: set[str] = field(default_factory=set)
    length: float = 0.0
    """Words' worth of the runs without spaces."""
    letters: float = 0.0
    """Letters' worth beyond the number of letters in `words`."""
    extra: float = 0.0
    """Letters' worth beyond the number of letters in all."""
    foreign: float = 0.0

    def plain(self, text: str) -> int:
        """Read an ASCII text; returns the letters of its longest word."""
        raw = text.encode("ascii")  # whole tables at once: a loop over the tokens takes twice as long
        self.words = raw.translate(_LETTERS).decode("ascii").split()
        others = " ".join(raw.translate(_OTHERS).decode("ascii").split())
        self.numbers = _NUMBER.findall(others)
        signs = _INNER.sub("", others) if self.numbers else others
        self.symbols = signs.encode("ascii").translate(None, _NO_SIGNS).decode("ascii")
        self._count(map(CUE_OF.get, self.words))
        return max(map(len, self.words), default=0)

    def _count(self, found: Iterable[str | None]) -> None:
        """Count cues; None is none."""
        cues = self.cues
        for cue in filter(None, found):
            cues[cue] = cues.get(cue, 0) + 1

    def wide(self, text: str) -> int:
        """Read a text in any script; returns the letters of its longest word between spaces."""
        longest = 0
        for token in tokens().findall(text.lower()):
            first = token[0]
            if first.isdecimal():
                self.numbers.append(token if token.isascii() else ascii_digits(token))
            elif len(token) == 1 and not first.isalpha() and not is_tight(first):
                self.symbols += token if token.isascii() else plain_sign(token)
            elif token.isascii():
                self._word(token, CUE_OF.get(token), "latin", 0.0)
                longest = max(longest, len(token))
            elif is_tight(first):
                self._run(token)
            else:
                script, weight = block(first)
                self._word(token, cue_of(token), script, weight * len(token))
                longest = max(longest, len(token))
        return longest

    def _word(self, word: str, cue: str | None, script: str, worth: float) -> None:
        """Take a word between spaces; `worth` is 0 for an ASCII word."""
        self.words.append(word)
        self.scripts.add(script)
        if cue is not None:
            self.cues[cue] = self.cues.get(cue, 0) + 1
        if script != "latin":
            self.letters += worth - len(word)
            self.extra += worth - len(word)
            self.foreign += worth

    def _run(self, run: str) -> None:
        """Take a run of a script, or scripts, without spaces."""
        self._count(cues_within(run))
        for part, script, worth in runs(run):
            self.pairs += pairs(part)
            self.scripts.add(script)
            self.length += worth / LETTERS_A_WORD
            self.letters += worth
            self.extra += worth - len(part)
            self.foreign += worth

    def count_signs(self, text: str) -> None:
        """Count signs of arithmetic, which stand for their cues among numbers: elsewhere a hyphen is no minus."""
        if not self.numbers:
            return
        self._count(map(_SIGNS.get, self.symbols))
        if "x" in self.words and (times := len(_TIMES.findall(text))):
            self.cues["multiplication"] = self.cues.get("multiplication", 0) + times

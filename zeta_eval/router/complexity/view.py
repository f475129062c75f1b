"""One pass over a query's text: words, numbers, signs and cue words, for the features to count."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

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

_TOKEN = re.compile(r"[^\W\d_]+|\d+(?:[.,]\d+)*|[^\w\s]")
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
    symbols: list[str]
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
        shapes = ["0" * min(len(number), 5) for number in self.numbers]
        return tuple(dict.fromkeys((*self.words, *shapes, *self.symbols)))

    @classmethod
    def of(cls, text: str) -> TextView:
        """Read a text."""
        characters = len(text)
        if characters > 2 * LIMIT:
            text = text[:LIMIT] + "\n" + text[-LIMIT:]
        found = _Found()
        longest = found.plain(text) if text.isascii() else found.wide(text)
        first = second = 0
        for number in found.numbers:
            if (size := len(number) if number.isdigit() else sum(map(str.isdigit, number))) > first:
                first, second = size, first
            elif size > second:
                second = size
        found.count_signs(text)
        length, letters = found.length + len(found.words), found.letters + sum(map(len, found.words))
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
    symbols: list[str] = field(default_factory=list)
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
        words, numbers, symbols, cues = self.words, self.numbers, self.symbols, self.cues
        longest = 0
        for token in _TOKEN.findall(text.lower()):
            if token.isalpha():
                if len(token) > longest:
                    longest = len(token)
                words.append(token)
                if (cue := CUE_OF.get(token)) is not None:
                    cues[cue] = cues.get(cue, 0) + 1
            elif token[0].isdigit():
                numbers.append(token)
            else:
                symbols.append(token)
        return longest

    def wide(self, text: str) -> int:
        """Read a text in any script; returns the letters of its longest word between spaces."""
        longest = 0
        for token in tokens().findall(text.lower()):
            first = token[0]
            if first.isdecimal():
                self.numbers.append(token if token.isascii() else ascii_digits(token))
            elif len(token) == 1 and not first.isalpha() and not is_tight(first):
                self.symbols.append(token if token.isascii() else plain_sign(token))
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
        for cue in cues_within(run):
            self.cues[cue] = self.cues.get(cue, 0) + 1
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
        for symbol in self.symbols:
            if (cue := _SIGNS.get(symbol)) is not None:
                self.cues[cue] = self.cues.get(cue, 0) + 1
        if "x" in self.words and (times := len(_TIMES.findall(text))):
            self.cues["multiplication"] = self.cues.get("multiplication", 0) + times

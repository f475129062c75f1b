"""One pass over a query's text: words, numbers, signs and cue words, for the features to count."""

from __future__ import annotations

import re
from dataclasses import dataclass

LIMIT = 4000
"""Longer texts are read at their first and last LIMIT characters only."""

_TOKEN = re.compile(r"[^\W\d_]+|\d+(?:[.,]\d+)*|[^\w\s]")

_CUES = {
    "addition": "add plus sum total altogether combined more increase",
    "subtraction": "subtract minus difference lose left remain remaining fewer less decrease take away",
    "multiplication": "multiply times product each per every twice double triple squared",
    "division": "divide divided quotient ratio split half share average mean",
    "comparison": "larger largest smaller smallest greater greatest maximum minimum bigger compare highest "
    "lowest better",
    "ordering": "sort sorted order ordered rank arrange alphabet alphabetical ascending descending",
    "counting": "count often many number frequency occurrences",
    "reversal": "reverse reversed backwards backward around inverse end",
    "copying": "copy repeat again read same quote verbatim",
    "stepwise": "step steps then next finally first second third right go work start sequence",
    "reasoning": "why prove proof explain derive show justify argue reason because therefore imply implies analyze "
    "analyse evaluate infer deduce conclude design",
    "mathematics": "integral matrix theorem function equation polynomial probability derivative vector prime integer "
    "triangle angle circle root sqrt frac modulo remainder divisible variable solve calculate compute value digit",
    "science": "energy force mass velocity acceleration temperature pressure molecule acid electron protein cell gene "
    "enzyme reaction atom wave current voltage entropy orbit species",
    "society": "law court contract plaintiff defendant market price demand economy tax policy government war treaty "
    "philosophy ethics moral company management consumer",
    "code": "def return print class import python javascript java sql function code program algorithm array string "
    "loop bug compile regex",
    "condition": "if unless suppose assume given when whether provided otherwise except",
    "negation": "not no never none neither nor cannot without false incorrect",
    "quantity": "percent percentage dollars cost hours minutes days weeks years miles meters km kg pounds coins boxes",
    "recall": "who where capital define name called known list which",
    "writing": "write essay story poem summarize summarise translate rewrite email letter paragraph",
}
CUE_OF = {word: cue for cue, words in _CUES.items() for word in words.split()}
"""Cue of each cue word, lower case."""
CUES = tuple(_CUES)
"""Names of the cues."""

_SIGNS = {"+": "addition", "-": "subtraction", "*": "multiplication", "\u00d7": "multiplication", "/": "division"}


@dataclass(frozen=True, slots=True)
class TextView:
    """Words, numbers and signs of a text."""

    text: str
    """The text read (first and last LIMIT characters of a long one)."""
    characters: int
    """Characters of the whole text."""
    words: list[str]
    """Runs of letters, in order, in lower case."""
    numbers: list[str]
    """Runs of digits with inner points and commas, in order."""
    symbols: list[str]
    """Single characters that are neither letters, digits nor spaces."""
    cues: dict[str, int]
    """Occurrences of each cue's words, and of its sign where there are numbers; absent means 0."""
    longest_word: int
    """Letters of the longest word."""
    digits: tuple[int, int]
    """Digits of the longest and the second longest number."""

    @property
    def vocabulary(self) -> list[str]:
        """Words and symbols, repeated as in the text: they tell one kind of text from another."""
        return self.words + self.symbols

    @classmethod
    def of(cls, text: str) -> TextView:
        """Read a text."""
        characters = len(text)
        if characters > 2 * LIMIT:
            text = text[:LIMIT] + "\n" + text[-LIMIT:]
        words: list[str] = []
        numbers: list[str] = []
        symbols: list[str] = []
        cues: dict[str, int] = {}
        longest = first = second = 0
        for token in _TOKEN.findall(text):
            if token.isalpha():
                if len(token) > longest:
                    longest = len(token)
                token = token.lower()
                words.append(token)
                if (cue := CUE_OF.get(token)) is not None:
                    cues[cue] = cues.get(cue, 0) + 1
            elif token[0].isdigit():
                numbers.append(token)
                if (size := len(token)) > first:
                    first, second = size, first
                elif size > second:
                    second = size
            else:
                symbols.append(token)
        if numbers:  # without numbers a hyphen is no minus
            for symbol in symbols:
                if (cue := _SIGNS.get(symbol)) is not None:
                    cues[cue] = cues.get(cue, 0) + 1
        return cls(text, characters, words, numbers, symbols, cues, longest, (first, second))

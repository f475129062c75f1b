"""Words and numbers in any script: how a text with more than ASCII is cut, and which cue its words give.

Words are runs of letters with their marks. Scripts without spaces give pairs of neighbouring characters instead, within
a run of one script. A character of a dense script says as much as several letters, which `weight` counts.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import pairwise

from zeta_eval.router.complexity.languages import CUES, LANGUAGES

LETTERS_A_WORD = 5.0
"""Letters that are taken for one word in scripts without spaces."""

_BLOCKS = (
    (0x0000, "latin", 1.0),
    (0x0370, "greek", 1.0),
    (0x0400, "cyrillic", 1.0),
    (0x0530, "armenian", 1.0),
    (0x0590, "hebrew", 1.3),
    (0x0600, "arabic", 1.3),
    (0x0780, "other", 1.0),
    (0x0900, "indic", 1.0),
    (0x0E00, "thai", 1.0),
    (0x0F00, "other", 1.0),
    (0x1000, "burmese", 1.0),
    (0x10A0, "georgian", 1.0),
    (0x1100, "hangul", 1.0),
    (0x1200, "other", 1.0),
    (0x1780, "khmer", 1.0),
    (0x1800, "other", 1.0),
    (0x1E00, "latin", 1.0),
    (0x1F00, "greek", 1.0),
    (0x2000, "other", 1.0),
    (0x2C60, "latin", 1.0),
    (0x2C80, "other", 1.0),
    (0x3005, "han", 3.0),
    (0x3040, "hiragana", 1.5),
    (0x30A0, "katakana", 1.5),
    (0x3100, "other", 1.0),
    (0x3130, "hangul", 2.0),
    (0x31F0, "katakana", 1.5),
    (0x3400, "han", 3.0),
    (0xA000, "other", 1.0),
    (0xAC00, "hangul", 2.0),
    (0xD7B0, "other", 1.0),
    (0xF900, "han", 3.0),
    (0xFB00, "other", 1.0),
    (0xFB50, "arabic", 1.3),
    (0xFE00, "other", 1.0),
    (0xFF21, "latin", 1.0),
    (0xFF66, "katakana", 1.5),
    (0xFFA0, "other", 1.0),
    (0x20000, "han", 3.0),
    (0x323B0, "other", 1.0),
)
"""First code point, script, and letters that a character of it is worth; roughly Unicode's blocks (Blocks.txt)."""
_STARTS = [start for start, _, _ in _BLOCKS]

_TIGHT = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ebd\u0ec0-\u0ece\u1000-\u103f\u1050-\u108f\u1780-\u17d3\u3005-\u3007\u3041-\u3096"
    "\u3099-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U000323af"
)
"""Characters of scripts that put no spaces between words, as a class of a regular expression."""

_PLAIN_SIGNS = str.maketrans("。．、，،؟？！।；：（）［］｛｝＋－−＊∙⋅＝＜＞＄％", "..,,,??!.;:()[]{}+--*··=<>$%")
_ACCENTS = {code: None for code in (*range(0x0300, 0x0363), *range(0x064B, 0x0656), 0x0640, 0x0670)} | {0x0131: "i"}


@lru_cache(maxsize=8192)
def block(character: str) -> tuple[str, float]:
    """Script of a character, and letters that it is worth."""
    _, script, weight = _BLOCKS[bisect_right(_STARTS, ord(character)) - 1]
    return script, weight


@cache
def tokens() -> re.Pattern[str]:
    """Pattern of the tokens of a text in any script; made at the first such text."""
    marks = "".join(c for c in map(chr, range(0x0300, 0x1B00)) if unicodedata.category(c)[0] == "M") + "\u200c\u200d"
    letter = rf"[^\W\d_{_TIGHT}]+"
    return re.compile(
        rf"[{_TIGHT}]+|{letter}(?:[{marks}]+(?:{letter})?)*|\d+(?:[.,\u066b\u066c\uff0c\uff0e]\d+)*|[^\w\s]"
    )


def ascii_digits(number: str) -> str:
    """A number with the digits of any script as 0 to 9, and its points and commas as "." and ","."""
    return "".join(
        c if c in ".," else "." if c in "\u066b\uff0e" else "," if c in "\u066c\uff0c" else str(unicodedata.digit(c, 0))
        for c in number
    )


def plain_sign(sign: str) -> str:
    """A sign's ASCII form where there is one: the full-width, Chinese, Arabic and Hindi question mark is a "?"."""
    return sign.translate(_PLAIN_SIGNS)


def fold(word: str) -> str:
    """A word in small letters without accents, vowel points and full-width forms, as `cue_of` compares words."""
    bare = unicodedata.normalize("NFKD", word.casefold()).translate(_ACCENTS)
    return unicodedata.normalize("NFC", bare)


def is_tight(character: str) -> bool:
    """Whether a character belongs to a script without spaces."""
    return block(character)[0] in ("han", "hiragana", "katakana", "thai", "burmese", "khmer")


def runs(text: str) -> Iterator[tuple[str, str, float]]:
    """Parts of a run without spaces that are of one script each: part, script, and letters it is worth."""
    start, (script, weight) = 0, block(text[0])
    for i, c in enumerate(text):
        if i and block(c)[0] != script:
            yield text[start:i], script, weight * (i - start)
            start, (script, weight) = i, block(c)
    yield text[start:], script, weight * (len(text) - start)


def pairs(part: str) -> list[str]:
    """Neighbouring characters of a part, two by two; a single character stands alone."""
    return [a + b for a, b in pairwise(part)] or [part]


def _table(*languages: str) -> dict[str, str]:
    return {
        fold(word): cue
        for language in reversed(languages)
        for cue, words in LANGUAGES[language].items()
        for word in words.split()
    }


CUE_OF = _table("en", "es", "fr", "de", "pt", "it", "tr")
"""Cue of each cue word in Latin letters, folded."""
assert set(CUE_OF.values()) <= set(CUES)


@cache
def _beginnings() -> dict[str, str]:
    return _table("ru", "ar", "hi", "ko")


@cache
def _pieces() -> dict[str, dict[str, str]]:
    """By its first character, the cue words of scripts without spaces."""
    found: dict[str, dict[str, str]] = {}
    for word, cue in _table("zh", "ja", "th").items():
        found.setdefault(word[0], {})[word] = cue
    return {c: dict(sorted(words.items(), key=lambda pair: -len(pair[0]))) for c, words in found.items()}


def cue_of(word: str) -> str | None:
    """Cue of a word of a script with spaces, by the word or, in scripts other than Latin, by its beginning."""
    folded = fold(word)
    if folded.isascii():
        return CUE_OF.get(folded)
    beginnings = _beginnings()
    bare = folded.removeprefix("و").removeprefix("ال")
    for n in range(min(len(bare), 12), 0, -1):
        if (cue := beginnings.get(bare[:n])) is not None and (n > 2 or n == len(bare) or bare[0] >= "\u1100"):
            return cue
    return beginnings.get(folded)


def cues_within(run: str) -> Iterator[str]:
    """Cues of the words in a run without spaces, the longest word at each place."""
    pieces, run = _pieces(), unicodedata.normalize("NFKC", run)
    i, n = 0, len(run)
    while i < n:
        for word, cue in pieces.get(run[i], {}).items():
            if (len(word) > 1 or i == 0) and run.startswith(word, i):
                yield cue
                i += len(word) - 1
                break
        i += 1

"""What a turn of a conversation asks, told from its words: work of its own, or to go on with earlier work.

"Continue" goes on with a request, "why?" and "fix it" are about its answer: they add nothing to what it asks for. "And
in German?" or "QWERT", the answer to a question, say nothing without the request that they point back at, and add to
it. All other turns stand for themselves.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Final, Literal

from zeta_eval.router.complexity import turn_words
from zeta_eval.router.complexity.languages import CUES
from zeta_eval.router.complexity.scripts import LETTERS_A_WORD, block, cue_of, cues_within, fold, is_tight, tokens

Turn = Literal["goes on", "is about", "points back", "stands"]

BRIEF: Final = 12.0
"""Words of the longest turn that a pointing word ties to earlier turns."""

SHORT: Final = 4.0
"""Words up to which a turn that names no work of its own is taken for part of what was asked before."""

READ: Final = 400
"""Longer turns, in characters, stand for themselves without being read."""

LINKED: Final = 3
"""Most turns that are joined to the one that they point back at, the newest ones."""

PAIR: Final = 2.0
"""Words up to which a turn that begins with one of `turn_words.LAST` points back, too."""

_NO_WORK: Final = ("courtesy", "negation", "condition", "variables", "stepwise", "comparison", "quantity")
WORK: Final = frozenset(CUES) - set(_NO_WORK)
"""Cues of work, by which a short turn stands for itself."""

ABOUT: Final = ("editing", "reasoning", "copying", "writing")
"""Cues of work on an answer that was given: a turn with no other work than these is about that answer."""

_PAYLOAD = re.compile(r"[:：\n\"“”„«»「『`]\s*\S|\d\s*[-+*/×·÷^=xX]\s*\d")
"""A text to work on, or a sum: it is given here, and not before."""


def turn_of(text: str, *, asked: bool = False) -> Turn:
    """Return what a turn is to those before it; `asked` says that the turn before asked the user something.

    >>> turn_of("ok, do it"), turn_of("fix it"), turn_of("and in German?"), turn_of("What is the capital of France?")
    ('goes on', 'is about', 'points back', 'stands')
    """
    if len(text) > READ:
        return "stands"
    words = list(_words(text.lower()))
    if not words:
        return "goes on" if not any(map(str.isalnum, text)) else "points back"
    length = sum(_length(word) for word in words)
    if length <= SHORT and _any(words, "CLOSING"):
        return "stands"
    if _any(words, "GOING") and all(_is(w, "GOING") or _is(w, "FILLING") for w in words) and not _PAYLOAD.search(text):
        return "goes on"
    if length > BRIEF or _PAYLOAD.search(text):
        return "stands"
    if _any(words, "POINTING") or _is(words[-1], "LAST") or (length <= PAIR and _is(words[0], "LAST")):
        return "is about" if all(_cues(word) <= set(ABOUT) for word in words) else "points back"
    return "points back" if _adds(text, words, length, asked) else "stands"


def _adds(text: str, words: Sequence[str], length: float, asked: bool) -> bool:
    """Whether a turn without a pointing word says too little without earlier ones."""
    if any(_cues(w) for w in words if not (_is(w, "GOING") or _is(w, "LIKENING"))):
        return False
    if _is(words[0], "JOINING") or _any(words, "LIKENING"):
        return True
    return length <= SHORT or (asked and "?" not in text)


def linked(texts: Sequence[str], asked: Sequence[bool]) -> str:
    """Return what the last of a user's turns asks, with what it points back at.

    Args:
        texts: The user's turns, in order; at least one.
        asked: Whether the assistant's turn before each ended with a question.
    """
    added: list[str] = []
    for i in range(len(texts) - 1, -1, -1):
        kind: Turn = "stands" if i == 0 else turn_of(texts[i], asked=asked[i])
        if kind not in ("goes on", "is about"):
            added.append(texts[i])
        if kind == "stands":
            break
    base, *turns = reversed(added)
    return "\n\n".join([base, *turns[-LINKED:]])


def _words(text: str) -> Iterator[str]:
    """Words of a text in small letters: folded, and those of scripts without spaces cut at the words that are known."""
    for token in tokens().findall(text):
        first = token[0]
        if first.isdigit():
            yield token
        elif is_tight(first):
            yield from _cut(token)
        elif first.isalpha():
            yield fold(token)


def _cut(run: str) -> Iterator[str]:
    """The known words in a run without spaces, the longest first at each place, and the pieces between them."""
    known, start, i = _pieces(), 0, 0
    while i < len(run):
        word = next((w for w in known.get(run[i], ()) if run.startswith(w, i)), None)
        if word is None:
            i += 1
            continue
        if start < i:
            yield run[start:i]
        yield word
        i += len(word)
        start = i
    if start < len(run):
        yield run[start:]


def _length(word: str) -> float:
    """Words that a word counts for: one, or its letters' worth in a script without spaces."""
    if not is_tight(word[0]):
        return 1.0
    return block(word[0])[1] * len(word) / LETTERS_A_WORD


def _cues(word: str) -> frozenset[str]:
    """The cues of work that a word gives."""
    return WORK.intersection(cues_within(word) if is_tight(word[0]) else (cue_of(word) or "",))


def _any(words: Sequence[str], kind: str) -> bool:
    return any(_is(word, kind) for word in words)


def _is(word: str, kind: str) -> bool:
    """Whether a word is of a kind in `turn_words`: as it stands, or by its beginning in scripts that bend endings."""
    known = _known(kind)
    if word in known:
        return True
    bends = not word.isascii() and not is_tight(word[0]) and block(word[0])[0] != "latin"
    return bends and any(word[:n] in known for n in range(3 if word[0] < "\u1100" else 2, len(word)))


@cache
def _known(kind: str) -> frozenset[str]:
    """The words of a kind in all languages, folded."""
    table: Mapping[str, str] = getattr(turn_words, kind)
    return frozenset(
        w if is_tight(w[0]) else fold(w)
        for words in table.values()
        for t in words.split()
        for w in tokens().findall(t)
        if w[0].isalpha() or is_tight(w[0])
    )


@cache
def _pieces() -> Mapping[str, Sequence[str]]:
    """By first character, the known words of scripts without spaces, the longest first."""
    found: dict[str, list[str]] = {}
    for kind in ("GOING", "FILLING", "CLOSING", "POINTING", "LIKENING", "LAST", "JOINING"):
        for word in _known(kind):
            if is_tight(word[0]) and word not in found.setdefault(word[0], []):
                found[word[0]].append(word)
    return {first: sorted(words, key=len, reverse=True) for first, words in found.items()}

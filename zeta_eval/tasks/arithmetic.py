"""The queries of the embedded tasks: generated work with letters and numbers, from easy to hard. Standard library only.

There are nine kinds of work with seven levels each, and several wordings of each kind. The level is not written in
the query. Numbers are answered last digit first, and the query says so: a model that writes left to right then meets
the carries in the order in which they arise (Lee et al. 2023, "Teaching Arithmetic to Small Transformers",
arXiv 2307.03381).

One query content in five (kind and operands, whatever the wording) is held out by its hash. The embedded models were
trained on the other contents only; the tasks ask held-out contents only.
"""

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

LEVELS = 7
"""Levels of difficulty of every kind, 1 (easiest) to LEVELS."""

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Letters that queries about letters use (I and O look like digits)."""

MULTIPLY_DIGITS = ((1, 1), (2, 1), (3, 1), (2, 2), (4, 1), (3, 2), (3, 3))
"""Digits of the two factors at each level of `multiply`."""

Draw = Callable[[random.Random, int], dict[str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One generated query."""

    kind: str
    """Kind of work, a key of `KINDS`."""
    level: int
    """Difficulty, 1 to LEVELS."""
    content: str
    """Kind and operands without wording, whose hash decides what is held out."""
    query: str
    """Text of the query."""
    target: str
    """The right answer: upper-case letters or digits, no spaces."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One kind of work: how operands are drawn and answered, and the wordings of the query."""

    draw: Draw
    """Function of a random source and a level that gives the operands by name, `target` among them."""
    templates: tuple[str, ...]
    """Wordings of the query, with the operands' names in braces."""
    description: str
    """What the query asks for."""


KINDS: dict[str, Kind] = {}
"""The kinds of work by name."""


def _kind(*templates: str) -> Callable[[Draw], Draw]:
    """Make a kind of work from the function that draws its operands, with these wordings of the query."""

    def add(draw: Draw) -> Draw:
        KINDS[draw.__name__[1:]] = Kind(draw=draw, templates=templates, description=draw.__doc__ or "")
        return draw

    return add


def held_out(content: str) -> bool:
    """Whether a content belongs to the fifth that no embedded model was trained on."""
    return hashlib.sha256(content.encode()).digest()[0] % 5 == 0


def sample(rng: random.Random, kind: str, level: int, *, test: bool) -> Item:
    """Draw one query whose content is held out (`test`) or free for training (not `test`)."""
    spec = KINDS[kind]
    while True:
        operands = spec.draw(rng, level)
        target = operands.pop("target")
        content = kind + " " + " ".join(operands.values())
        if held_out(content) == test:
            query = rng.choice(spec.templates).format(**operands)
            return Item(kind=kind, level=level, content=content, query=query, target=target)


def held_out_items(kind: str, *, seed: int = 0) -> Iterator[Item]:
    """Endless held-out queries of one kind, levels in turn, no query text twice; ends when none is left."""
    rng = random.Random(f"{kind}-{seed}")
    seen: set[str] = set()
    level, misses = 0, 0
    while misses < 200:
        item = sample(rng, kind, level % LEVELS + 1, test=True)
        level += 1
        if item.query in seen:
            misses += 1
            continue
        misses = 0
        seen.add(item.query)
        yield item


def _number(rng: random.Random, digits: int) -> int:
    return rng.randint(10 ** (digits - 1) if digits > 1 else 0, 10**digits - 1)


def _letters(rng: random.Random, length: int, alphabet: str = LETTERS) -> str:
    return "".join(rng.choice(alphabet) for _ in range(length))


@_kind(
    "Copy the letters {text}.",
    "Write {text} again.",
    "Please repeat this text: {text}",
    "What do you read here? {text}",
)
def _copy(rng: random.Random, level: int) -> dict[str, str]:
    """Repeat letters."""
    text = _letters(rng, 1 + 2 * level)
    return {"text": text, "target": text}


@_kind(
    "Write {text} backwards.",
    "Reverse the letters {text}.",
    "Read {text} from the end to the start.",
    "Please turn this text around: {text}",
)
def _reverse(rng: random.Random, level: int) -> dict[str, str]:
    """Write letters backwards."""
    text = _letters(rng, 1 + 2 * level)
    return {"text": text, "target": text[::-1]}


@_kind(
    "Sort the letters {text}.",
    "Put {text} in order of the alphabet.",
    "Please order this text: {text}",
    "Write {text} with the letters sorted.",
)
def _sort(rng: random.Random, level: int) -> dict[str, str]:
    """Sort letters by the alphabet."""
    text = _letters(rng, 2 + 2 * level)
    return {"text": text, "target": "".join(sorted(text))}


@_kind(
    "How many times is {letter} in {text}? Last digit first.",
    "Count the letter {letter} in {text}, last digit first.",
    "How often do you see {letter} in this text: {text}? Last digit first.",
)
def _count(rng: random.Random, level: int) -> dict[str, str]:
    """Count a letter."""
    letter, other = rng.sample(LETTERS, 2)
    text = "".join(rng.choice((letter, other, rng.choice(LETTERS))) for _ in range(1 + 3 * level))
    return {"letter": letter, "text": text, "target": str(text.count(letter))[::-1]}


@_kind("Which is larger, {a} or {b}?", "Write the larger number: {a} or {b}", "Take the maximum of {a} and {b}.")
def _compare(rng: random.Random, level: int) -> dict[str, str]:
    """Write the larger of two numbers."""
    shared = rng.randint(0, level - 1)
    prefix = str(_number(rng, shared)) if shared else ""
    first, second = rng.sample(range(10 ** (level - shared)), 2)
    a, b = (prefix + str(n).zfill(level - shared) for n in (first, second))
    return {"a": a, "b": b, "target": max(a, b)}


@_kind(
    "What is {a} + {b}? Last digit first.",
    "Add {a} and {b}, last digit first.",
    "Please write the sum of {a} and {b}, last digit first.",
    "You have {a} coins and find {b} more. How many do you have? Last digit first.",
)
def _add(rng: random.Random, level: int) -> dict[str, str]:
    """Add two numbers, last digit first."""
    a, b = _number(rng, level), _number(rng, rng.randint(max(1, level - 1), level))
    return {"a": str(a), "b": str(b), "target": str(a + b)[::-1]}


@_kind(
    "What is {a} - {b}? Last digit first.",
    "Take {b} from {a}, last digit first.",
    "Please write the difference of {a} and {b}, last digit first.",
    "You have {a} coins and lose {b} of them. How many do you have? Last digit first.",
)
def _subtract(rng: random.Random, level: int) -> dict[str, str]:
    """Subtract two numbers, last digit first."""
    a, b = sorted((_number(rng, level), _number(rng, rng.randint(max(1, level - 1), level))), reverse=True)
    return {"a": str(a), "b": str(b), "target": str(a - b)[::-1]}


@_kind(
    "What is {a} * {b}? Last digit first.",
    "Multiply {a} by {b}, last digit first.",
    "Please write the product of {a} and {b}, last digit first.",
    "You buy {a} boxes with {b} coins in each. How many coins is that? Last digit first.",
)
def _multiply(rng: random.Random, level: int) -> dict[str, str]:
    """Multiply two numbers, last digit first."""
    digits = MULTIPLY_DIGITS[level - 1]
    a, b = _number(rng, digits[0]), _number(rng, digits[1])
    return {"a": str(a), "b": str(b), "target": str(a * b)[::-1]}


@_kind(
    "Work from left to right and keep the last digit: {steps}.",
    "Compute step by step, last digit only: {steps}",
    "Start and go on, last digit only: {steps}. What is it?",
)
def _chain(rng: random.Random, level: int) -> dict[str, str]:
    """Follow a chain of operations on the last digit."""
    value = rng.randint(0, 9)
    steps = [f"{value}"]
    for _ in range(level + 1):
        word, n = rng.choice(("plus", "minus", "times")), rng.randint(2, 9)
        steps.append(f"{word} {n}")
        value = {"plus": value + n, "minus": value - n, "times": value * n}[word] % 10
    return {"steps": ", ".join(steps), "target": str(value)}

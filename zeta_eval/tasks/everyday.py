"""Everyday requests: greetings, small talk, facts, conversions, spelling, short translations; nothing to download.

Benchmarks hold hard questions only. A router that has seen nothing else can't tell that "thanks!" needs no large model.
These requests measure the easy end on your own sizes, in thirteen languages.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from zeta_eval.router.complexity import TextView
from zeta_eval.router.complexity.scripts import ascii_digits, fold
from zeta_eval.tasks.base import Query, Score, Target, Task, shuffled
from zeta_eval.tasks.everyday_queries import QUERIES
from zeta_eval.tasks.registry import register
from zeta_eval.tasks.scorers import UNPARSED

LONGEST = 120.0
"""Words, or their worth in scripts without spaces, that an answer to a short request may have."""

LONGEST_ANSWER = 160
"""Tokens that the longest answer needs, with some to spare."""

_RIVALS = tuple(
    tuple(map(fold, pair.split("/")))
    for pair in [
        "yes/no",
        "ja/nein",
        "sí/no",
        "oui/non",
        "sim/não",
        "sì/no",
        "да/нет",
        "不是/是的",
        "はい/いいえ",
        "아니요/예",
        "아니오/예",
        "نعم/لا",
        "हाँ/नहीं",
        "हां/नहीं",
        "hayır/evet",
        "positive/negative",
        "positiv/negativ",
        "positiva/negativa",
        "positivo/negativo",
        "positif/négatif",
        "положительный/отрицательный",
        "负面/正面",
        "肯定/否定",
        "긍정/부정",
        "olumlu/olumsuz",
        "spam/no",
    ]
)
"""Answers that exclude each other."""

_REFUSAL = re.compile(
    "|".join(
        map(
            fold,
            [
                "i can't help",
                "i cannot help",
                "i'm unable",
                "i am unable",
                "can't assist",
                "cannot assist",
                "ich kann dir nicht helfen",
                "no puedo ayudar",
                "je ne peux pas",
                "não posso ajudar",
                "non posso aiutar",
                "не могу помочь",
                "无法回答",
                "无法帮助",
                "お手伝いできません",
                "お答えできません",
                "도와드릴 수 없",
                "لا أستطيع",
                "मदद नहीं कर",
                "yardımcı olamam",
            ],
        )
    )
)


def mention_match(target: Target, response: str) -> Score:
    """1 if a short response mentions any of the target's texts, and nothing that excludes it, and does not refuse.

    Case, accents, white space and the script of digits don't count. A word or number of the target must stand for
    itself: "7" is not in "17" or "7.5". Yes and no, positive and negative exclude each other. A response of more than
    `LONGEST` words scores 0; an empty one is unparsed.
    """
    if not response.strip():
        return UNPARSED
    text = _plain(response)
    if TextView.of(response).length > LONGEST or _REFUSAL.search(text):
        return Score(0.0)
    found = [g for g in ((target,) if isinstance(target, str) else target) if _mentions(text, g)]
    return Score(float(any(not _excluded(text, fold(gold)) for gold in found)))


def _plain(text: str) -> str:
    """Text as mentions are looked for: folded, one kind of apostrophe and quote, no markdown, digits 0 to 9."""
    text = fold(
        re.sub(r"[*`]{2,}|(?<!\w)[*_](?=\w)|(?<=\w)[*_](?!\w)|[’‘]", lambda m: "'" if m[0] in "’‘" else "", text)
    )
    text = re.sub(r"[^\W\d_]*[^\x00-\x7f]", lambda m: ascii_digits(m[0]) if m[0].isdecimal() else m[0], text)
    return " ".join(text.split())


def _mentions(text: str, gold: str) -> bool:
    return _pattern(gold).search(re.sub(r"\s", "", text) if _is_code(gold) else text) is not None


def _is_code(gold: str) -> bool:
    return re.search(r"[\[\](){}=*]", gold) is not None


@lru_cache(maxsize=4096)
def _pattern(gold: str) -> re.Pattern[str]:
    """Pattern of a mention: words and numbers end where the text's do; a large number may have separators."""
    folded = _plain(gold)
    if _is_code(gold):
        return re.compile(re.escape(re.sub(r"\s", "", folded)))
    if re.fullmatch(r"\d{4,}", folded):
        return re.compile(rf"(?<![\d.,]){folded[:-3]}[,.\s']?{folded[-3:]}(?![.,]?\d)")
    if re.fullmatch(r"[\d.]+", folded):
        return re.compile(rf"(?<![\d.,]){re.escape(folded)}(?:[.,]0+)?(?![.,]?\d)")
    spaced = folded[0].isascii() or folded[0] < "\u0900"
    before = r"(?<![^\W\d_])" if spaced and folded[0].isalpha() else ""
    after = r"(?![^\W\d_])" if folded[-1].isascii() and folded[-1].isalpha() else ""
    return re.compile(before + re.escape(folded).replace(r"\ ", r",?\s+") + after)


def _excluded(text: str, gold: str) -> bool:
    """Whether a text also mentions a rival of an answer, outside the answer itself."""
    rest = text.replace(gold, " ")
    return any(_mentions(rest, rival) for pair in _RIVALS if gold in pair for rival in pair if rival != gold)


def queries(seed: int) -> Iterator[Query]:
    """All queries in the seed's random order."""
    lines = [line for text in QUERIES.values() for line in text.strip().splitlines()]
    for i in shuffled(range(len(lines)), seed):
        prompt, _, accepted = lines[i].rpartition(" | ")
        golds = tuple(gold.strip() for gold in accepted.split(" ; "))
        yield Query(prompt=prompt, target=golds, max_new_tokens=LONGEST_ANSWER)


register(
    Task(
        name="everyday",
        scorer=mention_match,
        generate=queries,
        dataset="everyday",
        licence="Apache-2.0",
        description="Greetings, facts, conversions, spelling and short translations in thirteen languages.",
        group="hub",
    )
)

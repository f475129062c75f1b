"""The scorer of lettered options."""

import re
from dataclasses import dataclass

from zeta_eval.tasks.base import Score, Target
from zeta_eval.tasks.scorers.forms import answer_of, plain
from zeta_eval.tasks.scorers.stated import IS, NOT_THE_ANSWER, WORDS, find_box
from zeta_eval.tasks.scorers.verdict import UNPARSED, golds

_NEXT = r"because|since|as|due|given|which|with|from|while|whereas|but|not|rather|so|for|and"
_BOUND = r"(?![A-Za-z0-9_'\u00c0-\u024f])"
_LETTER = (
    r"(?:[(\[{<\"'`]+\s*([A-Za-z])\s*[)\]}>\"'`]+"  # (B), [b], "B"
    rf"|([AI]){_BOUND}(?!\s+(?!(?:{_NEXT})\b)[^\W\d_])(?!\s*[+*/=^]\s*\w|-\w)"  # no article, no pronoun
    rf"|[(\[\"']*([B-HJ-Z]){_BOUND}(?!\s*[+*/=^]\s*\w|-\w)(?!\s+(?:is|are|has|was)\s+(?:not|wrong|incorrect))"
    r"|([a-z])(?=\s*(?:[.,;:)}]|</|$)))"
)
_NAMED = r"(?i:(?:the\s+)?(?:option|choice|letter|opci\u00f3n|op\u00e7\u00e3o|\u9009\u9879|\u9078\u629e\u80a2)\s*:?\s*)"
_SURELY = (
    r"(?i:(?:most\s+)?(?:clearly|definitely|obviously|certainly|likely|probably|therefore|thus|then|indeed|simply|also"
    r"|hence|actually|really|surely|undoubtedly)\s*,?\s+)"
)
_STATED = re.compile(
    r"(?P<word>(?<![^\W\d_])[^\W\d_]+[ \t]+)?"
    rf"(?:(?i:(?<![A-Za-z\u00c0-\u024f])(?:{WORDS}|ans\b\.?"
    r"|soluci\u00f3n|solution|conclusion|opci\u00f3n(?=[ \t]+correcta)"
    r"|(?:op\u00e7\u00e3o|alternativa)(?=[ \t]+(?:correta|certa))"
    r"|(?:my|the|best)\s+(?:guess|pick|choice))"
    r"(?:[_ ]?(?:choice|option|letter))?(?:[ \t]+(?:to|for|of)[ \t][^.:=\n]{1,100}?(?=[ \t]is\b))?"
    r"(?:[ \t]+(?:correcta|correta|certa|correcte|exacte|corretta|esatta|finale?"
    r"|yang[ \t]+(?:benar|tepat)|\u0111\u00fang"
    r"|\u0627\u0644\u0635\u062d\u064a\u062d\u0629|\u0627\u0644\u0635\u062d\u064a\u062d))?)"
    r"|(?i:(?<![^\W\d_])(?:best|correct|right)[ \t]+(?:choice|option|letter|one|statement)"
    r"|(?<![^\W\d_])correct(?=:)|(?:closest|nearest)(?:[ \t]+(?:choice|option|match|one))?(?=[ \t]+is\b)"
    r"|(?<=[\"'{,_ ])(?:choice|option|letter|prediction|label)(?=[\"']\s*+:)|<(?:choice|option|final)(?=>)"
    r"|(?<!\u4e0d)[\u9009\u9078](?:\u62e9|\u64c7)?(?=[:\s]*[(A-Z])|[\u9009\u9078][\u9879\u9805](?=\s*[\u662f\u4e3a\u70ba:])))"
    r"(?:(?<=[A-Za-z\u00c0-\u024f])(?![A-Za-z\u00c0-\u024f])|(?<![A-Za-z\u00c0-\u024f]))"
    rf"[\"'*_>\]]*\s*+(?:(?i:\b(?:{IS}|(?:would|must|should|has\s+to|will)\s+{_SURELY}?be)\b)|[\u662f\u4e3a\u70ba\u306f]|\uc740|\ub294)?"
    rf"\s*+(?:[:=\u2192\u2013\u2014-]|->|=>)?>?\s*+{_SURELY}?(?:(?:la|el|le|die|der)\s+)?"
    rf"(?:(?P<not>not)\s+)?{_NAMED}?{_LETTER}",
    re.MULTILINE,
)
_CONCLUDED = re.compile(
    r"(?:^|[.;:!?]\s|,\s+and\s|,\s+(?=(?i:(?:the\s+)?(?:option|choice))\s)"
    r"|(?i:\b(?:therefore|thus|hence|so|conclude|means)\b(?:\s+that\b|\s*,)?\s))[ \t]*"
    rf"(?:(?:{_NAMED}?(?:[(\[]([A-Z])[)\]]|([A-HJ-Z]))|{_NAMED}(I))"  # B is (the) correct (answer)
    r"\s+(?:is|must\s+be)\s+(?:also\s+)?(?:(?:the\s+)?(?:correct|right)(?:\s+(?:answer|option|choice|one))?"
    r"|the\s+(?:best\s+)?(?:answer|option|choice))"
    r"|(?i:I)(?:\s+would|\s+will|'d|'ll|\s+have\s+to)?\s+(?:choose|pick|select|say|go\s+with|choosing)\s+"  # I choose B
    rf"{_NAMED}?(?:[(\[]([A-Z])[)\]]|([A-Z])))"
    r"(?=\s*(?:[.,;:!](?!\w)|$)|\s+(?:because|since|as)\b|\s+[\u2013\u2014-]\s)",
    re.MULTILINE,
)
_LED = re.compile(  # so (B); it is B; hence, B
    r"(?:(?i:\b(?:therefore|thus|hence|so|consequently)\b)\s*,?\s+(?:(?i:it\s+is|it's|it\s+must\s+be)\s+)?"
    rf"|(?i:\b(?:it\s+is|it's|it\s+must\s+be|must\s+be|that's|that\s+is"
    rf"|that\s+leaves|let's\s+go\s+with)\s+){_SURELY}?)"
    rf"{_NAMED}?(?:[(\[]([A-Za-z])[)\]]|([A-HJ-Z]))(?=\s*(?:[.,;!](?!\w)|$)|\s+(?:because|since)\b)",
    re.MULTILINE,
)
_LINES = (
    re.compile(
        r"[(\[{\"'<]*([A-Za-z])[)\]}\"'>]*[.:,!]?$|([A-Z])\s?\u9009\u9879[.]?$|[(\[]([A-Za-z])[)\]]"
        r"(?!\s*(?:is|was|are|isn't|can't|cannot)\b(?!\s+(?:the|correct|right)\b))"
        r"|([A-Z])(?:[.):](?:\s|$)|\s+[-\u2013\u2014]\s)"
    ),
    re.compile(rf"{_NAMED}(?:[(\[\"']?([A-Za-z])[)\]\"']?[.:]?$|[(\[]?([A-Z])[)\]]?(?:[.:]|\s[-\u2013\u2014])\s)"),
)
_BOXED = re.compile(
    rf"(?:(?i:{WORDS})\s*:?\s*)?{_NAMED}?"
    r"(?:[(\[\"']*([A-Za-z])[)\]\"']*(?:[.):,]?\s*$|[.):]\s*\S.*$|\s+(?:[\d\uff04(]|\\[,;: ]).*$)"
    r"|[(\[]([A-Za-z])[)\]].*$|([B-HJ-Z])\s+(?!and\b|or\b)[^-+*/=^\s].*$)",
    re.DOTALL,
)
_ALSO = re.compile(  # A or B, A and B, A/B, A, B and C
    r"\s*[)\]}\"'.]*\s*(?:(?:,?\s*\b(?:or|and|und|oder|ou|et|nor)\b|[/&\u548c\u6216\u3001])\s*(?:both\s+)?"
    rf"{_NAMED}?[(\[\"']*[A-Za-z](?![A-Za-z'])|[(\[][A-Z][)\]]|,\s*[(\[\"']*[A-Z][)\]\"'}}]*\s*(?:$|[.,;](?!\w)|\b(?:and|or)\b))"
)
_DOUBTED = re.compile(
    r"\b(?:if|whether|suppose|assume|assuming|unless|when|why)\s+(?:that\s+)?(?:the\s+)?$|\b(?:is|was)\s+the\s+$", re.I
)
_DENIED = re.compile(r"(?:\bnot|n't|\bdoubt|\bnever)\b[^.,;:!?\n]{0,40}$", re.IGNORECASE)
_NONE = re.compile(
    r"\b(?:answer|option|choice)\s*(?:is|:)\s*(?:none\b|not\s+(?:given|listed|among|in|present|provided|clear)\b)"
    r"|\bbut\s+(?:this|it)\s+is\s+not\s+(?:the\s+)?(?:correct|right)",
    re.IGNORECASE,
)
_CORRECTED = re.compile(r"\b(?:wait|no|actually|correction|sorry|mistake|instead|oops|rather)\b", re.I)


@dataclass(frozen=True, slots=True)
class _Found:
    """A letter that a response states."""

    letter: str
    """The letter in upper case; "" where the statement names several."""
    end: int
    """Where the statement ends."""
    denied: bool = False
    """Whether the letter is said not to be the answer."""


def choice_match(target: Target, response: str) -> Score:
    r"""1 if the letter chosen is the target's ("B" or "(B)").

    The letter is that of the last `\boxed{X}`, else of the last "answer is (X)", "answer: X" or "X" in an answer field
    or tag (also "the correct, right or best option is X", and the word for "answer" in the languages most used).
    Without any, it is that of the sentences "X is correct", "I choose X", "it is X" and "therefore (X)", if these
    agree. Without any, it is that of the last line, else of the first, if that line is nothing but a letter, or
    if it is the only line that begins with "(X)", "X.", "X)" or "X - "; without any, of a line "option X" or "option
    X: ..." by the same rule. Brackets, quotes and markdown don't count; a small letter needs brackets or the
    end of its clause. "answer is A or B" chooses nothing, nor does "answer is not A", "if the answer is A" or "is the
    answer A?". Anything else ("A is a vowel", "whether B is correct") is unparsed.
    """
    letter = read_letter(answer_of(response))
    return (
        Score(float(letter in {plain(gold).strip("()[] .").upper() for gold in golds(target)})) if letter else UNPARSED
    )


def read_letter(text: str) -> str:
    """The letter that a response chooses, by the rule of `choice_match`, in upper case; "" if there is none."""
    box = find_box(text)
    if box is not None and (found := _BOXED.match(plain(box).strip())):
        return "" if _ALSO.match(plain(box).strip()[found.end(found.lastindex or 0) :]) else _first_group(found)
    text = plain(re.sub(r"\*\*\s*\(?([A-Z])\)?([.:]?)\s*\*\*", r"(\1)\2", text))
    stated = _statements(text)
    concluded = {
        _first_group(m): m.end()
        for form in (_CONCLUDED, _LED)
        for m in form.finditer(text)
        if not _asked(text, m) and not _DENIED.search(_before(text, m))
    }
    if stated:
        last = stated[-1]
        later = [
            letter for letter, end in concluded.items() if end > last.end and _CORRECTED.search(text[last.end : end])
        ]
        if last.denied or _NONE.search(text, last.end):
            return ""
        return later[-1] if later else last.letter
    return next(iter(concluded)) if len(concluded) == 1 else "" if concluded else _line_letter(text)


def _statements(text: str) -> list[_Found]:
    """The letters stated as the answer, in order; those taken back at the end are left out."""
    found: list[_Found] = []
    for m in _STATED.finditer(text):
        word = m["word"] or ""
        if word.strip().lower() in NOT_THE_ANSWER or _DOUBTED.search(_before(text, m) + word):
            continue
        letter = next(g for g in m.groups()[2:] if g).upper()
        if _asked(text, m):
            continue
        several = _ALSO.match(text, m.end())
        instead = re.match(r"[)\]\"',\s]*but\s+(?:rather\s+)?" + _LETTER, text[m.end() :]) if m["not"] else None
        if instead:
            found.append(_Found(_first_group(instead), m.end() + instead.end()))
        elif m["not"]:
            found.append(_Found(letter, m.end(), denied=True))
        else:
            found.append(_Found("" if several else letter, m.end()))
    while len(found) > 1 and found[-1].denied and found[-2].letter != found[-1].letter and not found[-2].denied:
        found.pop()
    return found


def _before(text: str, found: re.Match[str]) -> str:
    """The last characters before a statement."""
    return text[max(0, found.start() - 80) : found.start()]


def _asked(text: str, found: re.Match[str]) -> bool:
    """Whether a statement ends in a question mark."""
    return re.match(r"[)\]\"'}.]*\s*(?:\?|\u5417|\u55ce)", text[found.end() :]) is not None


def _line_letter(text: str) -> str:
    """Letter of the last line, else of the first, by the rule of `choice_match`; "" if there is none."""
    lines = [re.sub(r"^[^\w(\[\"'<]+", "", line).strip() for line in text.splitlines()]
    lines = [line for line in lines if line]
    for form in _LINES:
        found = [(line, m) for line in lines if (m := form.match(line))]
        for line in lines[-1:] + lines[:1]:
            for known, m in found:
                if known == line and (m[1] or len(found) == 1):
                    rest = line[m.end(m.lastindex or 0) :]
                    several = _ALSO.match(rest) or re.search(r"(?<!\w)[A-J][.:)]\s", rest)
                    return "" if several else _first_group(m)
    return ""


def _first_group(match: re.Match[str]) -> str:
    """The group that matched, in upper case."""
    return next(g for g in match.groups() if g).upper()

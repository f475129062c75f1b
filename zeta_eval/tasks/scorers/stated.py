r"""Where a response states its answer: in a box, in a field or tag, after "the answer is", below a heading."""

import re
from dataclasses import dataclass
from typing import Literal

WORDS = (
    r"answer|respuesta|r\u00e9ponse|resposta|antwort|risposta|jawaban(?:nya)?|antwoord|odpowied\u017a|odpov\u011b\u010f"
    r"|svar|vastaus|r\u0103spuns|\u03b1\u03c0\u03ac\u03bd\u03c4\u03b7\u03c3\u03b7|cevap|yan\u0131t"
    r"|\u0111\u00e1p \u00e1n"
    r"|c\u00e2u tr\u1ea3 l\u1eddi|\u05ea\u05e9\u05d5\u05d1\u05d4"
    r"|\u0e04\u0e33\u0e15\u0e2d\u0e1a|\u043e\u0442\u0432\u0435\u0442"
    r"|\u0432\u0456\u0434\u043f\u043e\u0432\u0456\u0434\u044c"
    r"|\u7b54\u6848|\u7b54\u3048|\u56de\u7b54|\u89e3\u7b54|\u6b63\u89e3|\u7b54(?=[:\s])"
    r"|\uc815\ub2f5|\ub2f5\ubcc0|\ub2f5|\u0909\u0924\u094d\u0924\u0930|\u091c\u0935\u093e\u092c"
    r"|\u0623?\u0625?(?:\u0627\u0644)?[\u0625\u0627]\u062c\u0627\u0628\u0629|(?:\u0627\u0644)?\u062c\u0648\u0627\u0628"
    r"|\u0989\u09a4\u09cd\u09a4\u09b0|\u099c\u09ac\u09be\u09ac|jibu"
)
"""The word for "answer" in the languages most used, as a pattern of lower-case text."""

IS = (
    r"is|are|was|es|ist|est|\u00e8|\u00e9|lautet|adalah|jest|l\u00e0|\u0e04\u0e37\u0e2d|\u662f|\u4e3a|\u70ba|\u306f|\uc740|\ub294|\ub2d8"
    r"|\u0939\u0948|\u0647\u064a|\u0647\u0648|\u06c1\u06d2|\u09b9\u09b2|\u09b9\u09b2\u09cb"
)
"""The word for "is" beside it."""

Kind = Literal["box", "field", "line", "heading", ""]

_BOX = re.compile(r"\\f?box(?:ed)?\s*(?=[{\w\\])(?!\{\})")
_JOINED = re.compile(
    r"[\s$.]*(?:\\\)|\\\])?\s*(?:,|,?\s*(?:and|or)\b|\\text\{\s*(?:and|or)\s*\})\s*(?:\\\(|\\\[)?[\s$]*"
)
_STATED = re.compile(
    rf"(?im)^[^\w\n\"'{{\[]*(?P<head>(?:final[ \t]+)?(?:{WORDS})|conclusion)[^\w\n\"'{{\[]*$\s*"  # a heading
    rf"|(?:<(?:final_?)?answer>|####)\s*"
    rf"|(?P<word>(?<![^\W\d_])[^\W\d_]+[ \t]+)?(?<![^\W\d_])(?:{WORDS})(?:[ \t]+(?:to|for|of)[ \t][^.:=\n]{{1,100}}?)?"
    rf"[\"'*_]*[ \t]*(?:\b(?:{IS}|would be|must be|should be|will be|equals|comes (?:out )?to)\b|:|=|->|\u2192"
    r"|[ \t][-\u2013\u2014](?=[ \t])|[\u662f\u4e3a\u306f\u0939\u0948]+)[ \t]*[:=]?"
)
NOT_THE_ANSWER = frozenset(
    ("an", "any", "no", "wrong", "incorrect", "another", "other", "possible", "false", "worst", "tempting", "earlier")
)
"""Words before "answer" that say that it is not the one given."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A response's statement of its answer."""

    text: str = ""
    """What is stated: a box's content, a line, or all that stands below a heading."""
    kind: Kind = ""
    """Where it was found; "" if nowhere."""


def find_box(text: str) -> str | None:
    r"""Content of the last \boxed{}, joined with those it is listed with ("\boxed{1} and \boxed{2}"); None without.

    A box that is never closed holds nothing ("").
    """
    boxes: list[tuple[int, int, str]] = []
    for found in _BOX.finditer(text):
        if not boxes or found.start() >= boxes[-1][1]:
            boxes.append((found.start(), *_content(text, found.end())))
    if not boxes:
        return None
    listed = [boxes[-1][2]]
    for (_, end, content), (start, _, _) in zip(boxes[-2::-1], boxes[:0:-1], strict=False):
        if not _JOINED.fullmatch(text[end:start]):
            break
        listed.insert(0, content)
    return ", ".join(dict.fromkeys(listed))


def find_statement(text: str) -> Statement:
    """The last statement of an answer in a text that is made plain: a field, a line or what follows a heading."""
    stated = [m for m in _STATED.finditer(text) if (m["word"] or "").strip().lower() not in NOT_THE_ANSWER]
    if not stated:
        return Statement()
    rest = text[stated[-1].end() :]
    if stated[-1]["head"]:
        return Statement(rest.strip(), "heading")
    if stated[-1][0].rstrip()[-1:] in {":", ">"} and (field := _field(rest.strip())):
        return Statement(field, "field")
    line = re.split(r"\n|</", rest.lstrip("\n \t") if rest.strip() else "", maxsplit=1)[0].strip()
    blank = re.match(r"[ \t]*\n[ \t]*\n", rest) is not None
    return Statement() if blank and is_prose(line) else Statement(line, "line")


def _field(rest: str) -> str:
    """The value with which a text begins, in quotes or as a JSON list; "" if it begins with neither."""
    if found := re.match(r"\"((?:[^\"\\\n]|\\.)+)\"|'([^'\n]+)'(?!\w)|\[\s*\"([^\"\n]+)\"\s*\]", rest):
        return re.sub(r"\\([\"\\])", r"\1", found[1]) if found[1] else str(found[2] or found[3])
    return ""


def first_paragraph(text: str) -> str:
    """The first lines of a text, up to a blank one."""
    return re.split(r"\n\s*\n", text.strip(), maxsplit=1)[0]


def is_prose(line: str) -> bool:
    """Whether a line has more than three words, LaTeX's commands and single letters aside."""
    return len(re.findall(r"(?<!\\)\b[^\W\d_]{2,}", line)) > 3


def _content(text: str, begin: int) -> tuple[int, str]:
    r"""Where a box ends, and its content; that of "\boxed 5" is one token."""
    if text[begin] != "{":
        found = re.compile(r"\\?\w+|.").match(text, begin)
        return (found.end(), found[0]) if found else (len(text), "")
    depth = 0
    for i in range(begin, len(text)):
        escaped = text[i - 1] == "\\" and text[i - 2 : i] != "\\\\"
        depth += (text[i] == "{" and not escaped) - (text[i] == "}" and not escaped)
        if depth == 0:
            return i + 1, text[begin + 1 : i].strip()
    return len(text), ""

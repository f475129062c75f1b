r"""The final answer of an answer text, in a form in which two models' answers can be compared.

The strictest form in which a text names its answer decides: an "answer" field (JSON, or the tag `<answer>`),
"#### 34", the last of "the answer is 34" and `\boxed{34}`, an answer alone on the last line. Without any it is read
off the last sentence that holds one: an option in brackets, else what an equation comes to, else the last number.
"""

import json
import re
from dataclasses import dataclass
from typing import TypeVar

MAX_FINAL = 200
"""Characters of a final answer that are compared."""

_NUMERAL = r"(?:\d{1,3}(?:,\d{3})++(?![\d,])|\d++)(?:\.\d++)?|\.\d++"
_NUMBER = re.compile(  # sign, digits, divisor; a unit; then the end of the answer or of its clause
    r"[\"'(~\u2248 ]*(?:(?:about|around|approximately|roughly|only|exactly|\\approx) )?"
    rf"\+?([-\u2212]?)[ $\u20ac\u00a3]{{0,2}}({_NUMERAL})(?: ?/ ?(0*+[1-9][0-9]{{0,11}})(?![\d.]))?"
    r"(?: ?[%\u00b0]| ?(?:[ckm]?m|k?g)\b|(?: ?/ ?| |(?=[^\W\d_]{2,7}\b(?!-)))[^\W\d_]{2}[^\d=+*^\\,;.]{0,60}?)?"
    r"(?=[\s\"')}]*(?:$|[.!;](?:\s|$|[\"'])|,? (?:because|since|as|so|which|where|if|when)\b| \())",
    re.IGNORECASE,
)
_ANY_NUMBER = re.compile(rf"(?<![\w.])([-\u2212]?)({_NUMERAL})()")
_LETTER = re.compile(
    r"[\"'*]{0,3}(?i:(?:option|choice|letter) )?"
    r"(?:[(\[]([A-Za-z])[)\]](?!\w)|([A-Za-z])(?=[\"'*.:,)\]]{0,4}\s*$|\)\**\s)"
    r"|([A-Z])(?=[\"'*.:,)\]]{0,4}\s(?:is|because|since|as)\b|[.:]\**\s))"
)
_OPTION = re.compile(r"(?<!\w)\(([A-Z])\)(?!\w)")

_WRAPPER = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mathit|operatorname)\s?\{([^{}]*)\}")
_FRACTION = re.compile(r"\\[dt]?frac\s?(?:\{(-?[\d.]{1,20})\}\s?\{(-?[\d.]{1,20})\}|(\d)(\d))")
_MARKUP = re.compile(r"\\(?:left|right|displaystyle|quad)(?![a-z])|\\[()\[\],;:! ]|\^\{?\\circ\}?|\*\*|[$`]|\\(?=[%$])")
_EQUALS = re.compile(r"(?<![=<>!])=(?!=)")
_SPACES = re.compile(r"\s*+([^\w\s])\s*+|\s++")
_SENTENCE = re.compile(r"(?<=[.!?])\s++|\n+")

# Both are searched in lower case, and begin with a set of characters, which is what makes a search fast.
_FIELD = re.compile(r"(?:answer|choice|prediction|label)(?:[\"']\s*+:|(?<=<answer)>)\s*+")
_STATED = re.compile(
    r"[abcfnr\\](?:(?:(?<=\ba)(?<!to a)(?<!this a)nswer(?: choice| option| letter)?"
    r"(?: (?:to|for|of) (?:[^.,:;\n\"]|\"[^\n\"]{1,200}\"){1,80}?)?"
    r"|(?<=\b[bcfnr])(?:est|orrect|losest|earest|ight|inal) (?:option|choice|result|value|match))"
    r"[*_ ]{0,3}(?:\b(?:is|are|(?:would|must|should) be)\b|:|=|[*_ ]{0,3}\n)"
    r"|(?<=\\)(?=f?boxed ?\{))"
)
_BOXED = re.compile(r"\\?f?boxed ?\{")
_MARKED = re.compile(r"####[ \t]*+([^\n]*)")
_GAP = re.compile(r"(?:[\s:*_$`>]|\\[\[(]|\.{3}|(?:therefore|thus|then|indeed|actually|simply)\b)*+")
_CLOSING = re.compile(
    r"hope (?:this|that) helps|let me know|feel free|anything else|(?:other|more|further) questions?\b", re.I
)
_T = TypeVar("_T")
_PLACEHOLDER = re.compile(r"_+|\.{2,}|\u2026|\?+")  # the form of the answer, copied from the prompt
_JSON = json.JSONDecoder(strict=False)
_LATEX = re.compile(r"(?<!\\)\\(?=[A-Za-z]{2})(?!u[0-9a-fA-F]{4})")  # in JSON "\frac" would be a form feed and "rac"
_QUOTED = re.compile(r"([\"'])((?:\\.|(?!\1)[^\\\n])*+)\1")


@dataclass(frozen=True, slots=True)
class Final:
    """The final answer that was found."""

    value: str = ""
    """Normalised; "" where there is none."""
    stated: bool = False
    """Whether the text names it as its answer; else it is read off the last sentence."""
    changed: bool = False
    """Whether an earlier statement of the answer in the same form differs."""


def find_final(text: str, *, cut: bool = False) -> Final:
    """The final answer of a text without thinking blocks; if the text is `cut` off, its end concludes nothing."""
    text = text.strip("\n\t `")
    for find in (_fields, _marks, _statements):
        if values := find(text):
            return Final(values[-1], stated=True, changed=values[0] != values[-1])
    if value := _alone(text):
        return Final(value, stated=True)
    return Final() if cut else Final(_concluded(text))


def normalise(answer: str, *, prose: bool = False) -> str:
    r"""An answer as it is compared; in `prose`, other sentences may follow it.

    Case, LaTeX wrappers, markdown, quotes, currency, units, white space beside signs and a final full stop don't
    count; "(G) foo" is "g", "1,000.0" is "1000", "3/4" and `\frac{3}{4}` are "0.75", "x = 5" is "5".
    """
    answer = _unboxed(answer.strip()[: 2 * MAX_FINAL])
    if any(sign in answer for sign in "\\$*`"):
        answer = _plain(answer).strip()
    if "=" in answer and answer[0] not in "\"'[{(" and ", " not in answer:
        answer = _EQUALS.split(answer)[-1].strip() or answer
    if found := _LETTER.match(answer):
        return found[found.lastindex or 0].lower()
    if found := _NUMBER.match(answer):
        return _number(found)
    if prose:
        answer = _SENTENCE.split(answer, maxsplit=1)[0]
        if answer.count(" ") > 2 and (only := _only(answer)):
            return only
    answer = answer.casefold().replace('"', "'").strip(" \t\n'.,;:!_")
    return _SPACES.sub(lambda found: found[1] or " ", answer)[:MAX_FINAL]


def _only(sentence: str) -> str:
    """The option, else the number of a sentence that has one only."""
    options = set(_OPTION.findall(sentence))
    numbers = [] if options else list(_ANY_NUMBER.finditer(sentence))
    if len(options) == 1:
        return str(options.pop()).lower()
    return _number(numbers[0]) if len(numbers) == 1 else ""


def _unboxed(answer: str) -> str:
    """What the first box holds, up to the brace that closes it; an answer without a box as it is."""
    found = _BOXED.search(answer) if "boxed" in answer else None
    if found is None:
        return answer
    depth = 1
    for at in range(found.end(), len(answer)):
        depth += (answer[at] == "{") - (answer[at] == "}")
        if not depth:
            return answer[found.end() : at].strip()
    return answer[found.end() :]


def _plain(answer: str) -> str:
    """An answer without LaTeX wrappers and markdown, its fractions written with a slash."""
    answer = _WRAPPER.sub(r"\1", answer)
    answer = _FRACTION.sub(lambda found: f"{found[1] or found[3]}/{found[2] or found[4]}", answer)
    return _MARKUP.sub("", answer)


def _number(found: re.Match[str]) -> str:
    """A number in its shortest form: no thousands separators, leading or trailing zeros; a fraction as a decimal."""
    sign, digits, divisor = found.groups()
    digits = str(digits).replace(",", "")
    if divisor:
        digits = f"{float(digits) / int(divisor):.10g}"
    elif "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    digits = digits.lstrip("0") or "0"
    digits = "0" + digits if digits[0] == "." else digits
    return "-" + digits if sign and digits != "0" else digits


def _fields(text: str) -> list[str]:
    """Values of the answer fields, the first and the last; an empty string is "''", which is an answer too."""
    values = []
    for found in _ends(list(_FIELD.finditer(_lower(text)))):
        value = _field(text[found.end() : found.end() + 10 * MAX_FINAL])
        if value != "null" and not _PLACEHOLDER.fullmatch(value):
            values.append(normalise(value) or value.strip(" \t\n\"'") or "''")
    return values


def _field(rest: str) -> str:
    """The value with which a text begins: JSON, else what is quoted, else the line up to a tag."""
    try:
        value = _JSON.raw_decode(_LATEX.sub(r"\\\\", rest))[0]
    except (ValueError, RecursionError):
        found = _QUOTED.match(rest)
        return found[2] if found else re.split(r"\n|</", rest, maxsplit=1)[0].strip(" \"'},")
    return value if isinstance(value, str) else json.dumps(value)


def _marks(text: str) -> list[str]:
    """What follows "####", unless it is a heading."""
    lines = _ends(_MARKED.findall(text))
    values = [normalise(line, prose=True) for line in lines]
    return values if values and len(values[-1]) <= 40 and text.endswith(lines[-1]) else []


def _statements(text: str) -> list[str]:
    """What follows "the answer is" and its like, in the same line or the next, and what boxes hold."""
    values = []
    for found in _ends(list(_STATED.finditer(_lower(text)))):
        gap = _GAP.match(text, found.end())
        start = gap.end() if gap else found.end()
        value = normalise(text[start : start + 2 * MAX_FINAL].partition("\n")[0], prose=True)
        if any(map(str.isalnum, value)):
            values.append(value)
    return values


def _lower(text: str) -> str:
    """A text in lower case, where that keeps every character's place; else as it is."""
    lower = text.lower()
    return lower if len(lower) == len(text) else text


def _ends(found: list[_T]) -> list[_T]:
    """The first and the last three of what was found: a text that repeats itself is not read to its end."""
    return found[:1] + found[1:][-3:]


def _alone(text: str) -> str:
    """The answer that is the whole of a short text, or a letter or a number alone on the last line."""
    line = text.rpartition("\n")[2].strip()
    if len(line) > 40 or _FIELD.search(line.lower()):  # an empty field is no answer
        return ""
    value = normalise(line)
    return value if line == text or (len(value) == 1 and value.isalnum()) or _NUMBER.match(line) else ""


def _concluded(text: str) -> str:
    """The option or the number to which the last sentences come."""
    for sentence in reversed(_SENTENCE.split(text[-600:])[-4:]):
        if _CLOSING.search(sentence):
            continue
        if options := _OPTION.findall(sentence):
            return str(options[-1]).lower()
        if "=" in sentence and (result := _ANY_NUMBER.search(sentence.rpartition("=")[2])):
            return _number(result)
        if numbers := list(_ANY_NUMBER.finditer(sentence)):
            return _number(numbers[-1])
    return ""

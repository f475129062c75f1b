r"""Numbers as people write them, with their units: "1,234.5", "3 x 10^6", "1 1/2", "$20", "5km", "\frac{3}{4}"."""

import re
from dataclasses import dataclass
from fractions import Fraction

from zeta_eval.tasks.scorers.forms import DOLLAR, plain
from zeta_eval.tasks.scorers.units import is_unit, unit_name

TOLERANCE = Fraction(1, 10**6)
"""Relative difference within which a rounded number equals another."""

_CURRENCY = (
    rf"(?:(?:US|AU|CA|HK|NZ|A|C|R)?{DOLLAR}"
    r"|[\u20ac\u00a3\u00a5\u20b9\u20bd\u20a9\u20ba\u20ab\u0e3f\u20b1\u20aa\u20a6]"
    r"|\bRs\.?|\b(?:USD|EUR|GBP|INR|JPY|CNY|RMB|CHF))"
)
_GROUPED = (  # in this order: 1'234, 1,234.5, 12,34,567, 1.234,5, 1.234.567, 1,5, 1.5e3
    r"\d{1,3}(?:'\d{3})+(?:[.,]\d+)?(?!\d)"
    r"|[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?(?!\d|,\d)"
    r"|[1-9]\d?(?:,\d{2})+,\d{3}(?:\.\d+)?(?!\d|,\d)"
    r"|[1-9]\d{0,2}(?:\.\d{3})+,\d+(?!\d|[.,]\d)"
    r"|[1-9]\d{0,2}(?:\.\d{3}){2,}(?!\d|[.,]\d)"
    r"|(?:0,\d+|\d+,(?:\d{1,2}|\d{4,}))(?!\d|[.,]\d)"
)
_DOTTED = re.compile(r"[1-9]\d{0,2}\.\d{3}")  # a thousand and more where money is written so: 1.200 \u20ac
_PLAIN = r"(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d{1,4}(?!\w))?"
_NUMERAL = rf"(?:{_GROUPED}|{_PLAIN})"
_POWER = r"\s*[\u00d7x*]\s*10\s*(?:\^|\*\*)\s*[{(]?\s*(?P<power>[-+]?\d{1,4})\s*[)}]?(?!\d)"
_SCALE = {"hundred": 2, "thousand": 3, "k": 3, "lakh": 5, "lakhs": 5, "million": 6, "mn": 6, "crore": 7, "crores": 7}
_SCALE |= {"billion": 9, "bn": 9, "trillion": 12, "\u4e07": 4, "\u842c": 4, "\u4ebf": 8, "\u5104": 8}
_VALUE = (
    rf"(?P<sign>[-+]?)\s?(?P<currency>{_CURRENCY})?\s?(?P<sign2>-?)"
    rf"(?:(?P<whole>\d+)(?:\s+and\s+|\s+)(?P<top>\d+)\s?/\s?(?P<under>\d+)(?![\d.,]*\d)"
    r"|(?P<digits>\d[\dA-F]*)_(?:\{(?P<base>\d{1,2})\}|(?P<base2>\d{1,2})(?!\d))"
    rf"|10\s?\^\s?\{{?(?P<ten>[-+]?\d{{1,4}})\}}?(?!\d)"
    rf"|(?P<ratio>\d+\s?:\s?\d+)(?![\d:])"
    rf"|(?P<spaced>\d{{1,3}}(?: \d{{3}})+(?:[.,]\d+)?)(?![\d/]|[.,]\d| \d)"
    rf"|(?P<numeral>{_NUMERAL})(?:\s?/\s?(?P<divisor>{_NUMERAL}))?(?:{_POWER})?)"
    rf"(?P<percent>\s?%|\s(?:percent|per cent|pct)\b)?(?:\s?(?P<scale>{'|'.join(_SCALE)})(?![^\W\d_]))?"
)
VALUE = re.compile(_VALUE)
"""A number in a text, with its currency, base, power of ten and per cent sign."""
AFTER = re.compile(rf"\s?{_CURRENCY}")
"""A currency behind a number."""

_ABSOLUTE = re.compile(
    r"(?<![\w|)}\]\\])(?:(?:\\left\s*)?\||\\[lr]?vert\s*)\{?[-+]?\s?(\d[\d.,]*(?:/\d+)?)\}?"
    r"(?:(?:\\right\s*)?\||\s*\\[lr]?vert(?![a-z]))(?![\w|(^{!])"
)
_APPROXIMATE = re.compile(
    r"(?:about|approximately|approx\.?|around|roughly|nearly|almost|only|exactly|just|a total of|\u2248|~)\s*", re.I
)
_FRACTION = re.compile(
    r"(?:(?<!\d)(\d++)\s*+)?\\[dt]?frac\s*(?:\{\s*(-?[\d.,]+)\s*\}|(\d))\s*(?:\{\s*(-?[\d.,]+)\s*\}|(\d))"
)
_SPACES = re.compile(r"\\(?:left|right|[bB]igg?[lr]?|displaystyle|limits|quad|qquad)(?![A-Za-z])|\\[,;:! ]|~|\{\}|\\ ")
_SIGNS = (
    (re.compile(r"\\(?:times|cdot|ast)(?![A-Za-z])|[\u00b7\u22c5\u2217]"), "\u00d7"),
    (re.compile(r"\\%"), "%"),
    (re.compile(r"\s*(?:\^\s*\{?\s*\\circ\s*\}?|\\degree(?![A-Za-z])|\\deg(?![A-Za-z]))"), "\u00b0"),
    (re.compile(r"\\(?:approx|simeq|sim|thickapprox)(?![A-Za-z])|\u2243"), "\u2248"),
    (re.compile(r"\\(?:euro|EUR)(?![A-Za-z])"), "\u20ac"),
    (re.compile(r"\\(?:pounds)(?![A-Za-z])"), "\u00a3"),
    (re.compile(r"\{:\}"), ":"),
    (re.compile(r"\\[dt]?frac\s*\{([^\W\d_]+)\}\s*\{([^\W\d_]+)\}"), r" \1/\2"),
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number and what stands beside it."""

    value: Fraction
    """The number; of "50%" it is 50."""
    unit: str = ""
    """Name of its unit or currency, "" where that is none of `units.SAME_UNIT`."""
    percent: bool = False
    """Whether it has a per cent sign."""
    base: int = 10
    """Base of the digits in which it is written: of "1010_2" it is 2."""

    def equals(self, other: "Quantity") -> bool:
        """Whether another is this number, rounded or not, in a unit that does not differ.

        A number that is written in another base than ten must be answered in that base; "1010_2" is 10, not vice versa.
        """
        if self.base not in (10, other.base):
            return False
        if self.unit and other.unit and self.unit != other.unit:
            return False
        if _close(self.value, other.value):
            return True
        # 50% is 0.5 as well as 50.
        return self.percent != other.percent and _close(
            self.value / (100 if self.percent else 1), other.value / (100 if other.percent else 1)
        )


def flat(text: str) -> str:
    r"""Text with LaTeX's fractions, spaces, products and degrees in plain form.

    >>> flat(r"1\\frac{4}{5}\\,\\text{cm}")
    '1 4/5 cm'
    """
    text = re.sub(r"(?<=\d)(?:\{,\}|,\\!|\\[,!;: ]|~)\s*(?=\d{3})", "", plain(text))
    text = _FRACTION.sub(lambda m: f"{m[1] or ''} {m[2] or m[3]}/{m[4] or m[5]}".strip(), text)
    for form, sign in _SIGNS:
        text = form.sub(sign, text)
    return _SPACES.sub(" ", "\n".join(map(_unsigned, text.split("\n"))))


def read_quantity(text: str) -> Quantity | None:
    """The quantity that is the whole of a text; None if there is more, or less.

    Of a chain "x = 2 + 3 = 5 apples" it is the last side; a label ("Total: 5") and words like "about" do not count.
    """
    text = re.sub(r"\\(?:begin|end)\{[a-z]+\*?\}|&|\\\\\s*(?=$|\\end)", " ", text)
    text = flat(text).strip(" \t\n\"'").rstrip(" .,;\"'")
    if re.search(r"[<>\u2260\u2264\u2265]", text):
        return None
    sides = [side.strip() for side in re.split(r"[=\u2248]", text)]
    if len(sides) > 1 and re.fullmatch(r"[A-Za-z]\w*", sides[-1]):  # 5 = x
        sides.pop()
    if (
        len(sides) > 1
        and read_quantity(sides[0]) is None
        and re.search(r"\d[a-zA-Z](?![a-zA-Z])|[a-z)]\s*[-+].*[^\w]0$", f"{sides[0]} {sides[-1]}")
    ):
        return None  # an equation: 2x = 6, x + y + 1 = 0
    text = re.sub(r"^[A-Za-z][A-Za-z ]*:\s*(?=\S)", "", sides[-1])
    text = re.sub(r"^\((.*)\)$|^\{(.*)\}$", lambda m: (m[1] or m[2] or "").strip(), text)
    text = _APPROXIMATE.sub("", text, count=1) if _APPROXIMATE.match(text) else text
    found = VALUE.match(text)
    return quantity(found, text[found.end() :]) if found else None


def quantity(found: re.Match[str], tail: str = "") -> Quantity | None:
    """The quantity of a `VALUE` and the unit that follows it; None where the tail is none."""
    value = _value(found)
    after = AFTER.match(tail)
    unit = tail[after.end() :] if after else tail
    if value is None or not is_unit(unit):
        return None
    beside = found["currency"] or (after[0] if after else tail)
    name = unit_name(beside.strip()[-1:] if found["currency"] or after else tail)
    if not found["currency"] and name == "euro" and _DOTTED.fullmatch(found[0].strip(" -+")):
        value *= 1000
    return Quantity(value, name, bool(found["percent"]), int(found["base"] or found["base2"] or 10))


def _unsigned(line: str) -> str:
    """A line with "|-6|" as "6", unless it is a row of a table: begins with a bar and has more than two."""
    return line if line.lstrip().startswith("|") and line.count("|") > 2 else _ABSOLUTE.sub(r"\1", line)


def _value(found: re.Match[str]) -> Fraction | None:
    try:
        value = _magnitude(found)
    except (ValueError, ZeroDivisionError):
        return None
    if found["scale"]:
        value *= 10 ** _SCALE[found["scale"]]
    return -value if "-" in (found["sign"], found["sign2"]) else value


def _magnitude(found: re.Match[str]) -> Fraction:
    if found["whole"]:
        return int(found["whole"]) + Fraction(int(found["top"]), int(found["under"]))
    if found["digits"]:
        return Fraction(int(found["digits"], int(found["base"] or found["base2"])))
    if found["ten"]:
        return Fraction(10) ** int(found["ten"])
    if found["ratio"]:
        left, right = found["ratio"].split(":")
        return Fraction(int(left), int(right))
    value = _decimal(found["spaced"] or found["numeral"])
    if found["divisor"]:
        value /= _decimal(found["divisor"])
    return value * Fraction(10) ** int(found["power"] or 0)


def _decimal(numeral: str) -> Fraction:
    """The value of a numeral in one of the forms of `_GROUPED` and `_PLAIN`."""
    numeral = re.sub(r"[' ]", "", numeral)
    if re.fullmatch(_PLAIN, numeral):
        return Fraction(numeral)
    if re.fullmatch(r"[\d,]+\.\d+|[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d?(?:,\d{2})+,\d{3}", numeral):
        return Fraction(numeral.replace(",", ""))
    return Fraction(numeral.replace(".", "").replace(",", "."))


def _close(a: Fraction, b: Fraction) -> bool:
    """Whether two numbers are the same, or one is the other rounded; whole numbers are never rounded."""
    if a.denominator == b.denominator == 1:
        return a == b
    return abs(a - b) <= TOLERANCE * max(abs(a), abs(b))

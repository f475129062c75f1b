r"""Text as scorers read it: without what a chat template left in it, in one form of Unicode, without markup."""

import re
import unicodedata

from zeta_eval.router.signals.template import answer_text

DOLLAR = "\uff04"
"""A dollar sign that is money, in text made plain: those that enclose formulas are gone."""

_HIDDEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\u00ad]")
_GROUPS = re.compile("(?<=\\d)[\u00a0\u2007\u2008\u2009\u202f](?=\\d{3}(?!\\d))")  # thin spaces between thousands
_SUPER = str.maketrans("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079\u207a\u207b", "0123456789+-")
_SUB = str.maketrans("\u2080\u2081\u2082\u2083\u2084\u2085\u2086\u2087\u2088\u2089", "0123456789")
_SIGNS = str.maketrans(
    {c: "-" for c in "\u2010\u2011\u2212\ufe63\uff0d"}
    | {c: "'" for c in "\u2018\u2019\u201b\u2032\u00b4\uff07"}
    | {c: '"' for c in "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\u300c\u300d\u300e\u300f"}
    | {c: "[" for c in "\u3010\u3014"}
    | {c: "]" for c in "\u3011\u3015"}
    | {"\u00ba": "\u00b0", "\u3002": ".", "\u3001": ",", "\u066b": ".", "\u066c": ","}
)
_FONT = re.compile(
    r"\\(?:text|textbf|textit|textrm|textsf|texttt|textnormal|emph|underline|mbox|hbox|operatorname|bold|boldsymbol"
    r"|math(?:rm|bf|it|sf|tt|cal|normal))\s*\{([^{}]*)\}"
)
FORMULA = re.compile(
    r"\$\$([^$]+)\$\$|(?<![\\$])\$(?=[^\s$])([^$\n]*?(?<![\s\\]))\$(?!\d)"
    r"|\\\(((?:(?!\\[()]).)+)\\\)|\\\[((?:(?!\\[\[\]]).)+)\\\]",
    re.DOTALL,
)
"""A formula between the signs that enclose it."""
BEGIN, END = "\ue000", "\ue001"
"""What encloses a formula in text that is made plain with `mark`."""

_JOINED = re.compile(r"(\\[a-zA-Z]+)(?=\\(?:text|math|mbox|operatorname))")
_SWITCH = re.compile(r"\\(?:bf|rm|it|tt|sf)(?:series|family|shape)?(?![a-zA-Z])\s*")
_NOTE = re.compile(r"<<[^<>\n]*>>")  # GSM8K's calculator notes: 2*3 = <<2*3=6>>6
_EMPHASIS = re.compile(
    r"(?<!\S)_(?=[^_\n]+_(?![\w{]))|(?<=[^\W_])_(?![\w{])|\*\*|__|`|(?<!\w)\*(?=\w)|(?<=\w)\*(?!\w)|\\[()\[\]]"
)


def answer_of(response: str) -> str:
    """The answer in a response: without thinking blocks, end tokens and calculator notes, in one form."""
    return _NOTE.sub("", unify(answer_text(response)))


def unify(text: str) -> str:
    r"""Text with one form for each character: spaces, minus signs, full width, digits of any script, raised digits.

    >>> unify("x² + 1\u00bd")
    'x^{2} + 1 1/2'
    """
    text = text.replace("\r\n", "\n")
    if text.isascii():
        return text
    text = _GROUPS.sub("", _HIDDEN.sub("", unicodedata.normalize("NFC", text)))
    text = re.sub("(?<=\\d)(?=[\u00bc-\u00be\u2150-\u215e\u2189])", " ", text)
    text = re.sub("[\u2070\u00b9\u00b2\u00b3\u2074-\u207b]+", lambda m: f"^{{{m[0].translate(_SUPER)}}}", text)
    text = re.sub("[\u2080-\u2089]+", lambda m: f"_{{{m[0].translate(_SUB)}}}", text)
    text = unicodedata.normalize("NFKC", text.translate(_SIGNS)).replace("\u2044", "/")
    text = re.sub(r"(?:(?<=^)|(?<=[\s(=:]))\u2013(?=[\d$\u20ac\u00a3.])", "-", text, flags=re.MULTILINE)
    return re.sub(r"[^\D0-9]", lambda m: str(unicodedata.decimal(m[0])), text)


def plain(text: str, *, mark: bool = False) -> str:
    r"""Text without markdown emphasis, LaTeX's fonts (`\text{}` and its like) and the signs that enclose formulas.

    With `mark`, `BEGIN` and `END` enclose formulas, in one line each.
    """
    text = _SWITCH.sub("", _JOINED.sub(r"\1 ", text))
    shown = _FONT.sub(r"\1", text)
    while shown != text:
        text, shown = shown, _FONT.sub(r"\1", shown)
    text = FORMULA.sub(lambda m: _formula(m, mark=mark), text.replace("\\$", DOLLAR))
    text = re.sub(r"\$(?=\s?-?\.?\d)|(?<=[A-Z])\$(?=\s?\d)|(?<=\d)\s?\$(?![\w$])", DOLLAR, text).replace("$", "")
    return _EMPHASIS.sub("", text)


def _formula(found: re.Match[str], *, mark: bool) -> str:
    """A formula without the signs that enclose it."""
    content = next(group for group in found.groups() if group)
    return f"{BEGIN}{' '.join(content.split())}{END}" if mark else content

"""Answers of models as HTML: Markdown, formulas, tables and code. Nothing in an answer runs, loads or links.

HTML in an answer is shown as text, a link as its words with the address behind them, and an image as its address.
"""

from collections.abc import Sequence
from functools import cache
from html import escape
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from zeta_eval.notebook.mathematics import IGNORED, formula_html, formulas

_COLOURS: Final = {
    "Comment": "comment",
    "Keyword": "keyword",
    "Literal.String": "string",
    "Literal.Number": "number",
    "Name.Builtin": "builtin",
    "Name.Function": "def",
    "Name.Class": "def",
}
"""By kind of code: the colour of JupyterLab's editor for it, in every theme."""
LONGEST: Final = 20_000
"""Most characters of code that gets colours."""
LONGEST_ANSWER: Final = 40_000
"""Most characters of an answer that is rendered; a longer one is shown as it stands."""
MOST_CELLS: Final = 10_000
"""Most cells that its tables may have."""
_BOX: Final = "overflow-x:auto;margin:6px 0"


def answer_html(text: str, *, whole: bool = True) -> str:
    """Return an answer as HTML; while it is still being written, formulas and code wait for their looks."""
    shown = _plain(text) if _endless(text) else _parser().render(text, {"whole": whole})
    return f"<div class='zeta-answer {IGNORED}'>{shown}</div>"


def _endless(text: str) -> bool:
    """Whether it would take too long: a row of a table has as many cells as its head, whatever stands in it."""
    lines = text.splitlines()
    return len(text) > LONGEST_ANSWER or len(lines) * max((line.count("|") for line in lines), default=0) > MOST_CELLS


def _plain(text: str) -> str:
    return f"<pre style='white-space:pre-wrap;overflow-wrap:anywhere'>{escape(text)}</pre>"


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    formulas(parser)
    for name, rule in _RULES.items():
        parser.add_render_rule(name, rule)
    return parser


def _formula(renderer: Any, tokens: Sequence[Token], i: int, options: Any, env: Any) -> str:
    token = tokens[i]
    shown = formula_html(token.content, display=token.meta["display"])
    shown = shown if env["whole"] else f"<code>{escape(token.content)}</code>"
    return f"<div style='{_BOX}'>{shown}</div>" if token.block else shown


def _link_close(renderer: Any, tokens: Sequence[Token], i: int, options: Any, env: Any) -> str:
    first = next(n for n in reversed(range(i)) if tokens[n].type == "link_open")
    target, words = str(tokens[first].attrs["href"]), "".join(t.content for t in tokens[first + 1 : i])
    return "" if words == target else f" ({_address(target)})"


def _image(renderer: Any, tokens: Sequence[Token], i: int, options: Any, env: Any) -> str:
    return f"[image {escape(tokens[i].content)} ({_address(str(tokens[i].attrs['src']))})]"


def _address(target: str) -> str:
    return f"<code style='overflow-wrap:anywhere'>{escape(target)}</code>"


def _code(renderer: Any, tokens: Sequence[Token], i: int, options: Any, env: Any) -> str:
    token = tokens[i]
    language = token.info.split()[0] if token.info.split() else ""
    shown = coloured(token.content, language) if env["whole"] and language else escape(token.content)
    return f"<pre style='{_BOX};white-space:pre;padding:6px 8px;border:1px solid rgba(128,128,128,.35)'>{shown}</pre>"


def _heading(renderer: Any, tokens: Sequence[Token], i: int, options: Any, env: Any) -> str:
    """A heading of an answer is none of the notebook's: its table of contents stays the user's own."""
    larger = 1.35 - 0.1 * min(3, int(tokens[i].tag[1]) - 1)
    return f"<p style='font-weight:600;font-size:{larger:.2f}em;margin:.6em 0 .2em'>"


def coloured(code: str, language: str) -> str:
    """Code as HTML in the colours of JupyterLab's editor; plain where the language is not known."""
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    if len(code) > LONGEST:
        return escape(code)
    try:
        lexer = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return escape(code)
    return "".join(_part(str(kind).removeprefix("Token."), text) for kind, text in lexer.get_tokens(code))


def _part(kind: str, text: str) -> str:
    name = next((colour for start, colour in _COLOURS.items() if kind.startswith(start)), None)
    if name is None:
        return escape(text)
    return f"<span style='color:var(--jp-mirror-editor-{name}-color,currentColor)'>{escape(text)}</span>"


_RULES: Final = {
    "formula": _formula,
    "link_open": lambda *_: "",
    "link_close": _link_close,
    "image": _image,
    "fence": _code,
    "code_block": _code,
    "heading_open": _heading,
    "heading_close": lambda *_: "</p>",
    "table_open": lambda *_: f"<div style='{_BOX}'><table>",
    "table_close": lambda *_: "</table></div>",
}
"""By token: what takes the place of the parser's own rendering."""

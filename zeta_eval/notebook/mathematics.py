r"""Mathematics in Markdown: what is a formula, and which formulas a page may typeset.

A formula stands between `$`, `$$`, `\(` and `\)`, `\[` and `\]`, or in an environment. A single `$` counts as pandoc
has it: no space after the first, none before the last, no digit behind it and no code between. So prices stay prices.
"""

import re
from html import escape
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

LONGEST: Final = 2000
"""Most characters of a formula; what is longer stays text."""
_TEX: Final = f".{{1,{LONGEST}}}?"
_PARTS: Final = {
    "dollars": rf"\$\$(?P<dollars>{_TEX})\$\$",
    "square": rf"\\\[(?P<square>{_TEX})\\\]",
    "round": rf"\\\((?P<round>{_TEX})\\\)",
    "dollar": rf"\$(?P<dollar>(?![\s$])[^$`]{{0,{LONGEST}}}?[^\s$`\\])\$(?!\d)",
    "environment": rf"(?P<environment>\\begin\{{(?P<name>[a-z]+\*?)\}}{_TEX}\\end\{{(?P=name)\}})",
}
_INLINE: Final = re.compile("|".join(_PARTS[k] for k in ("dollars", "square", "round", "dollar")), re.DOTALL)
_BLOCK: Final = re.compile("|".join(_PARTS[k] for k in ("dollars", "square", "environment")), re.DOTALL)
_REFUSED: Final = re.compile(
    r"\\(?:href|url|require|class|cssId|style|data|html\w*|def|gdef|let|(?:re)?new(?:command|environment)|csname|unicode"
    r"|bbox|label|ref|eqref|DeclareMathOperator|providecommand|Newextarrow|definecolor|mmlToken|toggle|\w*tip|includegraphics|input)(?![A-Za-z])"
)
"""Commands that link, load, mark or redefine something outside the formula."""
IGNORED: Final = "mathjax_ignore tex2jax_ignore"
"""Classes of an element in which MathJax finds no formulas."""
_FOUND: Final = "mathjax_process tex2jax_process"


def formulas(parser: MarkdownIt) -> None:
    """Teach a parser to find formulas; they end up in tokens named "formula"."""
    parser.inline.ruler.before("escape", "formula", _inline)
    parser.block.ruler.before("fence", "formula", _block, {"alt": ["paragraph", "reference", "blockquote", "list"]})


def formula_html(tex: str, *, display: bool) -> str:
    """A formula as the page's own MathJax typesets it; one that may not be typeset, as code."""
    if _REFUSED.search(tex):
        return f"<code>{escape(tex)}</code>"
    left, right = ("\\[", "\\]") if display else ("\\(", "\\)")
    if tex.startswith("\\begin{"):  # an environment is its own mathematics
        left = right = ""
    return f"<span class='{_FOUND}'>{left}{escape(tex)}{right}</span>"


def _inline(state: StateInline, silent: bool) -> bool:
    found = _INLINE.match(state.src, state.pos, state.posMax) if state.src[state.pos] in "$\\" else None
    if found is None:
        return False
    if not silent:
        _push(state, found, display=found["dollars"] is not None or found["square"] is not None)
    state.pos = found.end()
    return True


def _block(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    start = state.bMarks[first] + state.tShift[first]
    if state.is_code_block(first) or state.src[start : start + 1] not in ("$", "\\"):
        return False
    found = _BLOCK.match(state.src, start, state.eMarks[last - 1])
    if found is None:
        return False
    line = next(n for n in range(first, last) if state.eMarks[n] >= found.end())
    if state.src[found.end() : state.eMarks[line]].strip():  # words follow: a formula within a paragraph
        return False
    if not silent:
        _push(state, found, display=True)
        state.line = line + 1
    return True


def _push(state: Any, found: re.Match[str], *, display: bool) -> None:
    token = state.push("formula", "", 0)
    token.content = next(found[k] for k in _PARTS if k in found.re.groupindex and found[k] is not None).strip()
    token.meta = {"display": display}
    token.block = isinstance(state, StateBlock)

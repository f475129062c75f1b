import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeta_eval.notebook.markdown import answer_html

TAGS = {
    *("div", "p", "span", "code", "pre", "strong", "em", "s", "br", "hr", "ul", "ol", "li", "blockquote"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {"class", "style", "start"}

HOSTILE = """<script>alert(1)</script>
<img src=x onerror=alert(1)> <iframe src="https://evil.example"></iframe> <style>*{display:none}</style>
[a good page](https://evil.example/steal?q=1) [js](javascript:alert(1)) ![see](https://evil.example/pixel.png)
<https://evil.example/auto> https://evil.example/bare [ref][1]

[1]: https://evil.example/ref 'a "title" onclick=x'

`<b onclick=x>` $\\href{javascript:alert(1)}{x}$ $$\\style{position:fixed}{x} \\require{html}$$

```python" onmouseover="alert(1)
</pre><script>alert(2)</script>
```

| <script>a</script> | b |
|---|---|
| <a href="javascript:x">y</a> | `z` |
"""


class Seen(HTMLParser):
    """The tags and attributes of a page, and its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.styles, self.open, self.words = set(), set(), [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.styles += [value for name, value in attrs if name == "style"]
        if tag not in ("br", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("br", "hr"):
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return "".join(self.words)


def harmless(page):
    """Parse a page, and make sure that it can do nothing but be read."""
    seen = Seen(page)
    assert seen.tags <= TAGS and seen.attributes <= ATTRIBUTES and not seen.open
    assert not any(word in style for style in seen.styles for word in ("url(", "position", "expression"))
    return seen


def test_markdown_tables_code_and_formulas_are_rendered():
    page = answer_html(
        "## Sum\n\nIt is **so**, `x`:\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n```python\ndef f(): return 1\n```\n\n"
        "$x^2_1$, \\(a_b\\)\n\n\\[\nx\n= 1\n\\]\n\n\\begin{align}\na &= b\n\\end{align}\n\n1. one\n2. two"
    )
    seen = harmless(page)
    assert {"strong", "table", "td", "pre", "ol", "code"} <= seen.tags and "h2" not in seen.tags
    assert "keyword-color" in page and "\\(x^2_1\\)" in page and "\\(a_b\\)" in page
    assert "\\[x\n= 1\\]" in page and "\\begin{align}\na &amp;= b\n\\end{align}" in page
    assert page.count("mathjax_process") == 4 and page.startswith("<div class='zeta-answer mathjax_ignore")


def test_prices_and_code_are_no_mathematics():
    page = answer_html("From $5 to $6, `$x$`, \\$y\\$, and 2$.\n\n    $z$\n\n```\n$w$\n```")
    assert "mathjax_process" not in page and "From $5 to $6" in page


def test_an_answer_that_is_being_written_has_its_formulas_as_source():
    page = answer_html("$x$ and ```python\nx = 1", whole=False)
    assert "mathjax_process" not in page and "<code>x</code>" in page


def test_nothing_in_a_hostile_answer_runs_loads_or_links():
    seen = harmless(answer_html(HOSTILE))
    for word in ("<script>alert(1)</script>", "onerror=alert(1)", "</pre><script>alert(2)</script>", "<style>"):
        assert word in seen.text


def test_links_and_images_show_where_they_lead():
    text = harmless(answer_html(HOSTILE)).text
    for shown in (
        "a good page (https://evil.example/steal?q=1)",
        "[image see (https://evil.example/pixel.png)]",
        "ref (https://evil.example/ref)",
        "https://evil.example/auto",
    ):
        assert shown in text
    assert text.count("https://evil.example/auto") == 1


def test_a_formula_that_links_or_redefines_is_shown_as_its_source():
    for tex in ("\\href{https://a.b}{x}", "\\class{jp-Cell}{x}", "\\def\\x{y}", "\\require{html}", "\\unicode{x41}"):
        page = answer_html(f"${tex}$")
        assert "mathjax_process" not in page and "<code>" in page


PIECES = ["$", "$$", "\\(", "\\)", "\\[", "\\]", "`", "```", "*", "**", "|", "---", "[a](b)", "![", "<", "\n", "\n\n"]


@given(st.lists(st.sampled_from([*PIECES, "<b x=y>", "\\begin{a}", "\\end{a}", "> ", "- ", "# ", "word"]) | st.text()))
def test_any_answer_is_harmless_and_whole(pieces):
    text = "".join(pieces)
    harmless(answer_html(text))
    harmless(answer_html(text, whole=False))


@pytest.mark.parametrize("piece", ["\\(", "$a ", "\\[ x\n", "\\begin{a}\n", "[", "**a ", "![a]("])
def test_time_grows_with_the_length_of_an_answer_alone(piece):
    def took(n):
        start = time.process_time()
        answer_html(piece * n)
        return time.process_time() - start

    assert took(16_000) < 30 * took(2000) + 1.0  # 8 times as long; by its square it would be 64 times


def test_a_table_of_far_more_cells_than_characters_is_shown_as_it_stands():
    wide = "|a" * 188 + "|\n" + "|-" * 188 + "|\n" + "|x|\n" * 94
    assert answer_html(wide).count("<td") == 0 and "|x|" in answer_html(wide)
    assert answer_html("|a|b|\n|-|-|\n|x|y|\n").count("<td") == 2

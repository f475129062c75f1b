import re
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from zeta_eval.notebook.variables import interpolate

VALUES = {
    "name": "Ada",
    "n": 3,
    "i": 1,
    "items": ["a", "b"],
    "table": {"key": {"inner": 7}},
    "thing": SimpleNamespace(size="4B", parts=[SimpleNamespace(x=1)]),
}


def test_names_attributes_and_items_are_filled_in():
    text = "{name} has {n}: {items[0]}, {items[-1]}, {items[i]}, {table['key'][\"inner\"]}, {thing.parts[0].x}"
    assert interpolate(text, VALUES) == "Ada has 3: a, b, b, 7, 1"


def test_code_json_and_latex_stay_as_they_are():
    for text in (
        r"\frac{a}{b} and \mathbb{R}^{n+1} and x^{ n }",
        '{"name": "Ada", "n": {"x": 1}}',
        "def f(): return {name: 1, **{}}",
        'f"{name!r:>10}" and "{n:.2f}" and {n + 1} and {n()} and {thing.none} and {items[9]} and {table[0]}',
        "{{ name }} {{name}} {{{name}}} {% if n %} ${HOME} {unknown} {0} {} {name",
        "{print} {len} {name.__class__.__nothing__} {items['a]}",
    ):
        assert interpolate(text, VALUES) == text


FIELD = re.compile(r"(?<!\{)\{(?:name|n|i|items|table|thing)\b[^{}]*\}(?!\})")


@given(st.text(alphabet=st.sampled_from("{}[].'\"nxi \\$:!0\n") | st.characters()))
def test_text_without_a_known_name_in_braces_stays_as_it_is(text):
    if not FIELD.search(text):
        assert interpolate(text, VALUES) == text


@given(st.lists(st.text(alphabet="{}[].'\"xyz \\$:!0\n", max_size=8), min_size=2, max_size=6))
def test_only_the_field_itself_changes(parts):
    parts = [p.strip("{}") for p in parts]
    assert interpolate("{name}".join(parts), VALUES) == "Ada".join(parts)


@given(st.text())
def test_what_is_filled_in_is_not_read_again(value):
    assert interpolate("<{x}>", {"x": value, "name": "Ada"}) == f"<{value}>"


def test_a_value_whose_own_code_fails_stays_as_it_is():
    class Angry:
        def __str__(self):
            raise RuntimeError("no")

    assert interpolate("{x} {n}", {"x": Angry(), "n": 3}) == "{x} 3"

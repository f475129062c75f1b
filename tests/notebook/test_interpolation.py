import re
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from zeta_eval.notebook.variables import filled, interpolate

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


def test_fields_in_mathematics_and_code_stay_and_are_named():
    for text in (
        r"Simplify \sqrt{n} and x^{n} and a_{n} and \frac{1}{n} and \frac{\sqrt{n}}{i}.",
        "Why does `print({n})` fail?",
        "```python\nprint({n})\n```\ndone",
        "~~~\n{n}",
        "Is f'{n}' the same as rf\"{n}\"?",
        "Look:\n\n    total = {n}\n    print({i})\n",
    ):
        found = filled(text, VALUES)
        assert found.text == text and not found.values
        assert "{n}" in found.left and "{n}" in found.told[0]


def test_what_is_filled_in_is_said():
    found = filled(r"{name} of {n} in `{i}`", VALUES)
    assert found.text == "Ada of 3 in `{i}`"
    assert found.told == ["Filled in: {name}: Ada, {n}: 3.", "Left as it stands in code or mathematics: {i}."]
    assert filled("no field", VALUES).told == []
    assert len(filled("{x}", {"x": "a b " * 99}).told[0]) < 90


def test_text_beside_code_and_mathematics_is_filled_in():
    text = "`code` then {n}, of'{name}', $x^2$ {n} \\alpha {n}{i}\n    indented {name}"
    assert filled(text, VALUES).text == "`code` then 3, of'Ada', $x^2$ 3 \\alpha 31\n    indented Ada"


def test_a_files_name_on_a_line_may_have_its_field_after_an_underscore():
    assert interpolate("policy_{n}_{thing.size}.json", VALUES) == "policy_3_4B.json"
    assert interpolate(r"what is $x_{n}$", VALUES) == r"what is $x_{n}$"


FIELD = re.compile(r"(?<!\{)\{(?:name|n|i|items|table|thing)\b[^{}]*\}(?!\})")


@given(st.text(alphabet=st.sampled_from("{}[].'\"nxi \\$:!0\n") | st.characters()))
def test_text_without_a_known_name_in_braces_stays_as_it_is(text):
    if not FIELD.search(text):
        assert interpolate(text, VALUES) == text


@given(st.lists(st.text(alphabet="{}[].'\"xyz $:!0\n", max_size=8), min_size=2, max_size=6))
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

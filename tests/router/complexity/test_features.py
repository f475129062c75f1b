import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.router.complexity import FEATURES, extract, feature, has_signal, is_embedding_request
from zeta_eval.router.complexity.view import LIMIT, TextView


@given(st.text(max_size=300))
def test_every_feature_of_any_text_is_a_finite_number(text):
    features = extract(text)
    assert list(features) == list(FEATURES)
    assert all(math.isfinite(x) for x in features.values())


def test_features_say_what_they_are_named_for():
    f = extract("Multiply 123 by 45, then sort the letters QWERTY.")
    assert f["longest_number"] == 3 and f["second_number"] == 2
    assert f["product_work"] == pytest.approx(math.log1p(6))
    assert f["multiplication_digits_work"] == 3 and f["addition_digits_work"] == 0
    assert f["ordering_letters_work"] == pytest.approx(math.log1p(8))  # "Multiply" is the longest word
    assert f["cue_ordering"] == pytest.approx(math.log1p(1))


def test_a_sign_asks_for_work_only_among_numbers():
    assert extract("12 + 7 - 3")["cue_addition"] > 0 and extract("12 + 7 - 3")["cue_subtraction"] > 0
    assert extract("a well-known + loved song")["cue_subtraction"] == 0


def test_a_long_text_is_read_at_both_ends_only():
    text = "x" * (3 * LIMIT) + " prove"
    view = TextView.of(text)
    assert view.characters == len(text)
    assert len(view.text) == 2 * LIMIT + 1
    assert view.cues == {"reasoning": 1}


@pytest.mark.parametrize(
    "text",
    [
        "Embed this: a cat",
        "please embed the sentence",
        "Compute an embedding for: x",
        "create a sentence embedding of it",
    ],
)
def test_a_request_for_an_embedding_is_seen(text):
    assert is_embedding_request(text)


@pytest.mark.parametrize(
    "text",
    [
        "What is an embedding in topology?",
        "Generate code for word embeddings",
        "Explain embedded systems",
        "Vectorize this loop in NumPy: for i in range(n)",
        "Embed a YouTube video in an HTML page, how?",
        "",
    ],
)
def test_a_question_about_embeddings_is_no_request_for_one(text):
    assert not is_embedding_request(text)


def test_only_letters_and_digits_are_a_signal():
    assert has_signal("7") and has_signal("é") and not has_signal(" ...?! ") and not has_signal("")


def test_a_feature_name_is_taken_once():
    with pytest.raises(InvalidInputError, match="registered already"):
        feature("words")(lambda view: 0.0)


def test_the_serving_core_loads_nothing_but_the_standard_library():
    code = (
        "import sys, zeta_eval.router\n"
        "heavy = {'numpy', 'pandas', 'torch', 'mlflow', 'optuna', 'transformers', 'datasets', 'sklearn'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"

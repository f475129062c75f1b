import math
import re
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.router.complexity import FEATURES, extract, feature, has_signal
from zeta_eval.router.complexity.languages import CUES, LANGUAGES
from zeta_eval.router.complexity.scripts import CUE_OF, ascii_digits, cue_of, cues_within, fold
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
    assert view.cues == {"proof": 1}


TOKEN = re.compile(r"[^\W\d_]+|\d+(?:[.,]\d+)*|[^\w\s]")


def read_token_by_token(text):
    """Words, numbers, signs, cues and the longest word of an ASCII text, one token after another."""
    words, numbers, symbols, cues = [], [], [], {}
    for token in TOKEN.findall(text.lower()):
        if token.isalpha():
            words.append(token)
            if (cue := CUE_OF.get(token)) is not None:
                cues[cue] = cues.get(cue, 0) + 1
        elif token[0].isdigit():
            numbers.append(token)
        else:
            symbols.append(token)
    if numbers:
        signs = {"+": "addition", "-": "subtraction", "*": "multiplication", "/": "division"}
        for cue in [signs[symbol] for symbol in symbols if symbol in signs]:
            cues[cue] = cues.get(cue, 0) + 1
        if "x" in words and (times := len(re.findall(r"\d\s*[xX]\s*\d", text))):
            cues["multiplication"] = cues.get("multiplication", 0) + times
    return words, numbers, "".join(symbols), cues, max(map(len, words), default=0)


@given(
    st.one_of(
        st.text(st.characters(max_codepoint=127), max_size=200),
        st.text("09.,x+-_ aZ\x1c\n", max_size=30),
        st.lists(st.sampled_from(["prove", "Sum", "x", "1,234.5", "3.", ".5", "1..2", "_7_", "\t", "?!"])).map(
            " ".join
        ),
    )
)
def test_an_ascii_text_is_read_as_if_token_by_token(text):
    view = TextView.of(text)
    assert (view.words, view.numbers, view.symbols, view.cues, view.longest_word) == read_token_by_token(text)
    assert view.letters == sum(map(len, view.words)) and view.length == len(view.words)
    digits = sorted([sum(map(str.isdigit, number)) for number in view.numbers], reverse=True)
    assert view.digits == (*digits, 0, 0)[:2]


def test_only_letters_and_digits_are_a_signal():
    assert has_signal("7") and has_signal("é") and not has_signal(" ...?! ") and not has_signal("")


PROVE = {
    "en": "Prove that two odd numbers have an odd product.",
    "es": "Demuestra que dos números impares tienen un producto impar.",
    "de": "Beweise, dass zwei ungerade Zahlen ein ungerades Produkt haben.",
    "fr": "Démontrez que deux nombres impairs ont un produit impair.",
    "pt": "Demonstre que dois números ímpares têm um produto ímpar.",
    "it": "Dimostra che due numeri dispari hanno un prodotto dispari.",
    "tr": "İki tek sayının çarpımının tek olduğunu kanıtla.",
    "ru": "Докажите, что произведение двух нечётных чисел нечётно.",
    "ar": "أثبت أن حاصل ضرب عددين فرديين عدد فردي.",
    "hi": "सिद्ध कीजिए कि दो विषम संख्याओं का गुणनफल विषम होता है।",
    "ko": "두 홀수의 곱이 홀수임을 증명하세요.",
    "zh": "证明两个奇数的乘积是奇数。",
    "ja": "二つの奇数の積は奇数であることを証明してください。",
    "th": "จงพิสูจน์ว่าผลคูณของจำนวนคี่สองจำนวนเป็นจำนวนคี่",
}
THANKS = {
    "en": "thanks", "es": "gracias", "de": "danke", "fr": "merci", "pt": "obrigado", "it": "grazie",
    "tr": "teşekkürler", "ru": "спасибо", "ar": "شكرا", "hi": "धन्यवाद", "ko": "감사합니다",
    "zh": "谢谢", "ja": "ありがとう", "th": "ขอบคุณ",
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_cue_words_are_found_in_every_language(language):
    assert extract(PROVE[language])["cue_proof"] > 0 == extract(THANKS[language])["cue_proof"]
    assert extract(THANKS[language])["cue_courtesy"] > 0 == extract(PROVE[language])["cue_courtesy"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_sentence_is_about_as_long_in_every_language(language):
    view, english = TextView.of(PROVE[language]), TextView.of(PROVE["en"])
    assert 0.5 < view.length / english.length < 2 and 0.5 < view.size / english.size < 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_cue_word_of_the_table_gives_its_cue_unless_an_earlier_language_has_it(language):
    for cue, words in LANGUAGES[language].items():
        assert cue in CUES
        for word in words.split():
            if language in ("zh", "ja", "th"):
                assert next(cues_within(word)) in CUES
            else:
                assert cue_of(word) in CUES


def test_a_text_without_spaces_gives_pairs_of_characters_within_a_script():
    view = TextView.of("用Python计算面积です")
    assert view.words == ["python", "用", "计算", "算面", "面积", "です"]
    assert view.scripts == 3 and view.longest_word == 6
    assert view.length == pytest.approx(1 + (3 * 5 + 1.5 * 2) / 5)


def test_marks_stay_with_their_letters():
    assert TextView.of("नमस्ते दुनिया").words == ["नमस्ते", "दुनिया"]
    assert TextView.of("cafe\u0301").words == ["cafe\u0301"]
    assert not TextView.of("สวัสดีครับ").symbols


@pytest.mark.parametrize("digits", ["１２３", "١٢٣", "۱۲۳", "१२३", "๑๒๓"])
def test_digits_of_any_script_are_numbers(digits):
    view = TextView.of(f"{digits} + 4")
    assert view.numbers == ["123", "4"] and view.digits == (3, 1) and view.cues["addition"] == 1
    assert ascii_digits("١٬٢٣٤٫٥") == "1,234.5"


def test_signs_of_any_script_count_as_their_ascii_form():
    for text in ("这是什么？", "ما هذا؟", "What is this?"):
        assert extract(text)["asks"] == 1
    assert extract("一、二，三，四")["commas"] == extract("a, b, c, d")["commas"]
    assert extract("１２×３４")["product_work"] == extract("12 * 34")["product_work"] > 0


def test_a_single_character_is_a_cue_at_the_beginning_of_a_run_only():
    assert extract("12加30")["cue_addition"] > 0 == extract("住在加拿大30年")["cue_addition"]


def test_an_x_between_numbers_multiplies_and_digits_exclude_separators():
    f = extract("What is 48,293 x 7,719?")
    assert f["longest_number"] == 5 and f["second_number"] == 4 and f["product_work"] == pytest.approx(math.log1p(20))
    assert extract("Solve 3 + x = 4")["product_work"] == 0


def test_accents_and_case_do_not_hide_a_cue():
    assert fold("DÉMONTREZ") == "demontrez" == fold(unicodedata.normalize("NFD", "démontrez"))
    assert extract("DEMONTREZ")["cue_proof"] == extract("démontrez")["cue_proof"] > 0


def test_a_feature_name_is_taken_once():
    with pytest.raises(InvalidInputError, match="registered already"):
        feature("words")(lambda view: 0.0)


def test_a_feature_of_an_unknown_cue_is_refused():
    with pytest.raises(UnknownNameError, match="Did you mean 'proof'"):
        feature("proofs", cue="prof")(lambda view: 1.0)


@given(st.text(max_size=100))
def test_a_feature_of_a_cue_is_nothing_without_the_cue(text):
    found, cues = extract(text), TextView.of(text).cues
    for cue in CUES:
        assert (found[f"cue_{cue}"] > 0) == (cue in cues)
        assert cue in cues or not any(x for name, x in found.items() if name.startswith(f"{cue}_"))


def test_the_serving_core_loads_nothing_but_the_standard_library():
    code = (
        "import sys, zeta_eval.router\n"
        "heavy = {'numpy', 'pandas', 'torch', 'mlflow', 'optuna', 'transformers', 'datasets', 'sklearn'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"

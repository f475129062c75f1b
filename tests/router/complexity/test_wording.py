import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeta_eval.router.complexity import FEATURES, extract
from zeta_eval.router.complexity.wording import in_words


@pytest.mark.parametrize("feature", FEATURES)
def test_more_less_and_none_of_a_feature_are_said_apart_and_without_its_name(feature):
    more, less, none = (
        in_words(feature, above=True),
        in_words(feature, above=False),
        in_words(feature, above=False, absent=True),
    )
    assert more != less and more != none and not any("_" in words for words in (more, less, none))
    assert "usual" not in none


def test_work_that_a_text_does_not_ask_for_is_not_said_to_be_less():
    assert in_words("reversal_letters_work", above=False, absent=True) == "no reversal asked for"
    assert in_words("reversal_letters_work", above=False) == "a shorter word for its reversal than usual"
    assert in_words("cue_reversal", above=False, absent=True) == "no reversal asked for"
    assert in_words("stepwise_digits_work", above=False, absent=True) == "no steps asked for"
    assert in_words("product_work", above=False, absent=True) == "no multiplication asked for"


def test_a_feature_of_ones_own_is_said_by_its_name():
    assert in_words("exclamation_marks", above=False) == "fewer exclamation marks than usual"


WORDS = st.sampled_from(["12", "345", "7", "times", "reverse", "sort", "prove", "x", "add", "?", "(", "="])


@given(st.lists(WORDS).map(" ".join))
def test_nothing_is_said_to_be_absent_that_a_text_has(text):
    found = {in_words(n, above=False, absent=True) for n, x in extract(text).items() if not x}
    assert ("no numbers" in found) == (not any(word.isdigit() for word in text.split()))
    assert ("no reversal asked for" in found) == ("reverse" not in text)
    assert ("no question mark" in found) == ("?" not in text)

import re

import languages
import pytest
from language_texts import KINDS, TEXTS


def test_ten_languages_have_the_same_wordings_in_number():
    assert len(TEXTS) == 10
    counts = [{of: len(texts) for of, texts in table.items()} for table in TEXTS.values()]
    assert all(count == counts[0] for count in counts) and set(KINDS) < set(counts[0])


@pytest.mark.parametrize("language", TEXTS)
def test_a_content_keeps_its_numbers_in_every_language(language):
    for content in languages.draw(60, 0):
        text, english = languages.wording(language, content), languages.wording("en", content)
        assert "{" not in text and re.findall(r"\d+", text) == re.findall(r"\d+", english)


def test_outcomes_are_the_same_in_every_language():
    contents = languages.draw(50, 3)
    english, hindi = (languages.outcomes_in(language, contents, 3) for language in ("en", "hi"))
    assert (english.matrix("score") == hindi.matrix("score")).all()
    assert (english.matrix("gpu_s") == hindi.matrix("gpu_s")).all()
    assert not set(english.queries) & set(hindi.queries)


def test_harder_contents_are_answered_less_often():
    outcomes = languages.outcomes_in("en", languages.draw(1000, 0), 0)
    means = outcomes.matrix("score").mean(0)
    assert means[0] < means[1] < means[2]

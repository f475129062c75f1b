import pytest

from zeta_eval.router.complexity.languages import LANGUAGES
from zeta_eval.router.complexity.turns import BRIEF, LINKED, linked, turn_of

CONTINUE = {
    "en": "continue",
    "es": "continúa por favor",
    "fr": "vas-y, continue",
    "de": "ja, mach bitte weiter",
    "pt": "continue, por favor",
    "it": "sì, vai avanti",
    "tr": "devam et",
    "ru": "да, продолжай",
    "ar": "نعم، استمر",
    "hi": "जारी रखो",
    "ko": "네, 계속해 주세요",
    "zh": "好的，请继续",
    "ja": "はい、続けてください",
    "th": "ทำต่อไป",
}
WHY = {
    "en": "why?",
    "es": "¿por qué?",
    "fr": "pourquoi ?",
    "de": "warum das?",
    "pt": "por que?",
    "it": "perché?",
    "tr": "neden?",
    "ru": "почему?",
    "ar": "لماذا؟",
    "hi": "क्यों?",
    "ko": "왜?",
    "zh": "为什么？",
    "ja": "なぜ？",
    "th": "ทำไม",
}
GERMAN = {
    "en": "and in German?",
    "es": "¿y en alemán?",
    "fr": "et en allemand ?",
    "de": "und auf Englisch?",
    "pt": "e em alemão?",
    "it": "e in tedesco?",
    "tr": "peki Almanca?",
    "ru": "а по-немецки?",
    "ar": "وبالألمانية؟",
    "hi": "और जर्मन में?",
    "ko": "그리고 독일어로?",
    "zh": "那用德语呢？",
    "ja": "ではドイツ語で？",
    "th": "แล้วภาษาเยอรมันล่ะ",
}
WHOLE = {
    "en": "Prove that the square root of 2 is irrational.",
    "es": "Demuestra que la raíz cuadrada de 2 es irracional.",
    "fr": "Démontre que la racine carrée de 2 est irrationnelle.",
    "de": "Beweise, dass die Wurzel aus 2 irrational ist.",
    "pt": "Prove que a raiz quadrada de 2 é irracional.",
    "it": "Dimostra che la radice quadrata di 2 è irrazionale.",
    "tr": "Karekök 2'nin irrasyonel olduğunu kanıtla.",
    "ru": "Докажи, что корень из 2 иррационален.",
    "ar": "أثبت أن الجذر التربيعي للعدد 2 غير نسبي.",
    "hi": "सिद्ध करें कि 2 का वर्गमूल अपरिमेय है।",
    "ko": "2의 제곱근이 무리수임을 증명하라.",
    "zh": "证明根号二是无理数。",
    "ja": "2の平方根が無理数であることを証明しなさい。",
    "th": "พิสูจน์ว่ารากที่สองของ 2 เป็นจำนวนอตรรกยะ",
}


def test_every_language_of_the_cue_words_has_words_for_turns():
    assert set(LANGUAGES) == set(CONTINUE) == set(WHY) == set(GERMAN) == set(WHOLE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_turn_is_read_in_every_language(language):
    assert turn_of(CONTINUE[language]) == "goes on"
    assert turn_of(WHY[language]) == "is about"
    assert turn_of(GERMAN[language]) == "points back"
    assert turn_of(WHOLE[language]) == "stands"


@pytest.mark.parametrize("text", ["ok do it", "yes please", "Go on.", "try again", "tell me more", "...", "OK!"])
def test_an_assent_goes_on_with_what_was_asked(text):
    assert turn_of(text) == "goes on"


@pytest.mark.parametrize("text", ["fix it", "Can you explain that?", "Shorter, please.", "Translate it."])
def test_a_turn_on_an_answer_adds_nothing_to_the_request(text):
    assert turn_of(text) == "is about"


@pytest.mark.parametrize("text", ["the second one", "QWERT", "Prove it.", "Count them."])
def test_a_turn_that_says_too_little_points_back(text):
    assert turn_of(text) == "points back"


@pytest.mark.parametrize(
    "text",
    [
        "What is the capital of France?",
        "Add 12 and 30.",
        "12 * 7?",
        "Translate this: Hund",
        'Reverse it: "QWERT"',
        "Thanks!",
        "ok thanks",
        "Write a poem that rhymes",
        "Das Volumen einer Kugel berechnen",
        "x " * 400 + "it",
        "This is the story of " + "a man and " * int(BRIEF) + "a dog: sum it up",
    ],
)
def test_a_turn_with_work_or_thanks_of_its_own_stands(text):
    assert turn_of(text) == "stands"


def test_a_reply_to_a_question_points_back_though_it_is_longer():
    reply = "Eggs, milk, flour, butter, apples and sugar"
    assert turn_of(reply) == "stands" and turn_of(reply, asked=True) == "points back"


def test_what_a_chain_of_turns_asks_is_its_last_whole_request_with_what_was_added():
    asked = [False] * 9
    assert linked(["Hi", "Sum up the law.", "continue", "and in German?", "ok"], asked) == (
        "Sum up the law.\n\nand in German?"
    )
    assert linked(["continue"], asked) == "continue"
    assert linked(["Sum up the law.", "Prove Fermat's little theorem."], asked) == "Prove Fermat's little theorem."
    many = ["Sum up the law.", *(f"and in {c}?" for c in "ABCDEF")]
    assert linked(many, asked).split("\n\n") == [many[0], *many[-LINKED:]]

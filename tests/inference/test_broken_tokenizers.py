import pytest

from zeta_eval.exceptions import panics_caught
from zeta_eval.inference.engine.tokens import TextCodec
from zeta_eval.inference.server.usage import TokenCounter
from zeta_eval.models import GenerateConfig


class PanicException(BaseException):  # the name that PyO3 gives it
    """What a library in Rust raises where it breaks down."""


class PanickingTokenizer:
    """A tokenizer that breaks down on any text."""

    chat_template = None

    def __call__(self, *texts, **settings):
        raise PanicException("index out of bounds: the len is 0")


def test_a_tokenizer_that_panics_makes_an_error_row_and_no_traceback():
    tokens = TextCodec(PanickingTokenizer(), 64)
    ((ids, error),) = tokens.encode(["Hi"], GenerateConfig(max_new_tokens=4))
    assert ids == [] and error == "RuntimeError: a library broke down: index out of bounds: the len is 0"


def test_a_counter_whose_tokenizer_panics_estimates():
    counter = TokenCounter("some-model")
    counter.how, counter._tokenizer = "counted", PanickingTokenizer()
    assert counter.count("four") == 1


def test_what_is_no_panic_goes_through_as_it_is():
    with pytest.raises(KeyboardInterrupt), panics_caught():
        raise KeyboardInterrupt

import pytest

from zeta_eval.models import GenerateConfig

CONFIG = GenerateConfig(max_new_tokens=200)


def test_a_streamed_answer_grows_and_ends_as_the_plain_one_with_all_it_has(tiny):
    heard = []
    streamed = tiny.stream("Hi", CONFIG, heard.append)
    plain = tiny.measure(["Hi"], CONFIG)[0]
    assert streamed.text == plain.text and len(streamed.text) > 20
    assert heard and all(streamed.text.startswith(text) for text in heard)
    assert [len(text) for text in heard] == sorted(map(len, heard))
    assert streamed.mean_logprob == pytest.approx(plain.mean_logprob)
    assert streamed.completion_tokens == plain.completion_tokens
    assert 0 < streamed.ttft_s <= streamed.latency_s


def test_a_stop_text_ends_a_streamed_answer_and_is_never_heard(tiny):
    stop = tiny.stream("Hi", CONFIG, lambda text: None).text[10:13]
    heard = []
    config = GenerateConfig(max_new_tokens=200, stop=(stop,))
    assert tiny.stream("Hi", config, heard.append).text == tiny.generate(["Hi"], config)[0].text
    assert not any(stop in text for text in heard)


def test_an_interruption_from_the_listener_ends_the_generation(tiny):
    def listen(text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tiny.stream("Hi", CONFIG, listen)
    assert tiny.stream("Hi", CONFIG, lambda text: None).error is None


def test_a_prompt_that_can_not_be_run_is_an_error_and_nothing_is_heard(tiny):
    heard = []
    answer = tiny.stream("word " * 500, CONFIG, heard.append)
    assert "shorten it" in answer.error and not heard

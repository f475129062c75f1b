import time
from dataclasses import replace

import pytest
import torch

from zeta_eval.exceptions import GenerationError, HubAccessError, InvalidInputError
from zeta_eval.inference.engine.decoding import decode
from zeta_eval.inference.engine.memory import first_batch_size
from zeta_eval.inference.engine.transformers_engine import TransformersGenerator
from zeta_eval.models import GenerateConfig, ModelSpec
from zeta_eval.router.signals.template import without_thinking
from zeta_eval.router.too_long import is_too_long
from zeta_eval.testing import build_tiny_model, check_generator

PROMPTS = ["hello", "What is 2 + 2?", "a", "Sort the letters QXBA, please, and say what you have done.", "zz top 99"]
CONFIG = GenerateConfig(max_new_tokens=12)


def spec(folder, **more):
    return ModelSpec(**{"size": "tiny", "model": str(folder), "device_map": "cpu", **more})


def ids(generator, prompt):
    return torch.tensor([generator.tokenizer(prompt)["input_ids"]])


def when_prompt_has(generator, letter, action):
    """Call action(row) for each row of a batch that holds a letter, before the model reads it."""
    token = generator.tokenizer.convert_tokens_to_ids(letter)

    def hook(module, args, kwargs):
        for row in (kwargs["input_ids"] == token).any(1).nonzero():
            action(int(row))

    generator.model.register_forward_pre_hook(hook, with_kwargs=True)


def test_the_engine_keeps_the_promises_of_a_generator(tiny):
    check_generator(tiny)


def test_answers_in_a_batch_are_those_of_each_prompt_alone(tiny):
    together = tiny.generate(PROMPTS, CONFIG)
    alone = [tiny.generate([p], CONFIG)[0] for p in PROMPTS]
    for a, b in zip(together, alone, strict=True):
        assert (a.text, a.completion_tokens, a.prompt_tokens) == (b.text, b.completion_tokens, b.prompt_tokens)
        assert a.mean_logprob == pytest.approx(b.mean_logprob, abs=1e-5)
        assert a.min_logprob == pytest.approx(b.min_logprob, abs=1e-5)
    assert len({a.text for a in together}) == len(PROMPTS)


def test_tokens_are_those_of_transformers_own_greedy_generate(tiny):
    for prompt, answer in zip(PROMPTS, tiny.generate(PROMPTS, CONFIG), strict=True):
        read = ids(tiny, prompt)
        written = tiny.model.generate(
            read, attention_mask=torch.ones_like(read), max_new_tokens=12, do_sample=False, pad_token_id=0
        )[0, read.shape[1] :]
        assert answer.completion_tokens == len(written)
        assert answer.text == tiny.tokenizer.decode(written, skip_special_tokens=True)


def test_rows_that_end_early_leave_the_others_as_they_were(tiny):
    free = tiny.generate(PROMPTS, CONFIG)
    second = tiny.tokenizer.convert_tokens_to_ids(free[0].text[1])
    tiny._end = frozenset({second})  # now some rows end after a few tokens, and the batch is cut
    ended = tiny.generate(PROMPTS, CONFIG)
    assert ended[0].completion_tokens <= 2 and not ended[0].truncated
    for a, b in zip(free, ended, strict=True):
        assert b.text == a.text.partition(free[0].text[1])[0]


def test_log_probabilities_and_first_token_signals_are_those_of_a_plain_forward_pass(tiny):
    answer = tiny.generate(PROMPTS, CONFIG)[1]
    read = ids(tiny, PROMPTS[1])
    written = decode(tiny.model, read.tolist(), [12], end=[], now=time.perf_counter).rows[0].tokens
    whole = torch.cat([read, torch.tensor([written])], 1)
    with torch.inference_mode():
        logp = tiny.model(whole).logits[0, read.shape[1] - 1 : -1].log_softmax(-1)
    token_logp = logp.gather(1, whole[0, read.shape[1] :, None])
    first = logp[0].exp()
    top = first.topk(2).values
    assert answer.mean_logprob == pytest.approx(float(token_logp.mean()), abs=1e-5)
    assert answer.min_logprob == pytest.approx(float(token_logp.min()), abs=1e-5)
    assert answer.prefill_margin == pytest.approx(float(top[0] - top[1]), abs=1e-5)
    assert answer.prefill_entropy == pytest.approx(float(-(first * first.log()).sum()), abs=1e-5)


@pytest.mark.parametrize("most", [1, 2, 4])
def test_the_batch_is_halved_until_it_fits_and_the_answers_stay(tiny, most):
    expected = [c.text for c in tiny.generate(PROMPTS, CONFIG)]
    seen = []

    def hook(module, args, kwargs):
        seen.append(kwargs["input_ids"].shape[0])
        if seen[-1] > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    tiny.model.register_forward_pre_hook(hook, with_kwargs=True)
    assert [c.text for c in tiny.generate(PROMPTS, CONFIG)] == expected
    assert tiny.batch_size <= most
    tried = len([n for n in seen if n > most])
    tiny.generate(PROMPTS, GenerateConfig(max_new_tokens=12, batch_size=5))
    assert len([n for n in seen if n > most]) == tried  # what failed once is not tried again


def test_a_query_too_large_for_the_memory_alone_is_an_error_row(tiny):
    def hook(module, args, kwargs):
        if kwargs["input_ids"].shape[1] > 20:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    tiny.model.register_forward_pre_hook(hook, with_kwargs=True)
    answers = tiny.generate(PROMPTS, CONFIG)
    assert [a.error is None for a in answers] == [True, True, True, False, True]
    assert "out of memory" in answers[3].error


def test_one_bad_query_is_one_error_row(tiny):
    expected = tiny.generate(PROMPTS, GenerateConfig(max_new_tokens=1))

    def fail(row):
        raise ValueError("no Q, please\nsecond line")

    when_prompt_has(tiny, "Q", fail)
    answers = tiny.generate(PROMPTS, GenerateConfig(max_new_tokens=1))
    assert answers[3].error == "ValueError: no Q, please"
    assert [a.text for i, a in enumerate(answers) if i != 3] == [a.text for i, a in enumerate(expected) if i != 3]


def test_logits_that_are_not_numbers_are_error_rows(tiny):
    broken = []
    when_prompt_has(tiny, "Q", broken.append)

    def hook(module, args, output):
        if broken:
            output.logits[broken] = float("nan")
        broken.clear()

    tiny.model.register_forward_hook(hook)
    answers = tiny.generate(PROMPTS, CONFIG)
    assert [a.error is None for a in answers] == [True, True, True, False, True]
    assert "NaN" in answers[3].error and answers[3].mean_logprob is None


def test_a_query_longer_than_the_context_is_an_error_row(tiny):
    answers = tiny.generate(["x" * 256, "hello", ""], CONFIG)
    assert "256 tokens" in answers[0].error
    assert answers[1].error is None
    assert "empty" in answers[2].error
    assert tiny.generate(["x" * 300, ""], CONFIG)[1].error
    assert "300 tokens" in tiny.measure(["x" * 300], CONFIG)[0].error


def test_a_ladder_may_give_a_model_a_smaller_context(tmp_path):
    build_tiny_model(tmp_path)
    engine = TransformersGenerator(spec(tmp_path, context=32))
    answers = engine.generate(["x" * 32, "x" * 28], CONFIG)
    assert is_too_long(answers[0].error)
    assert answers[1].completion_tokens == 4 and answers[1].truncated


def test_an_answer_ends_where_the_context_does(tiny):
    answer = tiny.generate(["x" * 250, "hello"], CONFIG)[0]
    assert answer.completion_tokens == 6 and answer.truncated


def test_a_stop_text_ends_an_answer_and_is_no_part_of_it(tiny):
    free = tiny.generate(PROMPTS, CONFIG)
    stop = free[1].text[3:5]
    answers = tiny.generate(PROMPTS, GenerateConfig(max_new_tokens=12, stop=(stop, "never written")))
    assert answers[1].text == free[1].text.partition(stop)[0]
    assert not answers[1].truncated
    assert answers[1].completion_tokens < free[1].completion_tokens
    assert [a.text for a in answers[:1] + answers[2:]] == [a.text.partition(stop)[0] for a in free[:1] + free[2:]]


def test_reading_time_is_shared_by_prompt_tokens_and_writing_time_by_those_written(tiny):
    answers = tiny.generate(PROMPTS, CONFIG)
    reading = [a.prefill_gpu_s / a.prompt_tokens for a in answers]
    writing = [(a.gpu_s - a.prefill_gpu_s) / a.completion_tokens for a in answers]
    assert reading == pytest.approx([reading[0]] * len(answers))
    assert writing == pytest.approx([writing[0]] * len(answers))
    assert min(reading[0], writing[0]) > 0


def test_what_reading_costs_is_what_its_forward_pass_takes(tiny):
    """Each forward pass is made to take 20 ms of processor time: one reads, eleven more write."""

    def work(*_):
        until = time.process_time() + 0.02
        while time.process_time() < until:
            pass

    tiny.model.register_forward_pre_hook(work)
    answers = tiny.generate(PROMPTS[:3], CONFIG)
    read, all_of_it = (sum(getattr(a, n) for a in answers) for n in ("prefill_gpu_s", "gpu_s"))
    assert 0.02 <= read < 0.04
    assert all_of_it >= 12 * 0.02


def test_measured_answers_are_the_same_with_times(tiny):
    for a, b in zip(tiny.generate(PROMPTS, CONFIG), tiny.measure(PROMPTS, CONFIG), strict=True):
        assert a.text == b.text and a.latency_s is None
        assert 0 < b.ttft_s < b.latency_s


def test_a_chat_template_is_used_with_thinking_off(tmp_path):
    template = (
        "{% for m in messages %}<user>{{ m.content }}{% endfor %}<answer>"
        "{% if enable_thinking is defined and not enable_thinking %}!{% endif %}"
    )
    generator = TransformersGenerator(spec(build_tiny_model(tmp_path / "chat", chat_template=template)))
    read, _ = generator._codec.encode(["hey"], CONFIG)[0]
    assert generator.tokenizer.decode(read) == "<user>hey<answer>!"
    assert generator.generate(["hey"], CONFIG)[0].prompt_tokens == 6


def test_an_answer_begins_with_the_thinking_block_that_the_template_opens(tmp_path):
    template = "{% for m in messages %}<user>{{ m.content }}{% endfor %}<answer><think>\n"
    generator = TransformersGenerator(spec(build_tiny_model(tmp_path / "chat", chat_template=template)))
    answer = generator.generate(["hey"], CONFIG)[0].text
    assert answer.startswith("<think>") and without_thinking(answer) == ""
    chosen = generator.generate(["hey"], replace(CONFIG, options=2))[0].text
    assert "<think>" not in chosen


def test_the_first_batch_size_follows_the_length_of_the_rows(tiny):
    sizes = [first_batch_size(tiny.model, tokens) for tokens in (1, 10**5, 10**6, 10**12)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 512 and sizes[-1] == 1
    assert all(n & (n - 1) == 0 for n in sizes)


def test_weights_in_other_formats_are_refused(tiny_folder, tmp_path):
    for file in tiny_folder.iterdir():
        if file.suffix == ".json":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(HubAccessError, match="safetensors"):
        TransformersGenerator(spec(tmp_path))


def test_missing_weights_are_not_made_up(tiny_folder, tmp_path):
    from safetensors.torch import load_file, save_file

    for file in tiny_folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    save_file(
        {k: v for k, v in weights.items() if "layers.1." not in k}, tmp_path / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(GenerationError, match="lacks 11 weights"):
        TransformersGenerator(spec(tmp_path))


@pytest.mark.parametrize(
    ("model", "error", "says"),
    [
        ("no-such-org/no-such-model", HubAccessError, "log in"),
        ("/no/such/folder", HubAccessError, "No model folder"),
        (".", HubAccessError, "no config.json"),
    ],
)
def test_a_model_out_of_reach_is_one_clear_line(model, error, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=says) as caught:
        TransformersGenerator(spec(model))
    assert "\n" not in str(caught.value)


def test_damaged_weights_are_one_clear_line(tiny_folder, tmp_path):
    for file in tiny_folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes()[:1000])
    with pytest.raises(GenerationError, match="can't be loaded") as caught:
        TransformersGenerator(spec(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_rung_that_embeds_does_not_generate(tiny_folder):
    with pytest.raises(InvalidInputError, match="generates"):
        TransformersGenerator(spec(tiny_folder, role="embed"))

import json

import numpy as np
import pytest
import torch

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.inference.engine.embedding_engine import EmbeddingGenerator
from zeta_eval.models import ModelSpec
from zeta_eval.testing import build_tiny_model

TEXTS = ["a cat", "the dog sleeps on the mat", "hm"]


@pytest.fixture
def folder(tmp_path):
    torch.set_num_threads(1)
    return build_tiny_model(tmp_path / "embedder", role="embed")


def embedder(folder):
    return EmbeddingGenerator(ModelSpec(size="e", model=str(folder), role="embed", device_map="cpu"))


def hidden(engine, text):
    with torch.inference_mode():
        return engine.model(torch.tensor([engine.tokenizer(text)["input_ids"]])).last_hidden_state[0].numpy()


def test_vectors_are_the_last_tokens_state_at_unit_length_whatever_the_batch(folder):
    engine = embedder(folder)
    vectors = engine.embed(TEXTS)
    assert vectors.shape == (3, 32) and vectors.dtype == np.float32
    for text, vector in zip(TEXTS, vectors, strict=True):
        last = hidden(engine, text)[-1]
        assert vector == pytest.approx(last / np.linalg.norm(last), abs=1e-5)
        assert vector == pytest.approx(engine.embed([text])[0], abs=1e-5)
    assert engine.embed([]).shape == (0, 32)


def test_mean_pooling_is_used_where_the_model_says_so(folder):
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_mean_tokens": True}))
    engine = embedder(folder)
    mean = hidden(engine, TEXTS[1]).mean(0)
    assert engine.embed(TEXTS)[1] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)


def test_an_unknown_pooling_is_refused(folder):
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    with pytest.raises(InvalidInputError, match="cls_token"):
        embedder(folder)


def test_the_batch_is_halved_when_memory_runs_out_and_a_long_text_is_cut(folder):
    engine = embedder(folder)
    expected = engine.embed(TEXTS)

    def hook(module, args, kwargs):
        if kwargs["input_ids"].shape[0] > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    engine.model.register_forward_pre_hook(hook, with_kwargs=True)
    assert engine.embed(TEXTS) == pytest.approx(expected, abs=1e-5)
    assert engine.count_tokens(["x" * 1000]) == [256]
    assert engine.measure(TEXTS)[0].latency_s > 0

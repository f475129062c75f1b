import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import zeta_eval as ze
from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.inference.engine.embedding_engine import EmbeddingGenerator
from zeta_eval.inference.run.runner import run
from zeta_eval.models import Completion, Ladder, ModelSpec
from zeta_eval.outcomes.summary import summary
from zeta_eval.tasks import Query, get_task
from zeta_eval.tasks.embedding import REQUEST
from zeta_eval.testing import build_tiny_model
from zeta_eval.tuning import TuningSettings

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


def test_an_embedding_rung_is_benchmarked_tuned_beside_and_routed_to(folder, tmp_path):
    from zeta_eval.models import LADDERS

    words = ("tea", "coffee", "milk", "water", "juice", "soup")
    pairs = [
        Query(
            task="embedding", query_id=f"e/{i}", prompt=f"{REQUEST}{words[i % 6]} {'very ' * i}hot", target=("tea", "1")
        )
        for i in range(6)
    ]
    sums = [replace(q, query_id=f"add/{i}") for i, q in enumerate(get_task("add").load(limit=120))]
    rungs = tuple(ModelSpec(size=s, model=str(LADDERS / "embedded" / s), device_map="cpu") for s in ("17K", "45K"))
    own = ModelSpec(size="e", model=str(folder), role="embed", device_map="cpu")
    ladder = Ladder(name="both", models=(*rungs, own), max_new_tokens=12)
    score = lambda q, text: get_task(q.task).score(q, text)  # noqa: E731
    outcomes = run(ladder, [*pairs, *sums], score, out=tmp_path / "out", latency_sample=2, progress=False).outcomes
    assert summary(outcomes)["size"].tolist() == ["17K", "45K", "e"]
    policy = ze.tune(outcomes, settings=TuningSettings(n_trials=1, cost="gpu_s")).policy
    assert policy.embedding_size == "e" and set(policy.sizes) == {"17K", "45K"}  # ordered by measured costs
    router = ze.ZetaDynamicRouter(policy)
    assert router.dynamic_model_sizing("Embed this sentence: hello") == router.route("Embed: hello there").size == "e"
    routed = router.generate("Embed this sentence: hello", ze.answerers(ladder))
    vector = embedder(folder).embed(["Embed this sentence: hello"])[0]
    assert routed.size == "e" and np.array(routed.embedding) == pytest.approx(vector, abs=1e-5)
    with pytest.raises(UnknownNameError, match="asks for an embedding; give that model"):
        router.generate("Embed this sentence: hello", {s: lambda text: Completion(text="x") for s in ("17K", "45K")})

"""Several servers of one model, and servers of embeddings."""

import json
import threading
import time
from dataclasses import replace

import httpx
import numpy as np
import pytest
from scripted_server import ScriptedServer, chat

import zeta_eval as ze
from zeta_eval.exceptions import GenerationError, HubAccessError
from zeta_eval.inference.run.runner import run
from zeta_eval.inference.server.embedding_endpoint import BATCH, EmbeddingEndpoint
from zeta_eval.inference.server.endpoint import EndpointGenerator
from zeta_eval.inference.server.replicas import Replicas
from zeta_eval.models import GenerateConfig, Ladder, ModelSpec
from zeta_eval.outcomes.summary import summary
from zeta_eval.tasks import Query, Score
from zeta_eval.tasks.embedding import REQUEST

CONFIG = GenerateConfig(max_new_tokens=24)
PROMPTS = [f"What is {i} + {i}?" for i in range(24)]


def two(first, second, **settings):
    return ModelSpec(size="A", model="m", base_url=[first.url, second.url], **settings)


def test_requests_go_where_the_fewest_are_open():
    def slow(body, number):
        time.sleep(0.1)
        return 200, chat("slow")

    with ScriptedServer(slow) as first, ScriptedServer(lambda body, n: (200, chat("fast"))) as second:
        engine = EndpointGenerator(two(first, second, concurrency=4))
        answers = [a.text for a in engine.generate(PROMPTS, CONFIG)]
        record = json.loads(engine.how["replicas"])
    assert answers.count("fast") > 2 * answers.count("slow") > 0
    assert record[second.url]["answers"] == answers.count("fast") and record[first.url]["mean_s"] > 0.1


def test_a_replica_that_fails_loses_no_answer_rests_and_comes_back():
    broken = threading.Event()

    def sometimes(body, number):
        return (500, {"error": "out of memory"}) if broken.is_set() else (200, chat("first"))

    with ScriptedServer(sometimes) as first, ScriptedServer(lambda body, n: (200, chat("second"))) as second:
        engine = EndpointGenerator(two(first, second, concurrency=2))
        broken.set()
        asked = len(first.bodies)
        began = time.monotonic()
        assert [a.text for a in engine.generate(PROMPTS, CONFIG)] == ["second"] * 24
        assert len(first.bodies) - asked <= 3 and time.monotonic() - began < 10  # it rests, and nobody waits for it
        broken.clear()
        time.sleep(2.1)
        assert "first" in [a.text for a in engine.generate(PROMPTS, CONFIG)]


def test_a_replica_that_is_gone_is_done_without_and_none_left_ends_the_run():
    with ScriptedServer(lambda body, n: (200, chat("here"))) as server:
        gone = ModelSpec(size="A", model="m", base_url=["http://127.0.0.1:9/v1", server.url], retries=1)
        engine = EndpointGenerator(gone)
        assert [a.text for a in engine.generate(PROMPTS[:6], CONFIG)] == ["here"] * 6
    with pytest.raises(GenerationError, match="gives no more answers"):
        engine.generate(PROMPTS[:2], CONFIG)


def test_a_rest_doubles_and_ends_with_an_answer():
    now = [0.0]
    urls = [(name, httpx.URL(name)) for name in ("http://a", "http://b")]
    two = Replicas(urls, clock=lambda: now[0])
    a, b = two.all
    assert two.failed(a) and a.rests_until_s == 1.0
    now[0] = 1.0
    assert two.failed(a) and a.rests_until_s == 3.0
    assert not two.failed(b, wait_s=9.0) and b.rests_until_s == 10.0
    with two.taken() as soonest:
        assert soonest is a
    two.answered(a, 0.5)
    assert (a.failing, a.rests_until_s, a.record()) == (0, 0.0, {"answers": 1, "faults": 2, "mean_s": 0.5})


def vector_of(text):
    return [float(len(text)), float(text.count("e")), float(text.count("a")), 1.0]


def embeddings(body, number):
    data = [{"index": i, "embedding": vector_of(text)} for i, text in enumerate(body["input"])]
    return 200, {"data": data[::-1], "usage": {"prompt_tokens": 9}}


def embedder(server, replicas=(), **settings):
    urls = [server.url, *(other.url for other in replicas)]
    return ModelSpec(size="E", model="e", role="embed", base_url=urls, retries=1, **settings)


def test_a_server_s_embeddings_are_unit_vectors_in_their_order():
    texts = [f"a sentence about {'e' * i}" for i in range(150)]
    with ScriptedServer(embeddings) as server:
        engine = EmbeddingEndpoint(embedder(server))
        found, measured = engine.embed(texts), engine.measure(texts[:3])
        assert {len(body["input"]) for body in server.bodies} == {1, 64, 22}
        assert set(server.paths) == {"/v1/embeddings"}
    expected = np.array([vector_of(t) for t in texts])
    assert found == pytest.approx(expected / np.linalg.norm(expected, axis=1, keepdims=True), abs=1e-6)
    assert all(m.latency_s == m.ttft_s > 0 and m.prompt_tokens > 0 for m in measured)


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        ((404, {"error": {"message": "no such model"}}), "HTTP 404: no such model"),
        ((200, {"data": []}), "no 1 vectors"),
        ((200, {"choices": []}), "holds no embeddings"),
        ((200, {"data": [{"embedding": [1.0, float("nan")]}]}), "finite numbers"),
    ],
)
def test_a_server_without_embeddings_is_one_line(reply, says):
    with ScriptedServer(lambda body, n: reply) as server, pytest.raises(HubAccessError, match=says) as e:
        EmbeddingEndpoint(embedder(server))
    assert "gives no embedding for model 'e'" in str(e.value) and "\n" not in str(e.value)


def test_a_passing_fault_is_asked_again_and_a_lasting_one_ends_the_run():
    with ScriptedServer(lambda body, n: (503, {}) if n == 1 else embeddings(body, n)) as server:
        assert EmbeddingEndpoint(embedder(server)).embed(["a"]).shape == (1, 4)
    with ScriptedServer(lambda body, n: (503, {}) if n else embeddings(body, n)) as server:
        engine = EmbeddingEndpoint(embedder(server))
        with pytest.raises(GenerationError, match="gives no more embeddings"):
            engine.embed(["a"])


def slowly(body, number):
    time.sleep(0.05)
    return embeddings(body, number)


def test_requests_for_embeddings_go_to_all_servers_and_each_says_what_it_did():
    texts = [f"text {i} {'a' * (i % 7)}" for i in range(10 * BATCH)]
    with ScriptedServer(slowly) as first, ScriptedServer(slowly) as second:
        engine = EmbeddingEndpoint(embedder(first, replicas=[second]))
        found = engine.embed(texts)
        record = json.loads(engine.how["replicas"])
    expected = np.array([vector_of(text) for text in texts])
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected, axis=1, keepdims=True), rtol=1e-5)
    assert record[first.url]["answers"] + record[second.url]["answers"] == 11
    assert min(r["answers"] for r in record.values()) > 2


def test_a_server_of_embeddings_that_is_gone_or_breaks_is_done_without():
    with ScriptedServer(embeddings) as first, ScriptedServer(embeddings) as second:
        with_one_gone = replace(embedder(first), base_url=["http://127.0.0.1:9/v1", first.url])
        assert EmbeddingEndpoint(with_one_gone).embed(["a"]).shape == (1, 4)
        engine = EmbeddingEndpoint(embedder(first, replicas=[second]))
        first.answer = lambda body, n: (500, {"error": "out of memory"})
        began = time.monotonic()
        assert engine.embed(["a"] * 6 * BATCH).shape == (6 * BATCH, 4) and time.monotonic() - began < 10


def test_requests_for_embeddings_follow_redirects_on_the_same_host_alone():
    def moved(body, number):
        return embeddings(body, number) if here.paths[-1] == "/new/embeddings" else (307, {}, [("Location", to)])

    with ScriptedServer(moved) as here:
        to = "/new/embeddings"
        engine = EmbeddingEndpoint(embedder(here))
        assert engine.embed(["a"]).shape == (1, 4)
        assert here.paths == ["/v1/embeddings", "/new/embeddings", "/new/embeddings"]
        to = "http://example.org/v1/embeddings"
        with pytest.raises(HubAccessError, match=r"sends requests on to http://example\.org"):
            EmbeddingEndpoint(embedder(here))


def test_an_error_in_a_reply_of_status_200_is_said():
    loading = {"error": {"message": "model is loading"}}
    with ScriptedServer(lambda body, n: (200, loading)) as server, pytest.raises(HubAccessError, match="is loading"):
        EmbeddingEndpoint(embedder(server))


def test_an_embedding_rung_by_server_is_benchmarked_and_routed_to(tmp_path):
    pairs = [
        Query(task="embedding", query_id=f"e/{i}", prompt=f"{REQUEST}{'tea ' * i}", target=("a cup of tea", str(i % 5)))
        for i in range(1, 9)
    ]
    sums = [Query(task="sum", query_id=f"sum/{i}", prompt=f"What is {i} + 1?", target=str(i + 1)) for i in range(8)]

    def script(body, number):
        return embeddings(body, number) if "input" in body else (200, chat("1"))

    with ScriptedServer(script) as server:
        generating = ModelSpec(size="A", model="m", base_url=server.url)
        ladder = Ladder(name="both", models=(generating, embedder(server, usd_per_mtok=1.0)))
        report = run(
            ladder, [*pairs, *sums], lambda q, text: Score(float(text == q.target)), out=tmp_path, progress=False
        )
        rows = report.outcomes.frame.groupby("model")
        assert rows["score"].count().to_dict() == {"A": 8, "E": 8}
        assert rows.get_group("E")["cost_usd"].gt(0).all() and rows.get_group("E")["latency_s"].notna().all()
        assert summary(report.outcomes).set_index("size")["n_queries"].to_dict() == {"A": 8, "E": 8}
        answer = ze.answerers(ladder)
        policy = ze.RoutingPolicy.seed(("A",))
        routed = ze.ZetaDynamicRouter(replace(policy, embedding_size="E")).generate(
            "Embed this sentence: hello", answer
        )
    assert routed.size == "E" and np.linalg.norm(routed.embedding) == pytest.approx(1.0)

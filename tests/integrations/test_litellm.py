"""LiteLLM's proxy, a real process of it, chooses by a policy file through each of the two hooks."""

import json
import subprocess
import sys
import time
import urllib.request

import pytest
from litellm_proxy import KEY, Proxy, group, python_with_litellm
from scripted_server import ScriptedServer, chat, pieces

from zeta_eval.feedback import History
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.policy import RoutingPolicy

pytestmark = pytest.mark.slow

QUERIES = (
    "What is the capital of France?",
    "Prove that the square root of 2 is irrational, step by step.",
    "Embed this sentence: good morning",
    "Solve 3x^2 - 12x + 7 = 0 and explain each step of the derivation.",
    "Hi!",
)
GROUP_OF = {"1B": "small", "8B": "middle", "70B": "large"}


def answer(body, number):
    return (200, [*pieces(), "data: [DONE]\n\n"]) if body.get("stream") else (200, chat())


def config(upstream, policy, history):
    routed = {
        "model": "auto_router/complexity_router",
        "complexity_router_config": {
            "classifier_type": "custom",
            "classifier_plugin": "zeta_eval.integrations.litellm.classifier",
            "tiers": {"SIMPLE": "small", "MEDIUM": "middle", "COMPLEX": "large"},
        },
        "complexity_router_default_model": "large",
    }
    groups = [group(name, upstream, name) for name in GROUP_OF.values()]
    return {
        "model_list": [*groups, group("zeta", upstream, "as asked"), {"model_name": "auto", "litellm_params": routed}],
        "litellm_settings": {"callbacks": "zeta_eval.integrations.litellm.callback"},
        "general_settings": {"master_key": KEY},
        "environment_variables": {
            "ZETA_POLICY": str(policy),
            "ZETA_MODELS": ",".join(f"{size}={name}" for size, name in GROUP_OF.items()),
            "ZETA_HISTORY": str(history),
        },
    }


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    return RoutingPolicy.seed(tuple(GROUP_OF)).save(tmp_path_factory.mktemp("policy") / "policy.json")


@pytest.fixture(scope="module")
def upstream():
    python_with_litellm()
    with ScriptedServer(answer) as server:
        yield server


@pytest.fixture(scope="module")
def proxy(upstream, policy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("proxy")
    proxy = Proxy(config(upstream.url, policy, folder / "history.db"), folder)
    try:
        yield proxy.wait()
    finally:
        proxy.stop()


def expected(policy, query):
    return GROUP_OF[ZetaDynamicRouter.load(policy).route(query).size]


@pytest.mark.parametrize("asked", ["auto", "zeta"])
def test_each_hook_sends_a_query_to_the_size_that_the_policy_chooses(proxy, upstream, policy, asked):
    taken = []
    for query in QUERIES:
        status, _, text = proxy.chat(asked, query)
        assert (status, json.loads(text)["choices"][0]["message"]["content"]) == (200, "4")
        taken.append(upstream.bodies[-1]["model"])
    assert taken == [expected(policy, q) for q in QUERIES]
    assert len(set(taken)) == 3


def test_the_callback_streams_and_says_in_headers_what_it_chose(proxy, upstream, policy):
    status, headers, text = proxy.chat("zeta", QUERIES[1], stream=True)
    assert (status, headers["x-zeta-size"], upstream.bodies[-1]["model"]) == (200, "70B", "large")
    assert len(headers["x-zeta-id"]) == 32
    assert text.rstrip().endswith("data: [DONE]")


def test_the_callback_judges_the_current_request_of_a_talk_in_parts(proxy, upstream, policy):
    turns = [
        {"role": "user", "content": QUERIES[1]},
        {"role": "assistant", "content": "Done."},
        {"role": "user", "content": [{"type": "text", "text": "Thanks! What is the capital of Italy?"}]},
    ]
    status, _, _ = proxy.ask("/v1/chat/completions", {"model": "zeta", "messages": turns})
    assert (status, upstream.bodies[-1]["model"]) == (200, expected(policy, turns))


def test_the_callback_leaves_other_groups_alone(proxy, upstream):
    status, headers, _ = proxy.chat("small", QUERIES[1])
    assert (status, upstream.bodies[-1]["model"], headers["x-zeta-size"]) == (200, "small", None)


def test_the_callback_leaves_what_is_no_text_with_the_group_it_asks_for(proxy, upstream):
    proxy.ask("/v1/completions", {"model": "zeta", "prompt": [[101, 102], [103]]})
    assert upstream.bodies[-1]["model"] == "as asked"
    assert "No size was chosen for a request" in proxy.log.read_text()


def test_every_choice_is_in_the_history_with_the_id_that_the_header_gives(proxy):
    _, headers, _ = proxy.chat("zeta", "Is the id of this query kept?")
    _, _, _ = proxy.chat("auto", "Is this query of the classifier kept?")
    with History(proxy.log.parent / "history.db") as history:
        rows = history.frame()
        history.feedback(headers["x-zeta-id"], right=True)
        rated = history.frame()
    assert (rows["query"] == "Is the id of this query kept?").sum() == 1
    assert (rows["query"] == "Is this query of the classifier kept?").sum() == 1
    assert rated["score"].notna().sum() == 1


@pytest.fixture
def served(upstream, policy, tmp_path, unused_port):
    """The address of `zeta serve` with the policy, before the upstream."""
    rung = '[[models]]\nsize = "{}"\nmodel = "m-{}"\nbase_url = "{}"\n'
    (tmp_path / "fleet.toml").write_text("\n".join(rung.format(size, size, upstream.url) for size in GROUP_OF))
    command = [sys.executable, "-m", "zeta_eval.cli", "serve", str(policy), "--ladder", "fleet.toml"]
    process = subprocess.Popen([*command, "--port", str(unused_port)], cwd=tmp_path)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{unused_port}/health", timeout=1).close()
                break
            except OSError:
                assert process.poll() is None
                time.sleep(0.1)
        yield f"http://127.0.0.1:{unused_port}/v1"
    finally:
        process.terminate()
        process.wait(60)


def test_a_proxy_points_at_zeta_serve_like_at_any_upstream(upstream, policy, served, tmp_path):
    groups = [group("zeta", served, "zeta"), group("thrifty", served, "zeta@5")]
    proxy = Proxy({"model_list": groups, "general_settings": {"master_key": KEY}}, tmp_path)
    try:
        proxy.wait()
        for query in QUERIES[:2]:
            status, _, text = proxy.chat("zeta", query)
            assert (status, json.loads(text)["choices"][0]["message"]["content"]) == (200, "4")
            assert upstream.bodies[-1]["model"] == f"m-{ZetaDynamicRouter.load(policy).route(query).size}"
        assert proxy.chat("thrifty", QUERIES[1])[0] == 200
        assert upstream.bodies[-1]["model"] == "m-1B"
        status, _, text = proxy.chat("zeta", QUERIES[1], stream=True)
        assert (status, upstream.bodies[-1]["model"]) == (200, "m-70B")
        assert text.rstrip().endswith("data: [DONE]")
    finally:
        proxy.stop()


def test_a_policy_that_can_not_be_loaded_ends_the_proxy_with_one_line(upstream, tmp_path):
    proxy = Proxy(config(upstream.url, tmp_path / "none.json", tmp_path / "h.db"), tmp_path)
    assert proxy.process.wait(120) != 0
    said = [line for line in proxy.log.read_text().splitlines() if "PolicyError" in line]
    assert said[-1].endswith(
        f"PolicyError: Can't read the policy file {tmp_path}/none.json: No such file or directory. "
        "`zeta tune TABLE --out FILE` writes one."
    )

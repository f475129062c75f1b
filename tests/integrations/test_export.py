"""`zeta export`: what other routers' formats can say, in a form that they take, and what they can't, in one line."""

import json
import os
import subprocess
from dataclasses import replace

import pytest
from litellm_proxy import KEY, Proxy, python_with_litellm
from load.texts import texts as texts_of_the_load
from scripted_server import ScriptedServer, chat

from zeta_eval.cli.main import main
from zeta_eval.exceptions import InvalidInputError
from zeta_eval.integrations.export import TARGETS, export
from zeta_eval.integrations.single_size import only_size
from zeta_eval.models import Ladder, ModelSpec
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.policy import RoutingPolicy, Verdict

SEED = RoutingPolicy.seed(("1B", "8B"))
DEAR = replace(SEED, cost_weight=3.0, default_size="1B")
ADDRESSES = {"1B": ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8001/v1"), "8B": "http://127.0.0.1:8002/v1"}
LADDER = Ladder(
    name="fleet.toml", models=tuple(ModelSpec(size=s, model=f"org/m-{s}", base_url=at) for s, at in ADDRESSES.items())
)


def test_a_policy_that_is_exported_sends_every_text_to_its_size():
    router = ZetaDynamicRouter(DEAR)
    texts = [*texts_of_the_load(), "", "?!", "Embed this sentence: good morning", "Prove Fermat's last theorem. " * 99]
    assert {router.route(text).size for text in texts} == {only_size(DEAR)} == {"1B"}
    assert len({ZetaDynamicRouter(SEED).route(text).size for text in texts}) == 2


def test_a_policy_of_one_size_is_that_size():
    assert only_size(RoutingPolicy.seed(("8B",))) == "8B"


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"cost_weight": 0.5}, "reads each query's text"),
        ({"default_size": "8B"}, "sends texts without words"),
        ({"embedding_size": "8B"}, "or for embedding elsewhere"),
        ({"rungs": (replace(DEAR.rungs[0], context=100), DEAR.rungs[1])}, "too long for 1B"),
    ],
)
@pytest.mark.parametrize("target", TARGETS)
def test_what_a_format_can_not_say_is_said_in_one_line_with_what_to_do_instead(target, changed, said):
    with pytest.raises(InvalidInputError, match=said) as caught:
        export(replace(DEAR, **changed), LADDER, target)
    line = str(caught.value)
    assert line.startswith(f"{target} can't express it: policy 'seed' ")
    assert "zeta serve" in line and "\n" not in line


def test_a_tuned_policy_is_refused_for_its_costs_its_text_and_what_answers_say(tuned):
    _, report = tuned
    with pytest.raises(InvalidInputError, match=r"reads each query's text, .*Instead let LiteLLM ask the policy"):
        export(report.policy, LADDER, "litellm")


def test_a_policy_that_is_not_proven_can_be_exported_as_the_size_that_its_verdict_names():
    policy = replace(SEED, verdict=Verdict(status="not proven on this data", best_single_size="8B"))
    with pytest.raises(InvalidInputError, match=r"Or --alone: 8B, as its verdict says\.$"):
        export(policy, LADDER, "vllm-sr")
    assert export(policy, LADDER, "vllm-sr", single=True).size == "8B"
    with pytest.raises(InvalidInputError, match="is 'not measured' and names no size to run alone"):
        export(SEED, LADDER, "vllm-sr", single=True)


def test_a_rung_without_a_server_or_with_settings_that_would_be_lost_is_refused():
    with pytest.raises(InvalidInputError, match="has no server for size '1B'"):
        export(DEAR, Ladder.load("embedded"), "litellm")
    models = (replace(LADDER.models[0], system="Be brief.", temperature=0.2), LADDER.models[1])
    with pytest.raises(InvalidInputError, match="settings system, temperature of '1B' would be lost"):
        export(DEAR, replace(LADDER, models=models), "litellm")


def test_a_key_is_named_by_its_variable_and_never_written(monkeypatch):
    monkeypatch.setenv("FLEET_KEY", "sk-secret")
    models = (replace(LADDER.models[0], api_key_env="FLEET_KEY"), LADDER.models[1])
    said = [json.dumps(export(DEAR, replace(LADDER, models=models), target).to_dict()) for target in TARGETS]
    assert "os.environ/FLEET_KEY" in said[0] and '"api_key_env": "FLEET_KEY"' in said[1]
    assert "sk-secret" not in "".join(said)


def test_the_command_writes_the_file(tmp_path, capsys):
    policy, ladder = DEAR.save(tmp_path / "policy.json"), tmp_path / "fleet.toml"
    rung = '[[models]]\nsize = "{}"\nmodel = "m"\nbase_url = "http://127.0.0.1:8000/v1"\n'
    ladder.write_text(rung.format("1B") + rung.format("8B"))
    out = tmp_path / "litellm.yaml"
    assert main(["export", str(policy), "--to", "litellm", "--ladder", str(ladder), "--out", str(out)]) == 0
    assert capsys.readouterr().out.startswith("1B takes every query.")
    (group,) = json.loads(out.read_text())["model_list"]
    assert (group["model_name"], group["litellm_params"]["model"]) == ("zeta", "openai/m")


@pytest.mark.slow
def test_a_real_proxy_runs_the_exported_configuration(tmp_path):
    python_with_litellm()
    with ScriptedServer(lambda body, number: (200, chat())) as server:
        models = (replace(LADDER.models[0], base_url=server.url), LADDER.models[1])
        made = export(DEAR, replace(LADDER, models=models), "litellm")
        proxy = Proxy({**made.config, "general_settings": {"master_key": KEY}}, tmp_path)
        try:
            assert proxy.wait().chat("zeta", "Hi")[0] == 200
        finally:
            proxy.stop()
        assert [body["model"] for body in server.bodies] == ["org/m-1B"]


@pytest.mark.slow
def test_vllm_semantic_router_takes_the_exported_configuration(tmp_path):
    command = os.environ.get("ZETA_VLLM_SR")
    if command is None:
        pytest.skip("set ZETA_VLLM_SR to the command vllm-sr (0.4) of an environment that has it")
    path = export(DEAR, LADDER, "vllm-sr").save(tmp_path / "config.yaml")
    done = subprocess.run([command, "config", "validate", "--config", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Default model: 1B" in done.stdout

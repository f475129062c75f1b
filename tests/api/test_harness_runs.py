"""Runs of tasks of lm-evaluation-harness beside the harness's own: the same texts, answers, likelihoods and scores."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from harness_tasks import NAMES, SCORES, tiny_models, write_tasks

import zeta_eval as ze
from zeta_eval.cli import main
from zeta_eval.exceptions import InvalidInputError
from zeta_eval.inference.server.capabilities import Capabilities
from zeta_eval.inference.server.chat_api import Call, request
from zeta_eval.models import GenerateConfig, Ladder, ModelSpec

lm_eval = pytest.importorskip("lm_eval", reason="the extra lm-eval is not installed")

N = 15
"""Documents of each task."""


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Models that differ in how they read: plain, with a start token, in a chat template, with a short context."""
    embedded = {"embedded": Ladder.load("embedded").models[1].model}
    return embedded | tiny_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, models):
    """Tasks of which every second answer is what one of the models writes."""
    from zeta_eval.inference.engine.transformers_engine import TransformersGenerator

    engine = TransformersGenerator(spec(models["start"]))
    yield write_tasks(
        tmp_path_factory.mktemp("tasks") / "tasks",
        n=N,
        said=lambda prompt: engine.generate([prompt], GenerateConfig(max_new_tokens=1))[0].text.strip() or "a",
    )
    engine.close()


def spec(model):
    return ModelSpec(size="m", model=str(model), device_map="cpu")


def ladder(model):
    return Ladder(name="l", models=(spec(model),))


def asked(folder, names=NAMES, fewshot=None, **more):
    words = ",".join(f"lm-eval:{name}" for name in names)
    return ze.resolve_tasks(words, fewshot=fewshot, harness=ze.HarnessSettings(include_path=folder, **more))


def of_the_harness(folder, model, fewshot, chat):
    """Samples of the harness's own run, by task and document, under the filter that counts."""
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    found = lm_eval.simple_evaluate(
        HFLM(pretrained=str(model), device="cpu", batch_size=8),
        tasks=list(NAMES),
        num_fewshot=fewshot,
        task_manager=TaskManager(include_path=str(folder), include_defaults=False),
        apply_chat_template=chat,
        bootstrap_iters=0,
    )
    samples = {}
    for name, its in found["samples"].items():
        kept, metric = SCORES.get(name, ("none", "acc"))
        samples |= {(name, s["doc_id"]): (float(s[metric]), s["resps"]) for s in its if s["filter"] == kept}
    return samples


@pytest.mark.filterwarnings("ignore")  # the harness's own
@pytest.mark.parametrize(
    ("model", "fewshot", "template"),
    [
        ("embedded", None, "auto"),
        ("chat", 2, "auto"),
        pytest.param("start", 1, "auto", marks=pytest.mark.slow),
        pytest.param("chat", 1, "off", marks=pytest.mark.slow),
        pytest.param("short", 2, "auto", marks=pytest.mark.slow),
    ],
)
def test_scores_answers_and_likelihoods_are_those_of_the_harness_s_own_run(
    folder, models, tmp_path, caplog, model, fewshot, template
):
    tasks = asked(folder, fewshot=fewshot, chat_template=template)
    frame = ze.benchmark(ladder(models[model]), tasks, out=tmp_path / "run").frame
    theirs = of_the_harness(folder, models[model], fewshot, chat=(model, template) == ("chat", "auto"))
    ours = {(row.task, int(row.query_id.split(":")[1])): row for row in frame.itertuples()}
    assert set(ours) == set(theirs) and len(theirs) == 5 * N
    for key, (score, answers) in theirs.items():
        row = ours[key]
        assert row.score == score, key
        if key[0] == "zt_add":
            assert row.response == answers[0][0]
        else:
            for (total, likeliest), [(theirs_total, theirs_likeliest)] in zip(
                json.loads(row.response), answers, strict=True
            ):
                assert total == pytest.approx(theirs_total, rel=1e-5, abs=1e-5)
                assert likeliest == theirs_likeliest
    assert ("lose their beginning" in caplog.text) == (model == "short")
    if model == "start":
        assert 0 < frame.loc[frame["task"] == "zt_word", "score"].mean() < 1
    if model == "embedded":
        assert 0 < frame.loc[frame["task"] == "zt_add", "score"].mean() < 1


@pytest.mark.filterwarnings("ignore")  # the harness's own
@pytest.mark.parametrize("model", ["start", "chat"])
def test_the_log_is_read_back_as_the_same_table(folder, models, tmp_path, model):
    tasks = asked(folder, fewshot=1)
    table = ze.benchmark(ladder(models[model]), tasks, out=tmp_path / "run", limit=10)
    ze.log_samples(tmp_path / "run", tasks, out=tmp_path / "log")
    read = ze.import_table("lm-eval", tmp_path / "log")
    same = ["dataset", "task", "query_id", "query", "model", "score"]
    ours, back = (t.frame.sort_values("query_id").reset_index(drop=True) for t in (table, read.outcomes))
    pd.testing.assert_frame_equal(ours[same], back[same])
    written = ours["task"] == "zt_add"
    assert ours.loc[written, "response"].tolist() == back.loc[written, "response"].tolist()
    assert ours.loc[written, "unparsed"].tolist() == back.loc[written, "unparsed"].tolist()
    (results,) = (tmp_path / "log" / "m").glob("results_*.json")
    figure = json.loads(results.read_text())["results"]["zt_pick"]["acc,none"]
    assert figure == pytest.approx(ours.loc[ours["task"] == "zt_pick", "score"].mean())


@pytest.mark.filterwarnings("ignore")  # the harness's own
def test_queries_that_failed_are_left_out_of_the_log_and_counted(folder, models, tmp_path, caplog):
    tasks = asked(folder, names=("zt_add",))
    ze.benchmark(ladder(models["start"]), tasks, out=tmp_path / "run", limit=6)
    file = tmp_path / "run" / "outcomes.parquet"
    broken = ze.Outcomes.load(file).frame
    broken.loc[2, ["error", "score", "response"]] = ["The model stopped", None, None]
    ze.Outcomes.from_frame(broken).save(file)
    ze.log_samples(tmp_path / "run", tasks, out=tmp_path / "log")
    assert "1 queries of size 'm' failed" in caplog.text
    assert len(ze.import_table("lm-eval", tmp_path / "log").outcomes) == 5


def test_a_run_goes_on_with_the_same_metric_only(folder, models, tmp_path):
    one = ladder(models["start"])
    first = ze.benchmark(one, asked(folder, names=("zt_pick",)), out=tmp_path, limit=4)
    more = ze.benchmark(one, asked(folder, names=("zt_pick",)), out=tmp_path, limit=8)
    assert (len(first), len(more)) == (4, 8)
    with pytest.raises(InvalidInputError, match=r"was asked in other words .metric .acc., now .acc_norm.."):
        ze.benchmark(one, asked(folder, names=("zt_pick",), metric="acc_norm"), out=tmp_path, limit=8)


def test_the_run_s_limit_and_stop_texts_change_nothing(folder, models, tmp_path):
    tasks = asked(folder, names=("zt_add",))
    config = GenerateConfig(max_new_tokens=1, stop=("1", "2"))
    short = ze.benchmark(ladder(models["start"]), tasks, out=tmp_path / "a", config=config)
    own = ze.benchmark(ladder(models["start"]), tasks, out=tmp_path / "b")
    assert short.frame["response"].tolist() == own.frame["response"].tolist()


@pytest.mark.parametrize(
    ("name", "template", "why"),
    [
        ("zt_pick", "auto", "weighs given answers by their log-likelihood, which needs local rungs"),
        ("zt_add", "off", "is asked as plain text, which needs local rungs.*leave out `--chat-template off`"),
    ],
)
@pytest.mark.parametrize("where", [{"base_url": "http://127.0.0.1:9/v1"}, {"start": "no-such-server {port}"}])
def test_a_served_rung_says_what_it_can_t_be_asked(folder, tmp_path, name, template, why, where):
    served = replace(spec("m"), **where)
    with pytest.raises(InvalidInputError, match=why):
        ze.benchmark(Ladder(name="l", models=(served,)), asked(folder, (name,), chat_template=template), out=tmp_path)


def test_a_server_is_asked_in_the_turns_that_the_harness_makes(folder):
    (task,) = asked(folder, ("zt_add",), fewshot=1)
    query = task.load(limit=1)[0]
    call = Call(prompt=query.asked, config=GenerateConfig(stop=query.stop, max_new_tokens=12))
    body = request(ModelSpec(size="A", model="m"), call, Capabilities())
    assert [m["role"] for m in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][-1]["content"] == query.asked.chat[0].turns[-1][1] == query.prompt.partition("\nA.")[0]
    assert (body["stop"], body["max_tokens"], body["temperature"]) == (["\n", "0"], 12, 0.0)


def test_weighing_draws_nothing(folder, models, tmp_path):
    with pytest.raises(InvalidInputError, match="leave the temperature at 0"):
        ze.benchmark(
            ladder(models["start"]), asked(folder, ("zt_pick",)), out=tmp_path, config=GenerateConfig(temperature=0.5)
        )


@pytest.mark.filterwarnings("ignore")  # the harness's own
def test_the_command_line_takes_all_of_it(folder, models, tmp_path, capsys):
    file = tmp_path / "ladder.toml"
    file.write_text(f'[[models]]\nsize = "m"\nmodel = "{models["start"]}"\ndevice_map = "cpu"\n')
    words = ["bench", "--ladder", str(file), "--tasks", "lm-eval:zt_add,lm-eval:zt_picks", "--mlflow", "none"]
    words += ["--include-path", str(folder), "--fewshot", "1", "--limit", "3", "--filter", "zt_add=loose"]
    words += ["--metric", "zt_pick_add=acc_norm", "--metric", "zt_pick_sort=acc_norm", "--system", "Be brief."]
    assert main([*words, "--out", str(tmp_path / "run"), "--log-samples", str(tmp_path / "log")]) == 0
    said = capsys.readouterr().out
    assert "lm-eval:zt_add: 1 example; score is metric exact_match under filter loose" in said
    assert "lm-eval:zt_picks, 2 tasks: 1 example; score is metric acc_norm (for another: --metric acc)." in said
    assert len(list((tmp_path / "log" / "m").glob("samples_*.jsonl"))) == 3
    assert ze.Outcomes.load(tmp_path / "run").frame["task"].value_counts().to_dict() == {
        "zt_add": 3,
        "zt_pick_add": 3,
        "zt_pick_sort": 3,
    }

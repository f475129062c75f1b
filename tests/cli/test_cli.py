import dataclasses
import json
from importlib.metadata import version

import pandas as pd
import pytest

from zeta_eval.cli import main
from zeta_eval.cli.verbs import build_parser
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.testing import build_tiny_model, make_outcomes


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "outcomes.parquet"
    make_outcomes(800, seed=1).save(path)
    return path


@pytest.fixture(scope="module")
def policy(table):
    path = table.with_name("policy.json")
    quick = ["--trials", "10", "--estimator", "heuristic", "--mlflow", "none"]
    assert main(["tune", str(table), "--out", str(path), *quick]) == 0
    return path


def fails(capsys, argv, code, *words):
    """The command ends with the code and one line on stderr that holds the words."""
    assert main(argv) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1, captured.err
    for word in words:
        assert word in lines[0]


def test_replay_prints_the_policy_next_to_every_baseline(policy, table, tmp_path, capsys):
    out = tmp_path / "report.json"
    assert main(["replay", str(policy), str(table), "--split", "test", "--json", str(out)]) == 0
    text = capsys.readouterr().out
    for name in ("policy", "4B alone", "7B alone", "14B alone", "random mix", "length only", "kNN", "oracle"):
        assert name in text
    data = json.loads(out.read_text())
    assert data["split"] == "test" and data["n"] > 100 and data["seed"] == 0


def test_replay_prints_json_alone_when_asked_to(policy, table, capsys):
    assert main(["replay", str(policy), str(table), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cost_unit"] == "gpu_s"


def test_compare_prints_paired_differences(policy, table, tmp_path, capsys):
    RoutingPolicy.seed().save(tmp_path / "seed.json")
    assert main(["compare", str(tmp_path / "seed.json"), str(policy), str(table), "--cost-weight", "0.2"]) == 0
    assert "seed" in capsys.readouterr().out


def test_route_says_that_the_verdict_is_of_other_queries_where_a_text_is_unlike_them(policy, capsys):
    assert main(["route", str(policy), "Bonjour, comment allez-vous, chers amis zoologues?"]) == 0
    assert "on test queries, which are unlike this one," in capsys.readouterr().out
    assert main(["route", str(policy), "Add up 12, 34, 5, 61 for case 7."]) == 0
    assert "this policy on its test queries," in capsys.readouterr().out


def test_route_says_size_and_reasons(policy, capsys):
    assert main(["route", str(policy), "Add up 1, 2."]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] in ("4B", "7B", "14B") and len(lines) >= 3


def test_route_reads_chat_messages_as_json(policy, capsys):
    assert main(["route", str(policy), "Add up 1, 2.", "--json"]) == 0
    told = capsys.readouterr().out
    turns = [("system", "Be short."), ("user", "Add up 1, 2."), ("assistant", "1 and"), ("user", "continue")]
    assert main(["route", str(policy), json.dumps([{"role": r, "content": c} for r, c in turns]), "--json"]) == 0
    assert capsys.readouterr().out == told
    fails(capsys, ["route", str(policy), json.dumps([{"role": "system", "content": "x"}])], 2, "no user's turn")


def test_route_gives_the_decision_as_json_at_any_cost_weight(policy, capsys):
    sizes = []
    for weight in ("0", "1000"):
        assert main(["route", str(policy), "Add up 12, 34, 5, 61 for case 7.", "--cost-weight", weight, "--json"]) == 0
        decision = json.loads(capsys.readouterr().out)
        assert decision["cost_weight"] == float(weight)
        sizes.append(decision["size"])
    assert sizes[-1] == "4B"


def test_route_hints_at_the_task_that_was_meant_and_lists_those_it_knows(policy, capsys):
    known = RoutingPolicy.load(policy).tasks
    assert main(["route", str(policy), "Add up 1, 2.", "--task", f"{known[0]}s"]) == 0
    told, hint = capsys.readouterr()
    assert hint.count("\n") == 1 and f"'{known[0]}s', so the name changes nothing" in hint
    assert f"Did you mean '{known[0]}'? Known: {', '.join(sorted(known))}." in hint
    assert main(["route", str(policy), "Add up 1, 2."]) == 0
    assert capsys.readouterr() == (told, "")  # the verdict is that of `route` without task, too


def test_route_hints_in_the_json_alone(policy, tmp_path, capsys):
    argv = ["route", str(policy), "Add up 1, 2.", "--json"]
    assert main([*argv, "--task", "never seen"]) == 0
    told = capsys.readouterr()
    assert "Known: " in json.loads(told.out)["hint"] and "Did you mean" not in told.out and told.err == ""
    for more in ([], ["--task", RoutingPolicy.load(policy).tasks[0]]):
        assert main([*argv, *more]) == 0
        assert "hint" not in json.loads(capsys.readouterr().out)


def test_a_long_list_of_tasks_is_cut_and_a_policy_that_names_none_says_so(policy, tmp_path, capsys):
    tuned = RoutingPolicy.load(policy)
    many = dataclasses.replace(
        tuned, domain=dataclasses.replace(tuned.domain, tasks=tuple(f"t{i:02}" for i in range(20)))
    )
    for name, made, says in (
        ("many", many, "t11 and 8 more."),
        ("seed", RoutingPolicy.seed(), "does not say what tasks"),
    ):
        made.save(tmp_path / f"{name}.json")
        assert main(["route", str(tmp_path / f"{name}.json"), "hello", "--task", "zzz"]) == 0
        assert says in capsys.readouterr().err


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as e:
        main(["--version"])
    assert e.value.code == 0 and capsys.readouterr().out == f"zeta-eval {version('zeta-eval')}\n"


def test_run_ends_with_the_table_the_policy_and_the_page(tracker, tmp_path, capsys):
    argv = ["run", "--tasks", "copy,add", "--limit", "60", "--trials", "5", "--out", str(tmp_path / "o")]
    assert main([*argv, "--mlflow", tracker.uri]) == 0
    text = capsys.readouterr().out
    assert "gap closed" in text and "policy.json" in text and " ui, then open http" in text


def test_bench_prints_each_size(tmp_path, capsys):
    argv = ["bench", "--ladder", "embedded", "--tasks", "copy", "--limit", "5", "--out", str(tmp_path / "b")]
    assert main([*argv, "--mlflow", "none"]) == 0
    assert "accuracy" in capsys.readouterr().out


def test_numbers_that_can_not_be_told_are_null_in_json(tmp_path, capsys):
    argv = ["bench", "--ladder", "embedded", "--tasks", "copy", "--limit", "1", "--out", str(tmp_path / "b")]
    assert main([*argv, "--mlflow", "none", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sizes"][0]["accuracy_se"] is None


def test_a_hub_data_set_runs_on_models_from_a_users_own_ladder_file(tmp_path, capsys):
    pd.DataFrame(
        {"question": [f"What is {i} plus {i}?" for i in range(6)], "answer": [f"Add.\n#### {2 * i}" for i in range(6)]}
    ).to_parquet(tmp_path / "test.parquet")
    for i in range(2):
        build_tiny_model(tmp_path / f"model{i}", seed=i)
    rungs = "".join(f'[[models]]\nsize = "R{i}"\nmodel = "model{i}"\ndevice_map = "cpu"\n' for i in range(2))
    (tmp_path / "mine.toml").write_text(f"max_new_tokens = 8\n{rungs}")
    argv = ["bench", "--ladder", str(tmp_path / "mine.toml"), "--tasks", f"gsm8k={tmp_path}/test.parquet"]
    assert main([*argv, "--out", str(tmp_path / "o"), "--mlflow", "none"]) == 0
    table = Outcomes.load(tmp_path / "o")
    assert table.sizes == ("R0", "R1") and len(table) == 6
    assert set(table.frame["dataset"]) == {"openai/gsm8k"}
    assert table.frame[["prompt_tokens", "completion_tokens", "mean_logprob", "gpu_s"]].notna().all(axis=None)


def test_wrong_words_are_one_line_with_code_2(policy, table, tmp_path, capsys):
    fails(capsys, ["tuen"], 2, "invalid choice", "Did you mean 'tune'", "zeta --help")
    fails(capsys, ["tune", "t", "--out", "p", "--trails", "3"], 2, "Did you mean '--trials'", "zeta tune --help")
    fails(capsys, ["compare", str(policy), str(table)], 2, "at least two")
    fails(capsys, ["tune"], 2, "TABLE", "zeta tune --help")
    fails(capsys, ["tune", str(table), "--out", "p.json", "--trials", "many"], 2, "--trials")
    fails(capsys, ["replay", str(policy), str(table), "--split", "tset"], 2, "Did you mean 'test'")
    fails(capsys, ["bench", "--ladder", "qwen", "--tasks", "copy", "--out", str(tmp_path / "o")], 2, "qwen3")
    fails(capsys, ["route", str(tmp_path / "none.json"), "hi"], 2, "zeta tune TABLE")
    fails(capsys, ["route", str(policy), "hi", "--cost-weight", "-1"], 2, "cost_weight")
    fails(capsys, ["tune", str(table), "--out", "p.json", "--seed", "-1"], 2, "seed is -1")
    fails(capsys, ["tune", str(table), "--out", str(tmp_path)], 2, "is a folder; name a file in it")
    fails(capsys, ["gpu-check", "--out", str(policy / "p.json")], 2, f"{policy} takes no files")
    fails(
        capsys,
        ["run", "--out", str(tmp_path / "o"), "--cost", "foo"],
        2,
        "--cost: invalid choice: 'foo' (choose from 'gpu_s', 'cost_usd', 'latency_s')",
    )
    fails(capsys, ["ui", "--mlflow", f"sqlite:///{tmp_path}/none.db"], 2, "No MLflow store")
    assert not (tmp_path / "o").exists()


def test_ui_says_its_address_and_its_command_and_starts_nothing_with_json(tracker, unused_port, capsys):
    assert main(["ui", "--mlflow", tracker.uri, "--port", str(unused_port), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["address"] == f"http://127.0.0.1:{unused_port}" and tracker.uri in said["command"]


def rows(edit):
    frame = make_outcomes(60).frame[["task", "query_id", "query", "model", "score", "gpu_s"]].copy()
    return edit(frame)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda f: f.iloc[:0], ("no rows",)),
        (lambda f: f.drop(columns="score"), ("score",)),
        (lambda f: f.assign(score=1.5), ("1.5", "[0, 1]")),
        (lambda f: f.assign(score=float("nan")), ("score",)),
        (lambda f: f.iloc[[0, *range(len(f))]], ("twice",)),
        (lambda f: f.drop(columns="gpu_s"), ("cost",)),
    ],
)
def test_a_table_that_can_not_be_used_is_one_line_and_nothing_is_written(tmp_path, capsys, edit, words):
    path, out = tmp_path / "t.csv", tmp_path / "p.json"
    rows(edit).to_csv(path, index=False)
    fails(capsys, ["tune", str(path), "--out", str(out), "--mlflow", "none"], 2, *words)
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]


def test_a_hub_data_set_out_of_reach_is_failed_work(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    argv = ["bench", "--ladder", "embedded", "--tasks", "gsm8k", "--out", str(tmp_path / "o"), "--mlflow", "none"]
    fails(capsys, argv, 1, "gsm8k", "local copy")


@pytest.mark.parametrize("verb", build_parser().verbs.choices)
def test_every_verb_explains_itself(verb, capsys):
    with pytest.raises(SystemExit) as end:
        build_parser().parse_args([verb, "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert "example:" in text and "--json" in text

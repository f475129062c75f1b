import json

import pandas as pd

from zeta_eval.cli import main
from zeta_eval.outcomes import Outcomes


def bench(folder, *more):
    argv = ["bench", "--ladder", "embedded", "--limit", "6", "--out", str(folder), "--mlflow", "none", *more]
    assert main(argv) == 0


def test_a_file_is_graded_by_a_scorer_of_ones_own_and_again_by_another(tmp_path, capsys):
    (tmp_path / "mine.csv").write_text("prompt,target\nCopy the letters AB.,AB\nCopy the letters CD.,cd\n", "utf-8")
    scorers = tmp_path / "scorers.py"
    scorers.write_text(
        "def none(query, response):\n    return 0.0\n\ndef all(target, response):\n    return True\n", "utf-8"
    )
    bench(tmp_path / "o", "--tasks", str(tmp_path / "mine.csv"), "--scorer", f"{scorers}:none")
    assert Outcomes.load(tmp_path / "o").matrix("score").max() == 0.0
    capsys.readouterr()
    new, changes = tmp_path / "new.parquet", tmp_path / "changes.jsonl"
    argv = ["rescore", str(tmp_path / "o"), "--scorer", f"{scorers}:all", "--out", str(new), "--changes", str(changes)]
    assert main(argv) == 0
    said = capsys.readouterr().out
    assert "6 of 6 rows changed." in said and f"Outcomes: {new}" in said and f"Changes: {changes}" in said
    assert Outcomes.load(new).matrix("score").min() == 1.0
    assert len(pd.read_json(changes, lines=True)) == 6


def test_a_scorer_for_shipped_tasks_alone_is_refused_before_anything_runs(tmp_path, capsys):
    argv = ["bench", "--ladder", "embedded", "--tasks", "copy", "--scorer", "exact", "--out", str(tmp_path / "o")]
    assert main([*argv, "--mlflow", "none"]) == 2
    assert "zeta rescore --scorer" in capsys.readouterr().err and not (tmp_path / "o").exists()


def test_merge_joins_two_runs_and_says_so(tmp_path, capsys):
    for task in ("copy", "count"):
        bench(tmp_path / task, "--tasks", task)
    capsys.readouterr()
    argv = ["merge", str(tmp_path / "copy"), str(tmp_path / "count"), "--out", str(tmp_path / "both.parquet"), "--json"]
    assert main(argv) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["n"], told["n_conflicts"], told["sizes"]) == (12, 0, ["17K", "45K", "456K"])
    assert len(Outcomes.load(tmp_path / "both.parquet")) == 12


def test_vote_adds_a_size_that_is_asked_several_times(tmp_path, capsys):
    bench(tmp_path / "warm", "--tasks", "chain", "--attempts", "3", "--temperature", "0.8")
    capsys.readouterr()
    argv = ["vote", str(tmp_path / "warm"), "--sizes", "17K", "--out", str(tmp_path / "voted.parquet"), "--json"]
    assert main(argv) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(s["size"], s["attempts"], s["n"]) for s in told["voted"]] == [("17K x3", 3, 6)]
    assert Outcomes.load(tmp_path / "voted.parquet").sizes == tuple(told["sizes"])
    assert main(["vote", str(tmp_path / "voted.parquet"), "--sizes", "9B", "--out", str(tmp_path / "x.parquet")]) == 2
    assert "Unknown size '9B'" in capsys.readouterr().err

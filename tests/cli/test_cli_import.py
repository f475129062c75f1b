import json

import pandas as pd

import zeta_eval as ze
from zeta_eval.cli import main

ROWS = [
    {"task": "t", "query_id": str(q), "query": f"query {q}", "model": m, "score": s, "prompt_tokens": 60}
    | {"completion_tokens": 40}
    for q in range(3)
    for m, s in (("1B", 0), ("9B", 1))
]


def test_import_writes_a_table_with_costs_and_an_account_of_every_row(tmp_path, capsys):
    source, out = tmp_path / "t.csv", tmp_path / "new" / "outcomes.parquet"
    pd.DataFrame([*ROWS, ROWS[0] | {"query_id": "x", "score": "great"}]).to_csv(source, index=False)
    argv = ["import", "tidy", str(source), "--out", str(out), "--cost", "1B=0.1/Mtok", "--cost", "9B=0.002"]
    assert main(argv) == 0
    text = capsys.readouterr().out
    assert "Read 7 rows, kept 6, skipped 1." in text and "whose score is no number" in text and str(out) in text
    outcomes = ze.Outcomes.load(out)
    assert outcomes.sizes == ("1B", "9B") and outcomes.matrix("cost_usd")[0].round(9).tolist() == [1e-05, 0.002]
    assert main([*argv, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["n_rows"], data["n_outcomes"], data["n_queries"], data["costs"]) == (7, 6, 3, ["cost_usd"])
    assert ze.import_table("tidy", out).outcomes.sha256 == outcomes.sha256


def test_mistakes_of_an_import_are_one_line_and_leave_the_old_table(tmp_path, capsys):
    source, out = tmp_path / "t.csv", tmp_path / "outcomes.parquet"
    pd.DataFrame(ROWS).to_csv(source, index=False)
    out.write_bytes(b"old")
    for words, argv in {
        "Did you mean 'tidy'": ["tiddy", str(source), "--out", str(out)],
        "Nothing at": ["tidy", str(tmp_path / "none"), "--out", str(out)],
        "NAME=VALUE": ["tidy", str(source), "--out", str(out), "--cost", "0.1"],
        "Unknown model '2B'": ["tidy", str(source), "--out", str(out), "--cost", "2B=0.1"],
        "per million tokens": ["tidy", str(source), "--out", str(out), "--cost", "1B=free"],
        "give a .parquet file": ["tidy", str(source), "--out", str(tmp_path / "o.csv")],
        "is a pickle": ["routerbench", str(tmp_path / "t.pkl"), "--out", str(out)],
        "--out": ["tidy", str(source)],
        "as in 0:100 or 1:10": ["tidy", str(source), "--out", str(out), "--scale", "100"],
        "has no scorers to choose from": ["tidy", str(source), "--out", str(out), "--scorer", "match"],
    }.items():
        (tmp_path / "t.pkl").write_bytes(b"")
        assert main(["import", *argv]) == 2
        captured = capsys.readouterr()
        assert captured.out == "" and len(captured.err.splitlines()) == 1 and words in captured.err, captured.err
    assert out.read_bytes() == b"old" and {p.name for p in tmp_path.iterdir()} == {"t.csv", "t.pkl", "outcomes.parquet"}

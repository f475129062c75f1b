import json

import pandas as pd
import pytest

import zeta_eval as ze
from zeta_eval.cli import main
from zeta_eval.exceptions import InvalidInputError
from zeta_eval.outcomes.labels import read_labels
from zeta_eval.testing import make_outcomes


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_labels_are_numbers_words_or_on_a_scale(tmp_path):
    file = write(tmp_path / "l.csv", "query_id,label\n007,Right\n2,wrong\n3,0.25\n4,yes\n5,no\n")
    assert read_labels(file)["label"].tolist() == [1.0, 0.0, 0.25, 1.0, 0.0]
    assert read_labels(file)["query_id"].tolist()[0] == "007"
    file = write(tmp_path / "l.csv", "query_id,label\n1,1\n2,4\n3,5\n4,right\n")
    assert read_labels(file, scale="1:5")["label"].tolist() == [0.0, 0.75, 1.0, 1.0]


@pytest.mark.parametrize(
    ("text", "scale", "message"),
    [
        (
            "query_id,label\n1,3\n",
            None,
            r"has the label '3' in row 1; give numbers in \[0, 1\], right or wrong, or --scale",
        ),
        ("query_id,label\n1,right\n2,maybe\n", None, "label 'maybe' in row 2"),
        ("query_id,label\n1,7\n", "1:5", "label '7' in row 1; the scale is 1:5"),
        ("query_id,label\n1,\n", None, "label '' in row 1"),
        ("query_id,mark\n1,1\n", None, "lacks the column label; give query_id and label"),
        ("query_id,label\n1,1\n", "5:1", "The scale is '5:1'; give LOW:HIGH"),
        ("", None, "can't be read as CSV"),
    ],
)
def test_labels_that_are_none_are_refused_in_a_line(tmp_path, text, scale, message):
    with pytest.raises(InvalidInputError, match=message):
        read_labels(write(tmp_path / "l.csv", text), scale=scale)


def test_a_table_agrees_with_its_own_scores_and_not_with_the_reverse(tmp_path):
    table = make_outcomes(60)
    frame = table.frame[["query_id", "model", "score"]].rename(columns={"score": "label"})
    frame.to_csv(tmp_path / "same.csv", index=False)
    same = ze.agree(table, tmp_path / "same.csv")
    assert same.frame()["size"].tolist() == ["all", "4B", "7B", "14B"]
    assert same.frame()["kappa"].tolist() == [1.0] * 4 and same.frame()["n"].tolist() == [180, 60, 60, 60]
    assert same.counts.to_numpy().sum() == 180 and same.counts.loc[0.0, 1.0] == 0
    frame.assign(label=1 - frame["label"]).to_csv(tmp_path / "turned.csv", index=False)
    turned = ze.agree(table, tmp_path / "turned.csv")
    assert turned.frame()["kappa"].iloc[0] < 0 and turned.frame()["equal"].iloc[0] == 0.0


def test_the_command_tells_kappa_counts_and_what_was_left_out(tmp_path, capsys):
    rows = {"task": "t", "query_id": list("abcd"), "query": ["One.", "Two!", "Third", "Fourth"], "model": "4B"}
    frame = pd.DataFrame(rows | {"score": [1.0, 0.0, 1.0, None]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    labels = write(tmp_path / "l.csv", "query_id,label\na,right\nb,wrong\nc,wrong\nd,right\ne,right\n")
    assert main(["agree", str(tmp_path / "t.csv"), str(labels)]) == 0
    said = capsys.readouterr().out
    assert "Cohen's kappa 0.400 [" in said
    assert "1 labels not in the table were left out." in said and "1 labels of unscored answers were left out." in said
    assert "There are 3 labels; with fewer than 30 the interval is rough." in said
    assert main(["agree", str(tmp_path / "t.csv"), str(labels), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["sizes"][0]["kappa"] == pytest.approx(0.4) and len(told["sizes"]) == 1
    assert {"score": 1.0, "label": 0.0, "n": 1} in told["counts"]


def test_labels_without_a_model_or_about_nothing_are_refused(tmp_path):
    table = make_outcomes(20)
    with pytest.raises(InvalidInputError, match=r"name no model, and the table has several \(4B, 7B, 14B\)"):
        ze.agree(table, write(tmp_path / "l.csv", "query_id,label\nmade/1,1\n"))
    with pytest.raises(InvalidInputError, match="None of 1 labels is about a scored answer"):
        ze.agree(table, write(tmp_path / "l.csv", "query_id,model,label\nmade/1,9B,1\n"))


def test_labels_of_attempts_are_about_these_attempts(tmp_path):
    rows = {"task": "t", "query_id": ["a", "a", "b", "b"], "query": ["One.", "One.", "Two!", "Two!"], "model": "4B"}
    table = ze.Outcomes.from_frame(pd.DataFrame(rows | {"attempt": [0, 1, 0, 1], "score": [1.0, 0.0, 0.0, 1.0]}))
    named = write(tmp_path / "l.csv", "query_id,model,attempt,label\na,4B,1,0\nb,4B,1,1\n")
    assert ze.agree(table, named).frame()["kappa"].iloc[0] == 1.0
    first = ze.agree(table, write(tmp_path / "f.csv", "query_id,label\na,1\nb,0\n"))
    assert first.frame()["kappa"].iloc[0] == 1.0 and "they count for the first" in first.text()

import pandas as pd
import pytest

import zeta_eval as ze
from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.outcomes.targets import read_target, target_text
from zeta_eval.tasks import Query, Score, get_scorer
from zeta_eval.tasks.base import grade


def test_a_scorer_gets_the_query_or_in_the_old_form_the_target():
    query = Query(prompt="What is 2 + 2?", target="4")
    assert grade(lambda query, response: query.target == response, query, "4") == Score(1.0)
    assert grade(lambda target, response: Score(float(target == response)), query, "5") == Score(0.0)

    def annotated(item: "ze.Query", response):
        return len(item.prompt) / 100

    assert grade(annotated, query, "") == Score(0.14)


def test_a_scorer_that_returns_no_score_is_refused():
    with pytest.raises(InvalidInputError, match="returned a NoneType; return a Score, or a number"):
        grade(lambda query, response: None, Query(prompt="a", target="b"), "c")
    with pytest.raises(InvalidInputError, match="A score is 3"):
        grade(lambda query, response: 3, Query(prompt="a", target="b"), "c")


def test_a_scorer_comes_from_a_python_file(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def half(query, response):\n    return 0.5\n", encoding="utf-8")
    assert grade(get_scorer(f"{file}:half"), Query(prompt="a", target="b"), "c") == Score(0.5)
    with pytest.raises(UnknownNameError, match="Did you mean 'half'"):
        get_scorer(f"{file}:hal")
    with pytest.raises(InvalidInputError, match=r"No file .*gone\.py"):
        get_scorer(f"{tmp_path / 'gone.py'}:half")
    file.write_text("1 / 0", encoding="utf-8")
    with pytest.raises(InvalidInputError, match=r"can't be run \(ZeroDivisionError"):
        get_scorer(f"{file}:half")


@pytest.mark.parametrize("target", ["4", "", '["a"]', '["a", "b"]', '["a', '["\\"]', ("a",), ("a", "b")])
def test_a_target_is_read_back_as_it_was(target):
    assert read_target(target_text(target)) == target


def test_file_tasks_are_graded_by_the_scorer_given_and_others_are_not(tmp_path):
    (tmp_path / "words.csv").write_text("prompt,target\nSay A,A\n", encoding="utf-8")
    words, add = ze.resolve_tasks(f"{tmp_path / 'words.csv'},add", scorer="exact")
    assert words.score(words.load()[0], "the answer is A").value == 0.0
    assert add.scorer is get_scorer("compact")
    with pytest.raises(InvalidInputError, match="add has its own; give one for tasks of files only"):
        ze.resolve_tasks("add", scorer="exact")


def table(**more):
    rows = {
        "task": "sums",
        "query_id": ["1", "1", "2", "2", "3", "3"],
        "query": ["1 and 1?"] * 2 + ["2 plus 2?"] * 2 + ["1 + 2?"] * 2,
        "model": ["4B", "7B"] * 3,
        "score": [0.0, 1.0, 0.0, 1.0, None, 1.0],
        "response": ["2", "2", "four", "4", None, "3"],
        "error": [None, None, None, None, "GenerationError: no", None],
        "target": ["2", "2", "4", "4", "3", "3"],
    }
    return ze.Outcomes.from_frame(pd.DataFrame(rows | more))


def test_rescoring_says_row_by_row_and_by_size_what_changes(tmp_path):
    report = ze.rescore(table(), scorer="number", out=tmp_path / "new.parquet", changes=tmp_path / "changes.csv")
    sizes = report.frame().set_index("size")
    assert sizes.loc["4B", ["n_graded", "n_changed", "n_up", "n_down"]].tolist() == [2, 1, 1, 0]
    assert sizes.loc["4B", ["before", "after", "difference"]].tolist() == [0.0, 0.5, 0.5]
    assert sizes.loc["7B", "n_changed"] == 0 and sizes.loc["7B", "difference_high"] == 0.0
    assert report.left == {"without a response": 1}
    changes = pd.read_csv(tmp_path / "changes.csv")
    told = changes[["query_id", "model", "score_before", "score_after", "unparsed_after"]]
    assert told.to_numpy().tolist() == [[1, "4B", 0.0, 1.0, False], [2, "4B", 0.0, 0.0, True]]
    assert ze.Outcomes.load(tmp_path / "new.parquet").matrix("score").tolist() == [[1.0, 1.0], [0.0, 1.0]]
    text = report.text()
    assert "5 stored answers graded again: sums by number." in text
    assert "1 rows without a response were not graded and keep their score." in text
    assert report.to_dict()["n_changed"] == 2


def test_the_table_itself_stays_and_is_never_the_file_that_is_written(tmp_path):
    path = tmp_path / "outcomes.parquet"
    table().save(path)
    before = path.read_bytes()
    for place in (path, tmp_path):
        with pytest.raises(InvalidInputError, match="never changed in place, name a new file"):
            ze.rescore(place, scorer="number", out=path)
    ze.rescore(path, scorer="number", out=tmp_path / "new.parquet")
    assert path.read_bytes() == before
    with pytest.raises(InvalidInputError, match=r"give a \.parquet, .csv or .jsonl file"):
        ze.rescore(path, scorer="number", changes=tmp_path / "changes.xlsx")


def test_targets_come_from_tasks_by_id_where_the_table_has_none(tmp_path):
    file = tmp_path / "sums.csv"
    file.write_text("id,prompt,target\n1,1 and 1?,2\n2,2 plus 2?,4\n3,Another text,3\n", encoding="utf-8")
    ids = ["sums/1", "sums/1", "sums/2", "sums/2", "sums/3", "sums/3"]
    outcomes = table(target=None, query_id=ids)
    with pytest.raises(
        InvalidInputError, match=r"None of 6 rows can be graded again \(5 without a target; 1 without a"
    ):
        ze.rescore(outcomes)
    report = ze.rescore(outcomes, tasks=str(file))
    assert report.left == {"without a response": 1, "whose query reads differently in the task": 1}
    assert report.frame()["n_graded"].tolist() == [2, 2] and report.scorers == {"sums": "auto"}


def test_a_row_whose_scorer_fails_is_unscored_and_says_why():
    def picky(query, response):
        if response == "four":
            raise ValueError("no digits")
        return query.target == response

    report = ze.rescore(table(), scorer=picky)
    frame = report.outcomes.frame
    row = frame[(frame["query_id"] == "2") & (frame["model"] == "4B")].iloc[0]
    assert pd.isna(row["score"]) and row["error"] == "The scorer failed: ValueError: no digits"
    sizes = report.frame().set_index("size")
    assert sizes.loc["4B", ["n_graded", "n_without", "n_changed"]].tolist() == [1, 1, 2]
    assert "1 rows got no grade and have no score now" in report.text()
    mended = ze.rescore(report.outcomes, scorer="number").outcomes.frame
    assert mended["error"].isna().sum() == 5  # the failed generation keeps its error


def test_a_benchmark_keeps_its_targets_and_agrees_with_its_own_scorers(tmp_path):
    outcomes = ze.benchmark("embedded", "copy,add", limit=4, out=tmp_path)
    assert outcomes.frame["target"].notna().all()
    report = ze.rescore(tmp_path)
    assert len(report.changes) == 0 and report.frame()["n_graded"].tolist() == [8, 8, 8]
    assert report.scorers == {"copy": "compact", "add": "compact"}

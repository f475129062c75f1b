import numpy as np
import pandas as pd
import pytest

from zeta_eval.exceptions import OutcomesError, UnknownNameError
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.voting import vote_table
from zeta_eval.router.signals.vote import vote


def table(responses, *, scores=None, **columns):
    """A query per row of responses, answered so often by 4B, and once by 7B."""
    words = ["one", "two", "three", "four"]
    rows = []
    for q, line in enumerate(responses):
        common = {"task": "t", "query_id": str(q), "query": f"Say {words[q]}."}
        for a, text in enumerate(line):
            score = float(text == "4") if scores is None else scores[q][a]
            rows.append({**common, "model": "4B", "attempt": a, "score": score, "response": text, "gpu_s": 1.0 + a})
        rows.append({**common, "model": "7B", "score": 1.0, "response": "4", "gpu_s": 4.0})
    return Outcomes.from_frame(pd.DataFrame(rows).assign(**columns)).with_order(("4B", "7B"))


def voted(made):
    return made.outcomes.frame.query("model == '4B x3'").set_index("query_id")


def test_the_majority_answers_at_the_cost_of_all_attempts():
    made = vote_table(table([["5", "4", "4"], ["4", "5", "6"], ["5", "5", "4"]]))
    rows = voted(made)
    assert rows["response"].tolist() == ["4", "4", "5"] and rows["score"].tolist() == [1.0, 1.0, 0.0]
    assert rows["agreement"].tolist() == pytest.approx([2 / 3, 1 / 3, 2 / 3])
    assert rows["gpu_s"].tolist() == [6.0] * 3
    assert made.outcomes.sizes == ("4B", "7B", "4B x3")  # 2, 4 and 6 seconds
    assert made.sizes.to_dict("records") == [
        {"size": "4B x3", "of": "4B", "attempts": 3, "n": 3, "one": pytest.approx(4 / 9)}
        | {"majority": pytest.approx(2 / 3), "agreement": pytest.approx(5 / 9)}
    ]
    assert "4B x3: the majority of 3 attempts by 4B scores 0.667, one attempt 0.444 (n = 3)" in made.text()


def test_the_table_keeps_all_that_it_had_and_no_single_answer_gets_an_agreement(tmp_path):
    before = table([["5", "4", "4"], ["4", "4", "6"]])
    made = vote_table(before).outcomes
    assert np.array_equal(made.for_sizes(("4B", "7B")).matrix("score"), before.matrix("score"))
    assert np.isnan(made.for_sizes(("4B", "7B")).matrix("agreement")).all()
    assert np.isfinite(made.matrix("agreement")[:, 2]).all()
    made.save(tmp_path / "voted.parquet")
    assert Outcomes.load(tmp_path / "voted.parquet").sha256 == made.sha256


def test_a_query_with_an_attempt_missing_or_unscored_gives_no_score():
    scores = [[1.0, 1.0, 1.0], [1.0, None, 1.0], [1.0, 1.0]]
    made = vote_table(table([["4", "4", "4"], ["4", "4", "4"], ["4", "4"]], scores=scores))
    rows = voted(made)
    assert rows["score"].isna().tolist() == [False, True, True] and len(made.outcomes) == 1
    assert rows["error"].tolist()[1:] == ["2 of 3 attempts have a score"] * 2
    assert np.isnan(rows["gpu_s"].iloc[2])  # never the cost of fewer attempts
    assert made.sizes["n"].tolist() == [1]


def test_a_query_too_long_for_every_attempt_is_the_majoritys_failure_too():
    refused = "The prompt has 99 tokens, the model's context 64; shorten it"
    responses = [["4", "4", "4"], [None, None, None]]
    before = table(responses).attempts
    long = (before["query_id"] == "1") & (before["model"] == "4B")
    before = before.assign(error=before["error"].mask(long, refused), score=before["score"].mask(long))
    made = vote_table(Outcomes.from_frame(before.assign(gpu_s=before["gpu_s"].mask(long))).with_order(("4B", "7B")))
    assert len(made.outcomes) == 2 and made.outcomes.too_long[1, list(made.outcomes.sizes).index("4B x3")]
    assert voted(made).loc["1", "score"] == 0.0


def test_a_size_that_was_asked_once_has_no_majority():
    with pytest.raises(OutcomesError, match="7B has one attempt per query"):
        vote_table(table([["4", "4"]]), ["7B"])
    with pytest.raises(OutcomesError, match="Every size has one attempt per query"):
        vote_table(table([["4"]]))
    with pytest.raises(UnknownNameError, match="8B"):
        vote_table(table([["4", "4"]]), ["8B"])


@pytest.mark.parametrize(
    ("finals", "found"),
    [([""], (0, 0.0)), (["", "7"], (1, 0.5)), (["7", "8", "8", "7"], (0, 0.5)), (["1", "2", "2"], (1, 2 / 3))],
)
def test_the_most_frequent_final_answer_wins_and_of_equals_the_first(finals, found):
    assert vote(finals) == found


def test_tables_whose_confidence_was_the_agreement_of_attempts_are_read_without_it(tmp_path):
    import pyarrow.parquet as pq

    before, path = table([["4", "4"]], confidence=0.5), tmp_path / "old.parquet"
    before.save(path)
    assert Outcomes.load(path).attempts["confidence"].eq(0.5).all()
    pq.write_table(pq.read_table(path).drop_columns(["agreement"]), path)
    assert Outcomes.load(path).attempts["confidence"].isna().all()


def test_attempts_with_gaps_in_their_numbers_are_refused_by_name():
    gaps = table([["4", "5"], ["5", "4"]]).attempts
    gaps = gaps.assign(attempt=gaps["attempt"].replace(1, 5))
    with pytest.raises(OutcomesError, match="No query has all 6 attempts by 4B with a score, by their numbers 0 to 5"):
        vote_table(Outcomes.from_frame(gaps).with_order(("4B", "7B")))

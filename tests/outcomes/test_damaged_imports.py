"""One damaged thing in a folder never keeps the others from being imported: it is left out, counted and named."""

import json
import os
import shutil
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import pandas as pd
import pytest
from importing import LOGS

from zeta_eval.exceptions import OutcomesError
from zeta_eval.outcomes import Journal
from zeta_eval.outcomes.importers import import_outcomes
from zeta_eval.outcomes.importers.zips import BadZipFile, member
from zeta_eval.testing import make_outcomes

GOOD = LOGS / "inspect" / "words"


@pytest.fixture
def folder(tmp_path):
    """A folder with logs that can be read."""
    return shutil.copytree(GOOD, tmp_path / "logs")


def encrypted(path):
    """Mark the members of an archive as encrypted, as a password does."""
    raw = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = raw.find(mark)
        while at >= 0:
            raw[at + place] |= 1
            at = raw.find(mark, at + 4)
    path.write_bytes(bytes(raw))


def spoil(folder, kind):
    """Put one damaged thing into a folder of logs."""
    path = folder / "damaged.eval"
    if kind == "a folder named like a log":
        path.mkdir()
    elif kind == "a link to nothing":
        path.symlink_to(folder / "nowhere.eval")
    elif kind == "a pipe":
        os.mkfifo(path)
    else:
        shutil.copy(next(folder.glob("*.eval")), path)
        encrypted(path)
    return path


@pytest.mark.parametrize("kind", ["a folder named like a log", "a link to nothing", "a pipe", "an encrypted archive"])
def test_a_damaged_thing_is_named_and_the_logs_beside_it_are_read(folder, kind):
    whole = import_outcomes("inspect", folder).outcomes
    path = spoil(folder, kind)
    report = import_outcomes("inspect", folder)
    assert report.outcomes.frame.equals(whole.frame)
    (said,) = [note for note in report.notes if str(path) in note]
    assert ("is encrypted" if "encrypted" in kind else "no file but a folder, a pipe or a link to nothing") in said


def test_a_member_that_unpacks_to_gigabytes_is_refused_before_it_is_unpacked():
    out = BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as archive:
        archive.writestr("samples/1.json", b" " * (100 << 20))
    with ZipFile(out) as archive, pytest.raises(BadZipFile, match="unpacks to 100 MiB, which is too much"):
        member(archive, archive.infolist()[0])


def test_a_number_that_can_not_be_is_left_empty_and_counted(tmp_path):
    rows = [
        {"task": "t", "query_id": q, "query": q, "model": m, "score": 1, "prompt_tokens": n}
        for (q, n) in (("a", -5), ("b", 7), ("c", 10**20))
        for m in ("1B", "2B")
    ]
    pd.DataFrame(rows, dtype=object).to_csv(tmp_path / "t.csv", index=False)
    report = import_outcomes("tidy", tmp_path / "t.csv")
    assert "4 values of prompt_tokens are no number or out of range, and left empty." in report.notes
    assert report.outcomes.frame["prompt_tokens"].dropna().tolist() == [7, 7]


def test_a_journal_with_an_odd_number_is_finished_and_a_bad_score_is_an_error_row(tmp_path):
    row = {"task": "t", "query": "?", "score": 1.0, "error": None}
    rows = [row | {"query_id": q, "model": m} for q in "ab" for m in ("1B", "2B")]
    rows[0] |= {"prompt_tokens": -5, "mean_logprob": 0.5}
    rows[1] |= {"score": 7}
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    with Journal(tmp_path) as journal:
        journal.append([row | {"query_id": "c", "model": "1B", "completion_tokens": 2**64 - 1}])
        assert journal.odd == {("1B", "completion_tokens"): 1}
        frame = journal.finish().frame
    assert frame[["prompt_tokens", "mean_logprob", "completion_tokens"]].isna().all(axis=None)
    assert frame["error"].dropna().tolist() == ["The score is no number in [0, 1]"]
    assert frame["score"].isna().sum() == 1


def test_a_row_without_a_query_is_named(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"task": "t", "query_id": 3}\n')
    with pytest.raises(OutcomesError, match=r"Row 1 of .* lacks one of task, query_id"):
        Journal(tmp_path)


@pytest.mark.parametrize("place", ["query", "query_id", "task", "response", "prompt_tokens"])
@pytest.mark.parametrize(
    "half", ['"half \\ud800"', b'"half \xed\xa0\x80"', '[{"role": "user", "content": "half \\ud800"}]']
)
def test_half_of_a_character_in_a_tidy_table_keeps_no_row_from_being_imported(tmp_path, place, half):
    rows = make_outcomes(4, seed=1).frame[["task", "query_id", "query", "model", "score"]].to_dict("records")
    rows[0]["query_id"] = "alone"
    lines = [json.dumps(row | {"response": "a"}).encode() for row in rows]
    half = half if isinstance(half, bytes) else half.encode()
    lines[0] = lines[0][:-1] + b', "%s": %s}' % (place.encode(), half)
    (tmp_path / "t.jsonl").write_bytes(b"\n".join(lines))
    report = import_outcomes("tidy", tmp_path / "t.jsonl")
    assert len(report.outcomes.frame) == len(rows)
    assert place == "prompt_tokens" or report.outcomes.frame[place].str.contains(r"half \?").any()


def test_half_of_a_character_in_one_answer_of_a_log_keeps_no_sample_from_being_imported(tmp_path):
    made = shutil.copytree(LOGS / "lm_eval" / "current", tmp_path / "logs")
    file = next(made.rglob("samples_own_open*.jsonl"))
    whole = import_outcomes("lm-eval", file.parent).outcomes.frame
    lines = file.read_text().splitlines()
    row = json.loads(lines[0])
    row["resps"] = [["half \ud800"]]
    file.write_text("\n".join([json.dumps(row), *lines[1:]]))
    assert len(import_outcomes("lm-eval", file.parent).outcomes.frame) == len(whole)

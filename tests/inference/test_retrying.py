"""Rows of a finished run that are asked again."""

import json
from dataclasses import replace

import launched
import pytest
from killed import killed
from test_growing import QUERIES, RUNGS, SUMS, essence, ladder, record, score

from zeta_eval.exceptions import GenerationError, InvalidInputError, UnknownNameError
from zeta_eval.inference.run.progress import Board
from zeta_eval.inference.run.runner import run
from zeta_eval.models import GenerateConfig
from zeta_eval.outcomes import Outcomes
from zeta_eval.testing import ScriptedGenerator

TWO = ladder("1B", "9B")
CONFIG = GenerateConfig(max_new_tokens=4, batch_size=4)  # queries 4, 5 and 6 of every seven need five words or more
LONGER = replace(CONFIG, max_new_tokens=6)
CUT = {q.query_id for i, q in enumerate(QUERIES) if i % 7 > 3}
STILL = {q.query_id for i, q in enumerate(QUERIES) if i % 7 == 6}


def words(prompt):
    return prompt.removeprefix("spell ")


def failing(*which):
    """A script that fails for some prompts."""

    def answer(prompt):
        if prompt in which:
            raise ValueError("down")
        return words(prompt)

    return answer


def bench(out, asked=TWO, queries=QUERIES, *, config=CONFIG, answer=words, engines=None, **more):
    engines = engines or {s: ScriptedGenerator(s, answer) for s in asked.sizes}
    made = {"generators": lambda spec: engines[spec.size], "latency_sample": 4} | {"progress": False} | more
    return run(asked, queries, score, out=out, config=config, **made)


def lines(folder):
    found = (folder / "rows.jsonl").read_bytes().splitlines(keepends=True)
    return {(r["query_id"], r["model"], r["attempt"] or 0): line for line in found for r in [json.loads(line)]}


def test_cut_answers_are_asked_again_and_no_other_byte_changes(tmp_path):
    bench(tmp_path / "o")
    before, order = lines(tmp_path / "o"), list(lines(tmp_path / "o"))
    engines = {s: ScriptedGenerator(s, words, latency_s=0.5) for s in TWO.sizes}
    said = Board(lambda _: None)
    report = bench(tmp_path / "o", config=LONGER, engines=engines, retry="truncated", progress=said)
    after = lines(tmp_path / "o")
    assert list(after) == order
    assert {query_id for query_id, *_ in (k for k in before if before[k] != after[k])} == CUT
    assert all(len(e.prompts) == len(CUT) for e in engines.values())
    n = len(CUT)
    assert said.notes == [
        f"Asked {2 * n} rows again: {2 * n} replaced ({n} of 1B, {n} of 9B); {2 * len(STILL)} answers are cut off."
    ]
    assert not (tmp_path / "o" / "retry.jsonl").exists()
    same = ["gpu_s", "prefill_gpu_s"]
    whole = bench(tmp_path / "whole", config=LONGER)
    assert essence(report.outcomes).drop(columns=same).equals(essence(whole.outcomes).drop(columns=same))
    rows = report.outcomes.frame.set_index(["model", "query_id"]).loc["9B"]
    assert set(rows.index[rows["latency_s"] == 0.5]) == CUT == set(rows.index[rows["gpu_s"] == 0.5])
    tokens = (rows["prompt_tokens"] + rows["completion_tokens"]).to_numpy(dtype=float)
    assert rows["cost_usd"].to_numpy() == pytest.approx(tokens * 2e-6)


def test_the_record_says_which_rows_have_which_limit(tmp_path):
    bench(tmp_path)
    before = record(tmp_path)
    bench(tmp_path, config=LONGER, retry=["truncated"])
    after = record(tmp_path)
    (retry,) = after["retries"]
    assert {turn: set(ids) for turn, ids in retry["rows"].items()} == {"1B": CUT, "9B": CUT}
    assert (retry["what"], retry["max_new_tokens"], retry["failed"]) == (["truncated"], 6, 0)
    assert before["finished_at"] < retry["began_at"] < retry["finished_at"] < after["finished_at"]
    assert retry["sizes"]["9B"]["sessions"][0]["max_new_tokens"] == 6 and retry["sizes"]["9B"]["latency"]["n"] == 4
    assert after["sizes"] == before["sizes"] and after["max_new_tokens"] == 6


def test_a_run_whose_cut_answers_were_asked_again_grows_with_the_larger_limit(tmp_path):
    bench(tmp_path / "o")
    with pytest.raises(InvalidInputError, match="max_new_tokens 4, now 6; give 4 to add"):
        bench(tmp_path / "o", ladder(*RUNGS), config=LONGER)
    bench(tmp_path / "o", config=LONGER, retry="truncated")
    grown = bench(tmp_path / "o", ladder(*RUNGS), [*QUERIES, *SUMS], config=LONGER)
    whole = bench(tmp_path / "whole", ladder(*RUNGS), [*QUERIES, *SUMS], config=LONGER)
    assert essence(grown.outcomes).equals(essence(whole.outcomes))


def test_answers_may_be_asked_again_with_ever_larger_limits(tmp_path):
    bench(tmp_path)
    bench(tmp_path, config=LONGER, retry="truncated")
    engines = {s: ScriptedGenerator(s, words) for s in TWO.sizes}
    report = bench(tmp_path, config=replace(CONFIG, max_new_tokens=99), engines=engines, retry="truncated")
    assert all(len(e.prompts) == len(STILL) for e in engines.values())
    assert not report.outcomes.frame["truncated"].any()
    engines = {s: ScriptedGenerator(s, words) for s in TWO.sizes}
    bench(tmp_path, config=replace(CONFIG, max_new_tokens=99), engines=engines, retry="truncated")
    assert all(e.calls == 0 for e in engines.values())


@pytest.mark.parametrize("limit", [4, 3])
def test_no_larger_limit_is_one_line_and_changes_nothing(tmp_path, limit):
    bench(tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.name != ".lock"}
    says = f"{2 * len(CUT)} answers were cut off at max_new_tokens 4; give a larger --max-new-tokens to ask them again."
    with pytest.raises(InvalidInputError) as caught:
        bench(tmp_path, config=replace(CONFIG, max_new_tokens=limit), retry="truncated,errors")
    assert str(caught.value) == says
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.name != ".lock"} == before


def test_an_answer_cut_at_its_query_s_own_limit_stays(tmp_path):
    queries = [*QUERIES, *(replace(q, query_id=f"own/{q.query_id}", max_new_tokens=2) for q in QUERIES[:7])]
    bench(tmp_path, queries=queries)
    own = {k: line for k, line in lines(tmp_path).items() if k[0].startswith("own/")}
    bench(tmp_path, queries=queries, config=replace(CONFIG, max_new_tokens=99), retry="truncated")
    assert own.items() <= lines(tmp_path).items()
    assert record(tmp_path)["max_new_tokens"] == 99


def test_an_answer_cut_at_its_rung_s_own_limit_stays(tmp_path):
    own = ladder("1B", "9B", **{"9B": {"max_new_tokens": 3}})
    bench(tmp_path, own)
    before = lines(tmp_path)
    bench(tmp_path, own, config=LONGER, retry="truncated")
    after = lines(tmp_path)
    assert {k[:2] for k in before if before[k] != after[k]} == {(i, "1B") for i in CUT}
    assert record(tmp_path)["sizes"]["9B"]["sessions"][0]["max_new_tokens"] == 3


def test_failed_queries_are_asked_again_and_those_that_fail_again_stay(tmp_path):
    down = [q.prompt for q in QUERIES[:5]]
    bench(tmp_path / "o", answer=failing(*down))
    before = lines(tmp_path / "o")
    said = Board(lambda _: None)
    report = bench(tmp_path / "o", answer=failing(*down[:2]), retry="errors", progress=said)
    after = lines(tmp_path / "o")
    assert {k[0] for k in before if before[k] != after[k]} == {q.query_id for q in QUERIES[2:5]}
    assert "Asked 10 rows again: 6 replaced (3 of 1B, 3 of 9B); 4 failed again, and their rows stay" in said.notes[0]
    assert report.outcomes.n_incomplete == 2
    assert {s: e["errors"] for s, e in record(tmp_path / "o")["sizes"].items()} == {"1B": 2, "9B": 2}
    mended = bench(tmp_path / "o", retry="errors")
    assert essence(mended.outcomes).equals(essence(bench(tmp_path / "whole").outcomes))


def test_cut_answers_that_fail_when_asked_again_can_be_asked_once_more(tmp_path):
    bench(tmp_path / "o")
    lost = QUERIES[5].prompt
    bench(tmp_path / "o", config=LONGER, answer=failing(lost), retry="truncated")
    assert record(tmp_path / "o")["max_new_tokens"] == 4  # an answer is still as short as that
    engines = {s: ScriptedGenerator(s, words) for s in TWO.sizes}
    again = bench(tmp_path / "o", config=LONGER, engines=engines, retry="truncated")
    assert all(e.prompts == [lost] for e in engines.values())
    assert essence(again.outcomes).equals(essence(bench(tmp_path / "whole", config=LONGER).outcomes))


def test_both_kinds_are_asked_again_at_once(tmp_path):
    bench(tmp_path / "o", answer=failing(QUERIES[0].prompt))
    again = bench(tmp_path / "o", config=LONGER, retry=["errors", "truncated"])
    assert essence(again.outcomes).equals(essence(bench(tmp_path / "whole", config=LONGER).outcomes))


def test_a_run_in_which_everything_failed_is_asked_again(tmp_path):
    for more in ({}, {"retry": "errors"}):
        with pytest.raises(GenerationError, match=r"None of 60 queries has a score.* give --retry errors"):
            bench(tmp_path / "o", answer=failing(*(q.prompt for q in QUERIES)), **more)
    again = bench(tmp_path / "o", retry="errors")
    assert essence(again.outcomes).equals(essence(bench(tmp_path / "whole").outcomes))


def test_attempts_are_asked_again_one_by_one(tmp_path):
    warm = replace(CONFIG, temperature=0.7, attempts=3)
    bench(tmp_path / "o", config=warm)
    first = lines(tmp_path / "o")
    again = bench(tmp_path / "o", config=replace(warm, max_new_tokens=6), retry="truncated")
    second = lines(tmp_path / "o")
    assert {k for k in first if first[k] != second[k]} == {(i, s, a) for i in CUT for s in TWO.sizes for a in range(3)}
    assert set(record(tmp_path / "o")["retries"][0]["rows"]) == {"1B", "1B#1", "1B#2", "9B", "9B#1", "9B#2"}
    assert len(again.outcomes.attempts) == 180


def test_a_killed_retry_leaves_the_old_table_and_goes_on_where_it_stopped(tmp_path):
    bench(tmp_path / "o")
    before = (tmp_path / "o" / "rows.jsonl").read_bytes()
    doomed = (
        "kill = t.ScriptedGenerator('9B', t.words, fail_on_call=2, failure='kill')\n"
        "engines = {'9B': kill, '1B': t.ScriptedGenerator('1B', t.words)}\n"
        "t.bench(out, config=t.LONGER, engines=engines, retry='truncated')\n"
    )
    killed(__file__, doomed, tmp_path / "o")
    assert (tmp_path / "o" / "rows.jsonl").read_bytes() == before
    assert Outcomes.load(tmp_path / "o").frame["truncated"].sum() == 2 * len(CUT)
    with pytest.raises(InvalidInputError, match=r"unfinished retry of truncated with max_new_tokens 6; .*retry\.jsonl"):
        bench(tmp_path / "o", config=replace(CONFIG, max_new_tokens=7), retry="truncated")
    bench(tmp_path / "o")  # a run without --retry leaves it alone
    engines = {s: ScriptedGenerator(s, words) for s in TWO.sizes}
    again = bench(tmp_path / "o", config=LONGER, engines=engines, retry="truncated")
    assert engines["1B"].calls == 0 and 0 < len(engines["9B"].prompts) <= len(CUT)
    assert essence(again.outcomes).equals(essence(bench(tmp_path / "whole", config=LONGER).outcomes))
    assert len(lines(tmp_path / "o")) == 60 and len(record(tmp_path / "o")["retries"]) == 1


@pytest.mark.parametrize("missing", ["run.json", "outcomes.parquet", "rows.jsonl"])
def test_a_retry_killed_between_its_last_files_goes_on(tmp_path, missing, monkeypatch):
    """The three files are written one after the other; a kill before the second or third leaves the first."""
    from zeta_eval.inference.run import retrying
    from zeta_eval.outcomes import Journal

    def stop(*args, **more):
        raise KeyboardInterrupt

    bench(tmp_path / "o")
    with monkeypatch.context() as patched:
        if missing == "rows.jsonl":
            patched.setattr(Journal, "replace", stop)
        elif missing == "outcomes.parquet":
            patched.setattr(Journal, "finish", stop)
        else:
            patched.setattr(retrying, "tidy", stop)
        with pytest.raises(KeyboardInterrupt):
            bench(tmp_path / "o", config=LONGER, retry="truncated")
    assert (tmp_path / "o" / "retry.jsonl").exists()
    engines = {s: ScriptedGenerator(s, words) for s in TWO.sizes}
    more = {} if missing == "run.json" else {"retry": "truncated"}
    again = bench(tmp_path / "o", config=LONGER, engines=engines, **more)
    assert all(e.calls == 0 for e in engines.values())
    assert essence(again.outcomes).equals(essence(bench(tmp_path / "whole", config=LONGER).outcomes))
    assert not (tmp_path / "o" / "retry.jsonl").exists()


def test_two_processes_ask_again(tmp_path):
    launched.scripted(tmp_path / "o", limit=4)
    assert launched.Launched(tmp_path / "o", limit=8, retry="truncated").end() == ([0, 0], [])
    assert essence(tmp_path / "o").equals(essence(launched.scripted(tmp_path / "whole").outcomes))


def test_an_unfinished_run_is_finished_first(tmp_path):
    failing = {"1B": ScriptedGenerator("1B", words), "9B": ScriptedGenerator("9B", words, fail_on_call=3)}
    with pytest.raises(GenerationError):
        bench(tmp_path, engines=failing)
    with pytest.raises(InvalidInputError, match="lacks 22 rows; run the same without --retry first to add them"):
        bench(tmp_path, config=LONGER, retry="truncated")
    with pytest.raises(InvalidInputError, match="lacks 60 rows"):
        bench(tmp_path / "empty", retry="errors")


def test_other_words_are_refused_with_the_nearest_one(tmp_path):
    with pytest.raises(UnknownNameError, match=r"'truncate'\. Did you mean 'truncated'"):
        bench(tmp_path, retry="truncate")

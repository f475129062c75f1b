import json
from dataclasses import replace

import pytest
from killed import killed
from run_record import recorded

from zeta_eval.exceptions import GenerationError, InvalidInputError
from zeta_eval.inference.run.runner import run
from zeta_eval.models import GenerateConfig, Ladder, ModelSpec
from zeta_eval.outcomes import COLUMNS, Outcomes
from zeta_eval.tasks import Query, Score
from zeta_eval.testing import ScriptedGenerator

LADDER = Ladder(
    name="two",
    models=(
        ModelSpec(size="1B", model="small", usd_per_gpu_hour=3.6),
        ModelSpec(size="9B", model="large", usd_per_mtok=2.0),
    ),
    max_new_tokens=8,
)
QUERIES = [
    Query(query_id=f"spell/{i}", task="spell", dataset="made", prompt=f"spell {'word ' * (i % 7)}{i}", target=str(i))
    for i in range(40)
]
CONFIG = GenerateConfig(max_new_tokens=8, batch_size=8)


def answer(prompt):
    return prompt.removeprefix("spell ").strip()


def score(query, text):
    return Score(float(text.endswith(query.target) and len(text) % 3 > 0), unparsed=not text)


def bench(out, queries=QUERIES, *, ladder=LADDER, config=CONFIG, engines=None, sample=4):
    engines = engines or {m.size: ScriptedGenerator(m.size, answer) for m in ladder.models}
    return run(
        ladder,
        queries,
        score,
        out=out,
        config=config,
        latency_sample=sample,
        generators=lambda spec: engines[spec.size],
        progress=False,
    )


def essence(outcomes):
    """What must not depend on interruptions."""
    columns = ["query_id", "model", "score", "response", "completion_tokens", "mean_logprob", "error", "unparsed"]
    return outcomes.frame[columns].sort_values(["model", "query_id"]).reset_index(drop=True)


def test_every_query_gets_a_full_row_on_every_size(tmp_path):
    report = bench(tmp_path)
    assert recorded(report, "rows") == {"1B": 40, "9B": 40} and recorded(report, "errors") == {"1B": 0, "9B": 0}
    assert report.outcomes.sizes == ("1B", "9B") and len(report.outcomes) == 40
    frame = Outcomes.load(tmp_path).frame
    empty = {c for c in COLUMNS if frame[c].isna().any()}
    assert empty == {"messages", "model_revision", "attempt", "error", "confidence", "agreement", "context"}
    assert frame["run_id"].unique().tolist() == [json.loads((tmp_path / "run.json").read_text())["run_id"]]
    small, large = (frame[frame["model"] == s] for s in ("1B", "9B"))
    assert small["cost_usd"].to_numpy() == pytest.approx(small["gpu_s"].to_numpy() * 0.001)
    tokens = (large["prompt_tokens"] + large["completion_tokens"]).to_numpy(dtype=float)
    assert large["cost_usd"].to_numpy() == pytest.approx(tokens * 2e-6)


def test_a_sample_of_each_size_is_measured_and_the_rest_modelled(tmp_path):
    engines = {
        m.size: ScriptedGenerator(m.size, answer, latency_s=lambda p: 0.1 + 0.01 * len(p.split()))
        for m in LADDER.models
    }
    report = bench(tmp_path, engines=engines, sample=6)
    frame = report.outcomes.frame
    assert frame.groupby("model")["latency_source"].value_counts().to_dict() == {
        (size, source): n for size in ("1B", "9B") for source, n in (("measured", 6), ("modelled", 34))
    }
    assert recorded(report, "latency")["9B"]["r2"] == pytest.approx(1) and recorded(report, "latency")["9B"]["n"] == 6
    expected = 0.1 + 0.01 * frame["prompt_tokens"].to_numpy(dtype=float)
    assert frame["latency_s"].to_numpy() == pytest.approx(expected)
    assert (frame["ttft_s"] <= frame["latency_s"]).all()


def test_no_sample_leaves_latencies_empty(tmp_path):
    report = bench(tmp_path, sample=0)
    assert report.outcomes.frame["latency_s"].isna().all() and set(recorded(report, "latency").values()) == {None}


@pytest.mark.parametrize("call", [1, 2, 4])
def test_a_run_that_failed_goes_on_where_it_stopped(tmp_path, call):
    whole = bench(tmp_path / "whole")
    failing = {"1B": ScriptedGenerator("1B", answer), "9B": ScriptedGenerator("9B", answer, fail_on_call=call)}
    with pytest.raises(GenerationError, match="as its script says"):
        bench(tmp_path / "cut", engines=failing)
    assert failing["9B"].closed
    engines = {m.size: ScriptedGenerator(m.size, answer) for m in LADDER.models}
    resumed = bench(tmp_path / "cut", engines=engines)
    assert essence(resumed.outcomes).equals(essence(whole.outcomes))
    assert engines["1B"].calls == 0
    assert len(engines["9B"].prompts) == 40 - len(failing["9B"].prompts)


def test_a_finished_run_loads_no_model(tmp_path):
    first = bench(tmp_path)
    seconds = recorded(first, "seconds")
    again = bench(tmp_path, engines={"none": None})
    assert again.outcomes.sha256 == first.outcomes.sha256
    assert recorded(again, "seconds") == seconds


def test_a_batch_whose_append_was_torn_runs_again_as_a_whole(tmp_path):
    whole = bench(tmp_path / "whole")
    bench(tmp_path / "torn")
    journal = tmp_path / "torn" / "rows.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:53]) + lines[53][:30])  # 13 rows and a half of the second size
    (tmp_path / "torn" / "outcomes.parquet").unlink()
    engines = {m.size: ScriptedGenerator(m.size, answer) for m in LADDER.models}
    resumed = bench(tmp_path / "torn", engines=engines)
    assert essence(resumed.outcomes).equals(essence(whole.outcomes))
    assert len(engines["9B"].prompts) == 40 - 8 and engines["1B"].calls == 0


def test_a_resumed_run_keeps_its_batch_size_and_its_latency_sample(tmp_path):
    failing = {"1B": ScriptedGenerator("1B", answer, fail_on_call=3), "9B": ScriptedGenerator("9B", answer)}
    with pytest.raises(GenerationError):
        bench(tmp_path, engines=failing)
    slow = {m.size: ScriptedGenerator(m.size, answer, latency_s=9.0) for m in LADDER.models}
    report = bench(tmp_path, config=replace(CONFIG, batch_size=20), engines=slow)
    assert slow["1B"].calls == 3 and slow["9B"].calls == 2
    assert (report.outcomes.frame.query("model == '1B'")["latency_s"] < 1).all()


def test_more_queries_can_join_a_finished_run(tmp_path):
    bench(tmp_path, QUERIES[::2])
    engines = {m.size: ScriptedGenerator(m.size, answer) for m in LADDER.models}
    report = bench(tmp_path, engines=engines)
    assert recorded(report, "rows") == {"1B": 40, "9B": 40} and len(report.outcomes) == 40
    assert len(engines["9B"].prompts) < 20 + 8


def test_latency_is_measured_again_when_more_queries_join(tmp_path):
    def engines(latency):
        return {m.size: ScriptedGenerator(m.size, answer, latency_s=latency) for m in LADDER.models}

    bench(tmp_path, QUERIES[:1], engines=engines(9.0), sample=6)
    report = bench(tmp_path, engines=engines(lambda p: 0.1 + 0.01 * len(p.split())), sample=6)
    frame = report.outcomes.frame.query("model == '9B'").set_index("query_id")
    assert recorded(report, "latency")["9B"]["n"] == 6
    assert frame.loc["spell/0", "latency_s"] == 9.0  # a row that is written stays
    joined = frame.drop("spell/0")
    assert joined["latency_s"].to_numpy() == pytest.approx(0.1 + 0.01 * joined["prompt_tokens"].to_numpy(dtype=float))
    assert joined["latency_source"].value_counts()["modelled"] >= 33


def test_a_run_of_joined_queries_that_was_cut_goes_on_with_its_own_latency_sample(tmp_path):
    bench(tmp_path, QUERIES[:1])
    failing = {"1B": ScriptedGenerator("1B", answer, fail_on_call=4), "9B": ScriptedGenerator("9B", answer)}
    with pytest.raises(GenerationError):
        bench(tmp_path, engines=failing)
    slow = {m.size: ScriptedGenerator(m.size, answer, latency_s=9.0) for m in LADDER.models}
    frame = bench(tmp_path, engines=slow).outcomes.frame
    assert (frame.query("model == '1B'")["latency_s"] < 1).all()


def test_a_first_start_that_failed_does_not_bind_the_folder(tmp_path):
    def unreachable(spec):
        raise GenerationError("no such weights")

    with pytest.raises(GenerationError, match="no such weights"):
        run(LADDER, QUERIES, score, out=tmp_path, generators=unreachable, progress=False)
    assert (tmp_path / "run.json").is_file()
    other = replace(LADDER, models=(LADDER.models[0], replace(LADDER.models[1], model="other")))
    report = bench(tmp_path, ladder=other, config=replace(CONFIG, max_new_tokens=9))
    assert recorded(report, "rows") == {"1B": 40, "9B": 40}
    assert json.loads((tmp_path / "run.json").read_text())["ladder"][1]["model"] == "other"


def test_a_table_without_its_journal_is_not_written_over(tmp_path):
    bench(tmp_path)
    (tmp_path / "rows.jsonl").unlink()
    before = (tmp_path / "outcomes.parquet").read_bytes()
    with pytest.raises(InvalidInputError, match=r"outcomes\.parquet but no rows in rows\.jsonl; give a new folder"):
        bench(tmp_path, ladder=replace(LADDER, models=LADDER.models[:1]))
    assert (tmp_path / "outcomes.parquet").read_bytes() == before


def test_a_process_killed_at_any_moment_loses_and_doubles_nothing(tmp_path):
    whole = bench(tmp_path / "whole")
    doomed = (
        "kill = t.ScriptedGenerator('1B', t.answer, fail_on_call=3, failure='kill')\n"
        "t.bench(out, engines={'1B': kill, '9B': t.ScriptedGenerator('9B', t.answer)})\n"
    )
    killed(__file__, doomed, tmp_path / "cut")
    assert essence(bench(tmp_path / "cut").outcomes).equals(essence(whole.outcomes))


def test_a_failed_query_is_a_row_with_its_error(tmp_path):
    def fails_on_seven(prompt):
        if prompt.endswith(" 7"):
            raise ValueError("seven")
        return answer(prompt)

    engines = {m.size: ScriptedGenerator(m.size, fails_on_seven) for m in LADDER.models}
    report = bench(tmp_path, engines=engines)
    row = report.outcomes.frame.query("model == '1B' and query_id == 'spell/7'").iloc[0]
    assert row["error"] == "ValueError: seven" and row["score"] != row["score"]
    assert recorded(report, "errors") == {"1B": 1, "9B": 1} and report.outcomes.n_incomplete == 1
    assert json.loads((tmp_path / "run.json").read_text())["sizes"]["9B"]["errors"] == 1


def test_a_scorer_that_fails_leaves_the_answer_unscored_with_the_reason(tmp_path):
    def picky(query, text):
        return score(query, text) if query.target != "7" else 1 / 0

    report = run(
        LADDER, QUERIES, picky, out=tmp_path, generators=lambda s: ScriptedGenerator(s.size, answer), progress=False
    )
    row = report.outcomes.frame.query("model == '1B' and query_id == 'spell/7'").iloc[0]
    assert row["error"] == "The scorer failed: ZeroDivisionError: division by zero" and row["response"]


def test_a_run_in_which_everything_fails_says_why(tmp_path):
    engines = {m.size: ScriptedGenerator(m.size, {}) for m in LADDER.models}
    with pytest.raises(GenerationError, match="None of 80 queries has a score; the first error: KeyError"):
        bench(tmp_path, engines=engines)
    assert not (tmp_path / "outcomes.parquet").exists()


def test_queries_with_the_same_prompt_are_answered_once(tmp_path):
    twins = [replace(QUERIES[3], query_id=f"spell/twin-{i}") for i in range(5)]
    engines = {m.size: ScriptedGenerator(m.size, answer) for m in LADDER.models}
    report = bench(tmp_path, [*QUERIES, *twins], engines=engines)
    assert len(engines["1B"].prompts) == 40
    rows = report.outcomes.frame.query("model == '1B' and prompt_hash == prompt_hash.iloc[3]")
    assert recorded(report, "rows")["1B"] == 45 and rows["response"].nunique() == 1


def test_a_query_s_own_limit_and_stop_texts_count(tmp_path):
    own = [
        Query(query_id="short", task="t", dataset="d", prompt="spell one two three", target="", max_new_tokens=2),
        Query(query_id="long", task="t", dataset="d", prompt="spell " + "x " * 20, target="", max_new_tokens=99),
        Query(query_id="stop", task="t", dataset="d", prompt="spell one two three", target="", stop=(" two",)),
    ]
    frame = bench(tmp_path, own).outcomes.frame.query("model == '1B'").set_index("query_id")
    assert frame.loc["short", "response"] == "one two" and frame.loc["short", "truncated"]
    assert frame.loc["long", "completion_tokens"] == 8
    assert frame.loc["stop", "response"] == "one"


@pytest.mark.parametrize(
    ("ladder", "config"),
    [
        (replace(LADDER, models=LADDER.models[:1]), CONFIG),
        (replace(LADDER, models=(LADDER.models[0], replace(LADDER.models[1], model="other"))), CONFIG),
        (LADDER, replace(CONFIG, max_new_tokens=9)),
    ],
)
def test_a_folder_made_with_other_settings_is_refused_and_left_alone(tmp_path, ladder, config):
    bench(tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.name != ".lock"}
    with pytest.raises(InvalidInputError, match="give a new folder") as caught:
        bench(tmp_path, ladder=ladder, config=config)
    assert "\n" not in str(caught.value)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.name != ".lock"} == before


def test_where_a_rung_runs_may_change(tmp_path):
    bench(tmp_path)
    moved = replace(LADDER, models=tuple(replace(m, device_map="cpu") for m in LADDER.models))
    assert recorded(bench(tmp_path, ladder=moved), "rows") == {"1B": 40, "9B": 40}


@pytest.mark.parametrize(
    ("queries", "says"),
    [
        ([], "no queries"),
        ([QUERIES[0], QUERIES[0]], "'spell/0' is there 2 times"),
        ([replace(QUERIES[0], prompt="half \ud800")], "no valid Unicode"),
        ([replace(QUERIES[0], task="embedding")], "role 'embed'"),
    ],
)
def test_bad_queries_are_one_clear_line(tmp_path, queries, says):
    with pytest.raises(InvalidInputError, match=says):
        bench(tmp_path / "out", queries)
    assert not (tmp_path / "out").exists()


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInputError, match="is a file"):
        bench(tmp_path / "file")


def test_a_folder_with_rows_of_unknown_origin_is_refused(tmp_path):
    bench(tmp_path)
    (tmp_path / "run.json").unlink()
    with pytest.raises(InvalidInputError, match=r"no run\.json"):
        bench(tmp_path)

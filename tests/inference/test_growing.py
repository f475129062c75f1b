"""Runs that sizes, tasks and queries join."""

import json
from dataclasses import replace

import launched
import pytest
from killed import killed

from zeta_eval.exceptions import GenerationError, InvalidInputError
from zeta_eval.inference.run.runner import run
from zeta_eval.models import GenerateConfig, Ladder, ModelSpec
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.schema import COLUMNS
from zeta_eval.tasks import Query, Score
from zeta_eval.testing import ScriptedGenerator, build_tiny_model

RUNGS = {s: ModelSpec(size=s, model=s, revision="main", usd_per_mtok=2.0) for s in ("1B", "4B", "9B")}
QUERIES = [
    Query(query_id=f"spell/{i}", task="spell", dataset="made", prompt=f"spell {'word ' * (i % 7)}{i}", target=str(i))
    for i in range(30)
]
SUMS = [Query(query_id=f"sum/{i}", task="sum", dataset="made", prompt=f"sum {i}", target="1") for i in range(10)]
CONFIG = GenerateConfig(max_new_tokens=8, batch_size=4)
TIMES = ("run_id", "created_at", "latency_s", "ttft_s", "latency_source")
SAME = [c for c in COLUMNS if c not in TIMES]


def ladder(*sizes, **changed):
    return Ladder(name="made", models=tuple(replace(RUNGS[s], **changed.get(s, {})) for s in sizes))


def answer(prompt):
    return prompt.removeprefix("spell ")


def score(query, text):
    return Score(float(text.endswith(query.target) and len(text) % 3 > 0))


def bench(out, asked, queries=QUERIES, *, config=CONFIG, engines=None, tasks=None):
    engines = engines or {s: ScriptedGenerator(s, answer) for s in asked.sizes}
    made = {"generators": lambda spec: engines[spec.size], "latency_sample": 4, "progress": False}
    return run(asked, queries, score, out=out, config=config, tasks=tasks, **made)


def essence(table):
    """What must not depend on how a table grew."""
    frame = (table if isinstance(table, Outcomes) else Outcomes.load(table)).frame
    return frame[SAME].sort_values(["model", "query_id"], ignore_index=True)


def record(folder):
    return json.loads((folder / "run.json").read_text())


@pytest.mark.parametrize("first", [("1B", "4B"), ("1B", "9B"), ("4B", "9B")])
def test_a_size_that_joins_a_finished_run_is_asked_alone_and_the_table_is_that_of_one_run(tmp_path, first):
    bench(tmp_path / "o", ladder(*first))
    before = (tmp_path / "o" / "rows.jsonl").read_bytes()
    engines = {s: ScriptedGenerator(s, answer) for s in RUNGS}
    grown = bench(tmp_path / "o", ladder(*RUNGS), engines=engines)
    new = next(s for s in RUNGS if s not in first)
    assert {s for s, engine in engines.items() if engine.calls} == {new} and len(engines[new].prompts) == 30
    assert (tmp_path / "o" / "rows.jsonl").read_bytes().startswith(before)
    assert grown.outcomes.sizes == ("1B", "4B", "9B") == Outcomes.load(tmp_path / "o").sizes
    assert essence(grown.outcomes).equals(essence(bench(tmp_path / "whole", ladder(*RUNGS)).outcomes))


def test_the_order_of_the_sizes_is_that_of_the_new_ladder(tmp_path):
    bench(tmp_path, ladder("1B", "4B"))
    assert bench(tmp_path, ladder("9B", "4B", "1B")).outcomes.sizes == ("9B", "4B", "1B")


def test_a_task_that_joins_a_finished_run_is_asked_alone(tmp_path):
    bench(tmp_path / "o", ladder("1B", "9B"))
    engines = {s: ScriptedGenerator(s, answer) for s in ("1B", "9B")}
    grown = bench(tmp_path / "o", ladder("1B", "9B"), [*QUERIES, *SUMS], engines=engines)
    assert all(set(e.prompts) == {q.prompt for q in SUMS} for e in engines.values())
    whole = bench(tmp_path / "whole", ladder("1B", "9B"), [*QUERIES, *SUMS])
    assert essence(grown.outcomes).equals(essence(whole.outcomes))


def test_sizes_and_tasks_may_join_at_once(tmp_path):
    bench(tmp_path / "o", ladder("9B"))
    grown = bench(tmp_path / "o", ladder("1B", "9B"), [*QUERIES, *SUMS])
    assert len(grown.outcomes) == 40 and grown.outcomes.n_incomplete == 0


def test_the_record_says_what_joined_when_and_each_size_s_versions(tmp_path):
    bench(tmp_path, ladder("1B", "9B"))
    before = record(tmp_path)
    bench(tmp_path, ladder("1B", "4B", "9B"), [*QUERIES, *SUMS], tasks={"sum": {"limit": 10}})
    after = record(tmp_path)
    assert "grown" not in before and [(g["sizes"], g["queries"]) for g in after["grown"]] == [(["4B"], {"sum": 10})]
    assert before["finished_at"] < after["grown"][0]["at"] < after["finished_at"]
    assert [m["size"] for m in after["ladder"]] == ["1B", "4B", "9B"] and after["run_id"] == before["run_id"]
    assert after["sizes"]["1B"]["sessions"][:1] == before["sizes"]["1B"]["sessions"]
    assert {s: len(e["sessions"]) for s, e in after["sizes"].items()} == {"1B": 2, "9B": 2, "4B": 1}
    session = after["sizes"]["4B"]["sessions"][0]
    assert after["grown"][0]["at"] < session["began_at"] < session["ended_at"] < after["finished_at"]
    assert session["versions"]["zeta-eval"] and session["max_new_tokens"] == 8 and session["device"] is None
    assert after["tasks"]["sum"] == {"limit": 10, "queries": 10, "ways": [{"max_new_tokens": None, "stop": []}]}
    bench(tmp_path, ladder("1B", "4B", "9B"), [*QUERIES, *SUMS])
    assert record(tmp_path)["grown"] == after["grown"] and record(tmp_path)["sizes"] == after["sizes"]


def test_a_process_killed_while_a_run_grows_leaves_a_run_that_ends_as_one(tmp_path):
    bench(tmp_path / "o", ladder("1B", "9B"))
    doomed = (
        "kill = t.ScriptedGenerator('4B', t.answer, fail_on_call=4, failure='kill')\n"
        "t.bench(out, t.ladder(*t.RUNGS), [*t.QUERIES, *t.SUMS], engines={'4B': kill} | "
        "{s: t.ScriptedGenerator(s, t.answer) for s in ('1B', '9B')})\n"
    )
    killed(__file__, doomed, tmp_path / "o")
    engines = {s: ScriptedGenerator(s, answer) for s in RUNGS}
    grown = bench(tmp_path / "o", ladder(*RUNGS), [*QUERIES, *SUMS], engines=engines)
    assert engines["1B"].calls == 0 and len(engines["4B"].prompts) == 40 - 12
    whole = bench(tmp_path / "whole", ladder(*RUNGS), [*QUERIES, *SUMS])
    assert essence(grown.outcomes).equals(essence(whole.outcomes))
    assert len(record(tmp_path / "o")["grown"]) == 1


def test_two_processes_grow_a_run_and_one_that_dies_leaves_rows_to_go_on_with(tmp_path):
    launched.scripted(tmp_path / "o")
    codes, said = launched.Launched(
        tmp_path / "o", ladder=launched.GROWN, pace_s=0.05, call=2, failure="nothing left"
    ).end()
    assert (codes, said) == ([1, 1], ["nothing left"])
    assert launched.Launched(tmp_path / "o", ladder=launched.GROWN, pace_s=0.01).end() == ([0, 0], [])
    whole = launched.scripted(tmp_path / "whole", ladder=launched.GROWN)
    assert essence(tmp_path / "o").equals(essence(whole.outcomes))
    assert record(tmp_path / "o")["sizes"]["4B"]["sessions"][-1]["processes"] == 2


def test_a_size_that_never_got_a_row_binds_nothing(tmp_path):
    bench(tmp_path, ladder("1B"))
    failing = {"9B": ScriptedGenerator("9B", answer, fail_on_call=1)}
    with pytest.raises(GenerationError):
        bench(tmp_path, ladder("1B", "9B"), engines=failing)
    assert bench(tmp_path, ladder("1B")).outcomes.sizes == ("1B",)
    assert bench(tmp_path, ladder("1B", "9B", **{"9B": {"model": "other"}})).outcomes.sizes == ("1B", "9B")


TWO = ladder("1B", "9B")


def first(**changed):
    return [replace(QUERIES[0], **changed), *QUERIES[1:]]


@pytest.mark.parametrize(
    ("asked", "queries", "config", "says"),
    [
        (ladder("1B"), QUERIES, CONFIG, "holds rows of size '9B', which the ladder lacks; keep it in the ladder"),
        (ladder("1B", "9B", **{"9B": {"model": "x"}}), QUERIES, CONFIG, "model '9B' of size '9B', now 'x'; give the"),
        (ladder("1B", "9B", **{"9B": {"revision": "v2"}}), QUERIES, CONFIG, "revision 'main' of size '9B', now 'v2'"),
        (ladder("1B", "9B", **{"1B": {"dtype": "float32"}}), QUERIES, CONFIG, "dtype 'auto' of size '1B', now 'float3"),
        (ladder("1B", "9B", **{"1B": {"usd_per_mtok": 3.0}}), QUERIES, CONFIG, "usd_per_mtok 2.0 of size '1B', now 3"),
        (TWO, QUERIES, replace(CONFIG, max_new_tokens=9), "max_new_tokens 8, now 9; give 8 to add to it"),
        (TWO, QUERIES, replace(CONFIG, stop=("\n",)), "stop none, now ['\\n']; give none to add to it"),
        (TWO, QUERIES, replace(CONFIG, temperature=0.7), "temperature none, now 0.7"),
        (TWO, SUMS, CONFIG, "holds rows of spell, not asked for now; name these tasks, too"),
        (TWO, QUERIES[:10], CONFIG, "is not asked for now (limit 30, now 10); ask as then"),
        (TWO, first(system="Be brief."), CONFIG, "'spell/0' that was asked in other words"),
        (TWO, first(target="zero"), CONFIG, "was graded by the target '0', now 'zero'"),
        (TWO, first(stop=("x",)), CONFIG, "with its own stop none, now ['x']"),
        (TWO, first(max_new_tokens=3), CONFIG, "max_new_tokens none, now 3"),
    ],
)
def test_what_would_change_the_meaning_of_old_rows_is_refused_in_one_line(tmp_path, asked, queries, config, says):
    bench(tmp_path, TWO, tasks={"spell": {"limit": 30}})
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.name != ".lock"}
    with pytest.raises(InvalidInputError) as caught:
        bench(tmp_path, asked, queries, config=config, tasks={"spell": {"limit": len(queries)}})
    said = str(caught.value)
    assert says in said and said.endswith("give a new folder.") and "\n" not in said and len(said) < 350
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.name != ".lock"} == before


def test_another_scorer_is_refused_for_a_task_with_rows_only(tmp_path):
    bench(tmp_path, TWO, tasks={"spell": {"scorer": "exact"}})
    with pytest.raises(InvalidInputError, match=r"scorer 'exact' of task 'spell', now 'contains'; .* `zeta rescore`"):
        bench(tmp_path, TWO, tasks={"spell": {"scorer": "contains"}})
    bench(tmp_path, TWO, [*QUERIES, *SUMS], tasks={"spell": {"scorer": "exact"}, "sum": {"scorer": "contains"}})


def test_embedding_models_take_no_more_queries_for_they_rank_all_of_them(tmp_path):
    build_tiny_model(tmp_path / "E", role="embed")
    embedder = ModelSpec(size="E", model=str(tmp_path / "E"), role="embed", device_map="cpu")
    made = Ladder(name="l", models=(RUNGS["1B"], embedder))
    pairs = [
        Query(
            query_id=f"embedding/{i}", task="embedding", dataset="made", prompt=f"a cat {i}", target=("a dog", str(i))
        )
        for i in range(6)
    ]

    def bench_both(pairs):
        from zeta_eval.inference.run.runner import default_engine

        engines = {"1B": lambda spec: ScriptedGenerator(spec.size, answer), "E": default_engine}
        return run(
            made, [*QUERIES, *pairs], score, out=tmp_path / "o", config=CONFIG, latency_sample=0, progress=False,
            generators=lambda spec: engines[spec.size](spec),
        )  # fmt: skip

    bench_both(pairs[:4])
    with pytest.raises(InvalidInputError, match=r"queries ranked by embedding .*4.*, now .*6"):
        bench_both(pairs)

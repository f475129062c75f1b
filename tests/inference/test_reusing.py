"""Answers that are taken over from earlier runs."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
from killed import killed
from test_growing import CONFIG, QUERIES, RUNGS, SUMS, essence, ladder, record, score
from test_retrying import words

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.inference.run.progress import Board
from zeta_eval.inference.run.runner import run
from zeta_eval.tasks import Query, Score
from zeta_eval.testing import ScriptedGenerator, build_tiny_model

TWO = ladder("1B", "9B")
WARM = replace(CONFIG, temperature=0.7, attempts=2)


def both(**changed):
    return ladder("1B", "9B", **dict.fromkeys(("1B", "9B"), changed))


def bench(out, asked=TWO, queries=QUERIES, *, config=CONFIG, latency_s=0.01, grade=score, **more):
    """Run; returns the report, the engines, and what was said."""
    engines = {s: ScriptedGenerator(s, words, latency_s=latency_s) for s in asked.sizes}
    said = Board(lambda _: None)
    made = {"generators": lambda spec: engines[spec.size], "latency_sample": 4, "progress": said}
    report = run(asked, queries, grade, out=out, config=config, **made, **more)
    return report, engines, said.notes


def test_a_run_takes_the_same_answers_over_and_asks_the_others(tmp_path):
    bench(tmp_path / "a", queries=QUERIES[:20], latency_s=0.5)
    report, engines, said = bench(tmp_path / "b", ladder(*RUNGS), reuse=[tmp_path / "a"])
    assert said == ["40 of 90 rows reused (20 of 1B, 20 of 9B); no such prompt is there for 30 of the others."]
    assert len(engines["4B"].prompts) == 30 and not {q.prompt for q in QUERIES[:20]} & set(engines["9B"].prompts)
    whole, _, _ = bench(tmp_path / "whole", ladder(*RUNGS))
    same = ["gpu_s", "prefill_gpu_s"]
    assert essence(report.outcomes).drop(columns=same).equals(essence(whole.outcomes).drop(columns=same))
    (entry,) = record(tmp_path / "b")["reused"]
    assert entry["from"] == str(tmp_path / "a")
    assert {turn: len(ids) for turn, ids in entry["rows"].items()} == {"1B": 20, "9B": 20}


def test_a_row_keeps_its_times_and_is_priced_and_graded_anew(tmp_path):
    bench(tmp_path / "a", latency_s=0.5)
    dear = both(usd_per_mtok=10.0)
    report, engines, said = bench(tmp_path / "b", dear, grade=lambda q, text: Score(0.25), reuse=str(tmp_path / "a"))
    assert said == ["60 of 60 rows reused (30 of 1B, 30 of 9B)."] and not any(e.calls for e in engines.values())
    old, new = (r.set_index(["query_id", "model"]).sort_index() for r in frames(tmp_path / "a", tmp_path / "b"))
    times = ["latency_s", "ttft_s", "latency_source", "gpu_s", "created_at"]
    assert new[times].equals(old[times]) and set(new["score"]) == {0.25}
    assert new["cost_usd"].to_numpy() == pytest.approx(old["cost_usd"].to_numpy() * 5)
    assert report.outcomes.frame["run_id"].nunique() == 1


def frames(*folders):
    from zeta_eval.outcomes import Outcomes

    return [Outcomes.load(folder).frame for folder in folders]


def test_another_task_with_the_same_prompt_takes_its_answer(tmp_path):
    bench(tmp_path / "a")
    other = [Query(query_id=f"o/{q.query_id}", task="o", dataset="d", prompt=q.prompt, target="x") for q in QUERIES]
    report, _, said = bench(tmp_path / "b", queries=other, reuse=[tmp_path / "a"])
    assert said == ["60 of 60 rows reused (30 of 1B, 30 of 9B)."] and report.outcomes.matrix("score").max() == 0.0


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"asked": both(revision="v2")}, "revision differs ('main', now 'v2')"),
        ({"asked": both(dtype="float32")}, "dtype differs ('auto', now 'float32')"),
        ({"config": replace(CONFIG, max_new_tokens=9)}, "max_new_tokens differs (8, now 9)"),
        ({"asked": both(max_new_tokens=8)}, "the rung's max_new_tokens differs (none, now 8)"),
        ({"asked": both(system="Be brief.")}, "system differs (none, now 'Be brief.')"),
        ({"config": replace(CONFIG, stop=("x",))}, "stop differs (none, now ['x'])"),
        ({"config": replace(CONFIG, temperature=0.5)}, "temperature differs (none, now 0.5)"),
        ({"queries": [replace(q, stop=("y",)) for q in QUERIES]}, "stop differs (none, now ['y'])"),
        ({"queries": [replace(q, max_new_tokens=3) for q in QUERIES]}, "max_new_tokens differs (8, now 3)"),
        ({"queries": [replace(q, system="Be brief.") for q in QUERIES]}, "no such prompt is there"),
        ({"queries": SUMS}, "no such prompt is there"),
    ],
)  # fmt: skip
def test_what_is_asked_in_another_way_is_not_reused_and_the_reason_is_said(tmp_path, changed, says):
    bench(tmp_path / "a")
    _, engines, said = bench(tmp_path / "b", reuse=[tmp_path / "a"], **changed)
    n = len(changed.get("queries", QUERIES))
    assert said[0].startswith(f"0 of {2 * n} rows reused: {says}") and len(said) == 1
    assert all(len(e.prompts) == n for e in engines.values()) and "reused" not in record(tmp_path / "b")


def test_answers_of_another_device_are_not_reused_for_their_times_are_its_own(tmp_path):
    bench(tmp_path / "a")
    path = tmp_path / "a" / "run.json"
    path.write_text(path.read_text().replace('"device": null', '"device": "NVIDIA H100"'))
    said = bench(tmp_path / "b", reuse=[tmp_path / "a"])[2]
    assert said == ["0 of 60 rows reused: device differs ('NVIDIA H100', now none)."]


def test_attempts_are_reused_one_by_one(tmp_path):
    bench(tmp_path / "a", config=WARM)
    report, engines, said = bench(tmp_path / "b", config=replace(WARM, attempts=3), reuse=[tmp_path / "a"])
    assert said[0].startswith("120 of 180 rows reused (60 of 1B, 60 of 9B); attempt differs")
    assert all(len(e.prompts) == 30 for e in engines.values()) and len(report.outcomes.attempts) == 180


def test_rows_that_were_asked_again_are_reused_with_their_own_limit(tmp_path):
    short, longer = (replace(CONFIG, max_new_tokens=n) for n in (4, 6))
    bench(tmp_path / "a", config=short)
    bench(tmp_path / "a", config=longer, retry="truncated")
    assert bench(tmp_path / "b", config=longer, reuse=[tmp_path / "a"])[2][0].startswith("60 of 60 rows reused")
    assert bench(tmp_path / "c", config=short, reuse=[tmp_path / "a"])[2][0].startswith("0 of 60 rows reused")


def test_failed_rows_are_asked(tmp_path):
    def down(query, text):
        return score(query, text) if query.query_id != "spell/3" else 1 / 0

    bench(tmp_path / "a", grade=down)
    _, engines, said = bench(tmp_path / "b", reuse=[tmp_path / "a"])
    assert said[0].startswith("58 of 60 rows reused") and engines["1B"].prompts == [QUERIES[3].prompt]


def test_several_folders_are_looked_through_in_order(tmp_path):
    bench(tmp_path / "a", queries=QUERIES[:10])
    bench(tmp_path / "b", queries=QUERIES[5:20])
    assert bench(tmp_path / "c", reuse=[tmp_path / "a", tmp_path / "b"])[2][0].startswith("40 of 60 rows reused")
    assert [len(e["rows"]["1B"]) for e in record(tmp_path / "c")["reused"]] == [10, 10]
    assert bench(tmp_path / "d", reuse=[tmp_path / "c"])[2][0].startswith("60 of 60 rows reused")


def test_a_size_that_joins_a_run_may_take_its_answers_over(tmp_path):
    bench(tmp_path / "a", ladder("4B"))
    bench(tmp_path / "b")
    report, _, said = bench(tmp_path / "b", ladder(*RUNGS), reuse=[tmp_path / "a"])
    assert said == ["30 of 30 rows reused (30 of 4B)."] and report.outcomes.sizes == tuple(RUNGS)


def test_a_process_killed_while_it_takes_over_leaves_a_run_that_ends_as_one(tmp_path):
    bench(tmp_path / "a")
    doomed = (
        "import os, signal\n"
        "from zeta_eval.inference.run import reusing; reusing.BLOCK = 4; seen = []\n"
        "def grade(query, text):\n"
        "    seen.append(query)\n"
        "    if len(seen) > 37: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return t.score(query, text)\n"
        "t.bench(out + '/b', grade=grade, reuse=[out + '/a'])\n"
    )
    killed(__file__, doomed, tmp_path)
    report, engines, _ = bench(tmp_path / "b")
    assert engines["1B"].calls == 0 and 0 < len(engines["9B"].prompts) < 30
    assert essence(report.outcomes).equals(essence(bench(tmp_path / "whole")[0].outcomes))
    (entry,) = record(tmp_path / "b")["reused"]
    assert {turn: len(ids) for turn, ids in entry["rows"].items()} == {"1B": 30, "9B": 4}


@pytest.mark.parametrize(("folder", "says"), [("b", "is the run's own"), ("none", r"lacks run\.json or rows\.jsonl")])
def test_a_folder_that_is_none_to_reuse_is_one_line(tmp_path, folder, says):
    with pytest.raises(InvalidInputError, match=says):
        bench(tmp_path / "b", reuse=[tmp_path / folder])
    with pytest.raises(InvalidInputError, match="give --retry or --reuse, not both"):
        bench(tmp_path / "b", reuse=[tmp_path / folder], retry="errors")


@pytest.mark.slow
def test_the_commit_of_a_model_on_the_hub_is_the_one_that_would_be_loaded_now(tmp_path):
    cached = tmp_path / "hub" / "models--someone--tiny"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("a" * 40)
    (cached / "snapshots").mkdir()
    build_tiny_model(cached / "snapshots" / ("a" * 40))
    code = (
        "from zeta_eval.inference.run.residency import revision_now; from zeta_eval.models import ModelSpec\n"
        "from zeta_eval.inference.engine.transformers_engine import TransformersGenerator\n"
        "spec = ModelSpec(size='1', model='someone/tiny', device_map='cpu')\n"
        "print(revision_now(spec), TransformersGenerator(spec).revision)"
    )
    place = os.environ | {"HF_HOME": str(tmp_path), "HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=place, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["a" * 40] * 2

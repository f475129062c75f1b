"""`zeta bench` into a folder that has rows."""

import json

import pytest

import zeta_eval as ze
from zeta_eval.cli import main
from zeta_eval.models import LADDERS
from zeta_eval.outcomes import COLUMNS, Outcomes

TIMES = ("run_id", "created_at", "latency_s", "ttft_s", "latency_source", "gpu_s", "prefill_gpu_s")
SAME = [c for c in COLUMNS if c not in TIMES]


@pytest.fixture(scope="module")
def ladders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ladders")
    for sizes in (("17K", "456K"), ("17K", "45K", "456K")):
        rungs = [f'[[models]]\nsize = "{s}"\nmodel = "{LADDERS / "embedded" / s}"\ndevice_map = "cpu"\n' for s in sizes]
        (folder / f"{len(sizes)}.toml").write_text("max_new_tokens = 24\n" + "".join(rungs))
    return {n: str(folder / f"{n}.toml") for n in (2, 3)}


def argv(folder, ladder, *more, tasks="copy"):
    words = ["bench", "--ladder", ladder, "--tasks", tasks, "--limit", "8", "--batch-size", "4", "--out", str(folder)]
    return [*words, "--mlflow", "none", *more]


def essence(folder):
    return Outcomes.load(folder).attempts[SAME].sort_values(["model", "query_id"], ignore_index=True)


def test_a_third_size_joins_a_finished_run_and_the_table_is_that_of_one_run(ladders, tmp_path):
    assert main(argv(tmp_path / "o", ladders[2])) == 0
    before = (tmp_path / "o" / "rows.jsonl").read_bytes()
    assert main(argv(tmp_path / "o", ladders[3])) == 0
    after = (tmp_path / "o" / "rows.jsonl").read_bytes()
    assert after.startswith(before) and after.count(b"\n") == before.count(b"\n") + 8
    ze.benchmark(
        ladders[3], "copy", limit=8, out=tmp_path / "whole", config=ze.GenerateConfig(max_new_tokens=24, batch_size=4)
    )
    assert essence(tmp_path / "o").equals(essence(tmp_path / "whole"))
    assert Outcomes.load(tmp_path / "o").sizes == ("17K", "45K", "456K")


def test_another_task_joins_and_a_smaller_limit_is_refused_in_one_line(ladders, tmp_path, capsys):
    assert main(argv(tmp_path / "o", ladders[2])) == 0
    assert main(argv(tmp_path / "o", ladders[2], tasks="copy,add")) == 0
    assert len(Outcomes.load(tmp_path / "o")) == 16
    capsys.readouterr()
    assert main([*argv(tmp_path / "o", ladders[2], tasks="copy,add"), "--limit", "4"]) == 2
    said = capsys.readouterr().err
    assert "not asked for now (limit 8, now 4); ask as then, or give a new folder." in said and said.count("\n") == 1
    record = json.loads((tmp_path / "o" / "run.json").read_text())
    assert record["grown"][0]["queries"] == {"add": 8} and record["tasks"]["copy"]["scorer"]


def test_examples_that_change_a_table_s_prompts_are_named(ladders, tmp_path, capsys):
    lines = "".join(f"Copy the letters {c}.,{c}\n" for c in "ABCDEF")
    (tmp_path / "mine.csv").write_text(f"prompt,target\n{lines}", "utf-8")
    table = str(tmp_path / "mine.csv")
    assert main(argv(tmp_path / "o", ladders[2], tasks=table)) == 0
    assert main(argv(tmp_path / "o", ladders[2], "--fewshot", "1", tasks=table)) == 2
    assert "that is not asked for now (fewshot 0, now 1); ask as then" in capsys.readouterr().err
    assert main(argv(tmp_path / "o", ladders[2], "--system", "Hi", tasks=table)) == 2
    assert "that was asked in other words (system '', now 'Hi')" in capsys.readouterr().err


def test_cut_answers_are_asked_again_with_more_tokens(ladders, tmp_path, capsys):
    assert main(argv(tmp_path / "o", ladders[2], "--max-new-tokens", "4")) == 0
    cut = essence(tmp_path / "o").set_index(["query_id", "model"])["truncated"]
    assert 0 < cut.sum() < len(cut)
    capsys.readouterr()
    assert main(argv(tmp_path / "o", ladders[2], "--max-new-tokens", "4", "--retry", "truncated")) == 2
    said = (
        f"zeta: {cut.sum()} answers were cut off at max_new_tokens 4; give a larger --max-new-tokens to ask them again."
    )
    assert capsys.readouterr().err.strip() == said
    assert main(argv(tmp_path / "o", ladders[2], "--retry", "truncated", "--retry", "errors")) == 0
    assert f"Asked {cut.sum()} rows again: {cut.sum()} replaced" in capsys.readouterr().err
    assert main(argv(tmp_path / "whole", ladders[2])) == 0
    left = ["mean_logprob", "min_logprob", "prefill_margin", "prefill_entropy"]  # other batches, other last digits
    new, whole = (essence(tmp_path / name).drop(columns=left) for name in ("o", "whole"))
    assert new.equals(whole)
    assert main(argv(tmp_path / "o", ladders[2], "--retry", "all")) == 2
    assert "Unknown kind of rows to ask again 'all'" in capsys.readouterr().err


def test_answers_are_reused_from_another_run_s_folder(ladders, tmp_path, capsys, monkeypatch):
    assert main(argv(tmp_path / "a", ladders[2])) == 0
    assert main(argv(tmp_path / "whole", ladders[3], tasks="copy,add")) == 0
    capsys.readouterr()
    assert main(argv(tmp_path / "b", ladders[3], "--reuse", str(tmp_path / "a"), tasks="copy,add")) == 0
    said = capsys.readouterr().err
    assert said.startswith(
        "16 of 48 rows reused (8 of 17K, 8 of 456K); no such prompt is there for 24 of the others.\n"
    )
    left = ["mean_logprob", "min_logprob", "prefill_margin", "prefill_entropy"]  # other batches, other last digits
    assert essence(tmp_path / "b").drop(columns=left).equals(essence(tmp_path / "whole").drop(columns=left))
    monkeypatch.setattr("zeta_eval.inference.run.runner.default_engine", lambda spec: 1 / 0)  # no model is loaded
    assert main(argv(tmp_path / "c", ladders[2], "--reuse", str(tmp_path / "b"), "--reuse", str(tmp_path / "a"))) == 0
    assert essence(tmp_path / "c").equals(essence(tmp_path / "a"))
    assert main(argv(tmp_path / "d", ladders[2], "--reuse", str(tmp_path / "none"))) == 2
    assert "lacks run.json or rows.jsonl; give a benchmark's folder" in capsys.readouterr().err

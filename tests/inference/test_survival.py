import json
import random
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import torch
from launched import QUERIES, Launched, scripted
from run_record import recorded

from zeta_eval.exceptions import GenerationError, HubAccessError, OutputError, OutputLockedError
from zeta_eval.inference.engine.transformers_engine import TransformersGenerator
from zeta_eval.inference.run.runner import run
from zeta_eval.models import GenerateConfig, Ladder, ModelSpec
from zeta_eval.outcomes import Journal, Outcomes
from zeta_eval.tasks import Query, Score
from zeta_eval.testing import build_tiny_model

SAME = ["dataset", "task", "query_id", "query", "model", "score", "response", "error", "prompt_tokens"]
SAME += ["completion_tokens", "mean_logprob", "min_logprob", "prefill_margin", "truncated", "unparsed", "prompt_hash"]


def essence(table):
    """What must not depend on interruptions."""
    frame = (table if isinstance(table, Outcomes) else Outcomes.load(table)).frame
    return frame[SAME].sort_values(["model", "query_id"], ignore_index=True)


def size_of(journal):
    return journal.stat().st_size if journal.exists() else 0


def whole_rows(folder):
    """Every row of a journal, each there once."""
    rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    assert len({(r["query_id"], r["model"]) for r in rows}) == len(rows)
    return rows


# --- processes that are killed


@pytest.mark.slow
def test_kills_of_one_or_both_processes_at_random_moments_lose_double_and_halve_no_row(tmp_path):
    out, rng = tmp_path / "o", random.Random(3)
    for victims in ([0], [1], [0, 1]):
        started = Launched(out, pace_s=0.03, silent_s=2)
        target = size_of(out / "rows.jsonl") + rng.randint(1, 12_000)  # bytes of rows to let through
        while size_of(out / "rows.jsonl") < target:
            time.sleep(0.002)
        for rank in victims:
            started.processes[rank].kill()
        codes, said = started.end()
        assert codes == [-9 if rank in victims else 1 for rank in (0, 1)]
        assert len(said) == 2 - len(victims)
    assert Launched(out).end() == ([0, 0], [])
    assert len(whole_rows(out)) == 120
    assert essence(out).equals(essence(scripted(tmp_path / "whole").outcomes))


@pytest.mark.slow
def test_twelve_kills_of_benchmarks_under_torchrun_give_the_rows_of_an_undisturbed_one(tmp_path):
    rng = random.Random(11)
    bench = ["-m", "zeta_eval.cli", "bench", "--ladder", "embedded", "--tasks", "embedded", "--limit", "60"]
    bench += ["--batch-size", "8", "--mlflow", "none", "--out"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([sys.executable, *bench, str(tmp_path / "whole")], check=True, capture_output=True)
    whole, kills, resumed = essence(tmp_path / "whole"), 0, 0
    out = tmp_path / "0"
    while kills < 12 or out.exists():
        agent = subprocess.Popen([*torchrun, *bench, str(out)], stderr=subprocess.PIPE, text=True)
        resumed += out.exists()
        target = size_of(out / "rows.jsonl") + rng.randint(0, 60_000)  # bytes of rows to let through
        latest = time.monotonic() + (rng.uniform(1, 12) if rng.random() < 0.2 else 60)  # or while it starts
        while kills < 12 and agent.poll() is None and time.monotonic() < latest:
            if size_of(out / "rows.jsonl") > target:
                break
            time.sleep(0.005)
        if kills < 12 and agent.poll() is None:
            workers = psutil.Process(agent.pid).children()
            for victim in rng.choice([workers[:1], workers[1:], [*workers, agent]]):
                victim.kill()
            kills += 1
        error = agent.communicate(timeout=120)[1]  # nobody hangs
        assert error.count("zeta: ") <= 1, error
        if agent.returncode == 0:
            assert essence(out).equals(whole) and len(whole_rows(out)) == len(whole)
            out = tmp_path / str(kills)
    assert resumed > 8


def test_a_second_benchmark_in_the_same_folder_is_refused_and_changes_nothing(tmp_path):
    scripted(tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.name != ".lock"}
    with Journal(tmp_path), pytest.raises(OutputLockedError, match="is being written by another run") as caught:
        scripted(tmp_path)
    assert "\n" not in str(caught.value)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.name != ".lock"} == before


# --- disks that are full


@contextmanager
def files_up_to(n_bytes):
    """No file of this process may grow beyond so many bytes; what is beyond is refused as a full disk refuses it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_file_that_can_not_grow_ends_the_run_in_one_line_and_keeps_the_rows(tmp_path):
    with files_up_to(40_000), pytest.raises(OutputError, match=r"can't be written \(File too large\)") as caught:
        scripted(tmp_path / "o")
    assert "\n" not in str(caught.value) and "rows so far are kept" in str(caught.value)
    assert 0 < len(Outcomes.load(tmp_path / "o").frame) < 120
    assert essence(scripted(tmp_path / "o").outcomes).equals(essence(scripted(tmp_path / "whole").outcomes))
    assert len(whole_rows(tmp_path / "o")) == 120


@pytest.mark.parametrize("kib", [16, 64, 100])
def test_a_full_disk_ends_the_run_in_one_line_and_keeps_the_rows(tmp_path, kib):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting a small disk is not permitted here")
    try:
        with pytest.raises(OutputError, match="No space left on device"):
            scripted(disk / "o")
        if kib > 16:
            assert 0 < len(Outcomes.load(disk / "o").frame) <= 120
        subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
        assert essence(scripted(disk / "o").outcomes).equals(essence(scripted(tmp_path / "whole").outcomes))
        assert len(whole_rows(disk / "o")) == 120
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# --- models and devices that fail


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return build_tiny_model(tmp_path_factory.mktemp("models") / "good")


def bench(good, second, out, *, engine=TransformersGenerator, queries=QUERIES):
    """A healthy model, then another one."""
    sizes = [ModelSpec(size=s, model=str(m), device_map="cpu") for s, m in (("good", good), ("other", second))]
    return run(
        Ladder(name="two", models=tuple(sizes), max_new_tokens=4),
        queries,
        lambda query, text: Score(1.0),
        out=out,
        config=GenerateConfig(max_new_tokens=4, batch_size=16),
        latency_sample=2,
        generators=lambda spec: engine(spec) if spec.size == "other" else TransformersGenerator(spec),
        progress=False,
    )


def split(folder, target, edit):
    """Save a model in several weights files and edit the tensors of one, or its bytes."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    AutoModelForCausalLM.from_pretrained(folder).save_pretrained(target, max_shard_size="40KB")
    AutoTokenizer.from_pretrained(folder).save_pretrained(target)
    shards = sorted(target.glob("*.safetensors"))
    assert len(shards) > 1
    edit(shards[1])
    return target


def cut(shard):
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])


def scrambled(shard):
    shard.write_bytes(b"\xff" * shard.stat().st_size)


@pytest.mark.parametrize("damage", [cut, scrambled, Path.unlink, lambda s: s.write_bytes(b"")])
def test_a_damaged_shard_is_one_line_that_names_the_model_and_the_rows_before_stay(good, tmp_path, damage):
    damaged = split(good, tmp_path / "damaged", damage)
    with pytest.raises((GenerationError, HubAccessError), match="of rung 'other'") as caught:
        bench(good, damaged, tmp_path / "o")
    assert "\n" not in str(caught.value) and "can't be loaded" in str(caught.value)
    assert Outcomes.load(tmp_path / "o").frame["model"].value_counts().to_dict() == {"good": 60}


def test_a_shard_that_can_not_be_read_is_one_line_before_anything_runs(good, tmp_path):
    def dangle(shard):
        shard.unlink()
        shard.symlink_to(tmp_path / "blob that is gone")

    with pytest.raises(HubAccessError, match=r"-00002-of-\d+\.safetensors can't be read \(No such file") as caught:
        bench(good, split(good, tmp_path / "damaged", dangle), tmp_path / "o")
    assert "\n" not in str(caught.value) and (tmp_path / "o" / "rows.jsonl").read_bytes() == b""


def test_a_model_of_numbers_that_are_none_gives_error_rows_and_spoils_no_other(good, tmp_path):
    def spoil(shard):
        from safetensors.torch import load_file, save_file

        save_file({k: torch.full_like(v, float("nan")) for k, v in load_file(shard).items()}, shard, {"format": "pt"})

    report = bench(good, split(good, tmp_path / "nan", spoil), tmp_path / "o")
    assert recorded(report, "errors") == {"good": 0, "other": 60}
    errors = report.outcomes.frame.query("model == 'other'")["error"]
    assert errors.str.contains("not numbers (NaN)", regex=False).all()


@pytest.mark.parametrize("most", [0, 1, 5])
def test_a_memory_that_runs_out_halves_the_batch_and_the_run_goes_on(good, tmp_path, most):
    def scarce(spec):
        engine = TransformersGenerator(spec)

        def hook(module, args, kwargs):
            if len(kwargs["input_ids"]) > most:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

        engine.model.register_forward_pre_hook(hook, with_kwargs=True)
        return engine

    report = bench(good, good, tmp_path / "o", engine=scarce)
    assert recorded(report, "errors") == {"good": 0, "other": 0 if most else 60}
    first, second = (report.outcomes.frame.query(f"model == '{s}'") for s in ("good", "other"))
    if most:
        assert second["response"].tolist() == first["response"].tolist()
    else:
        assert second["error"].str.contains("out of memory").all()


def test_a_query_longer_than_the_context_is_an_error_row(good, tmp_path):
    long = Query(query_id="long", task="spell", dataset="made", prompt="word " * 100, target="")
    report = bench(good, good, tmp_path / "o", queries=[*QUERIES, long])
    rows = report.outcomes.frame.query("query_id == 'long'")
    assert recorded(report, "errors") == {"good": 1, "other": 1}
    assert rows["error"].str.contains("500 tokens, the model's context 256").all()

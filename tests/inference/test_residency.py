import json
import shutil

import psutil
import pytest
import torch

from zeta_eval import answerers
from zeta_eval.exceptions import HubAccessError
from zeta_eval.inference.engine.transformers_engine import TransformersGenerator
from zeta_eval.inference.run import residency as room
from zeta_eval.inference.run import runner
from zeta_eval.inference.run.residency import SHARE, EnginePool, residency, weight_bytes
from zeta_eval.inference.run.runner import run
from zeta_eval.models import GenerateConfig, Ladder, ModelSpec
from zeta_eval.notebook.session import Session, status
from zeta_eval.tasks import Query, Score
from zeta_eval.testing import ScriptedGenerator


@pytest.fixture
def ladder(tiny_folder):
    specs = [ModelSpec(size=s, model=str(tiny_folder), device_map="cpu") for s in ("4B", "7B")]
    return Ladder(name="t", models=tuple(specs), max_new_tokens=6)


@pytest.fixture
def narrow(ladder, monkeypatch):
    """A machine in whose memory one of the two sizes fits, and not both."""
    one = weight_bytes(ladder.models[0])
    monkeypatch.setattr(room, "_free_bytes", lambda device: int(1.5 * one / SHARE))
    return ladder


def test_sizes_that_fit_are_in_memory_together(ladder):
    found = residency(ladder.models)
    assert found.together and "free on cpu, of which weights may take 80%" in found.reason
    assert answerers(ladder)["4B"].engines.loaded == ("4B", "7B")


def test_sizes_that_do_not_fit_are_loaded_in_turn_and_that_is_told(narrow, caplog):
    found = residency(narrow.models)
    assert not found.together and "free on cpu" in found.reason
    assert residency(narrow.models[:1]).together
    held = answerers(narrow)
    assert "Sizes are loaded in turn" in caplog.text
    assert held["4B"]("hello").text == held["7B"]("hello").text  # the same weights


def test_one_engine_at_a_time_is_loaded_and_no_more_often_than_the_size_changes(narrow):
    events = []

    class Loud(ScriptedGenerator):
        def close(self):
            events.append(f"close {self.size}")

    def make(spec):
        events.append(f"load {spec.size}")
        return Loud(spec.size, {"q": "a"})

    engines = EnginePool(narrow.models, make)
    engines.load()
    assert events == []
    for size in ("4B", "4B", "7B", "4B"):
        assert engines.engine(size).generate(["q"], GenerateConfig())[0].text == "a"
        assert engines.loaded == (size,)
    engines.close()
    assert events == ["load 4B", "close 4B", "load 7B", "close 7B", "load 4B", "close 4B"]


def test_a_server_s_engine_is_started_at_once_and_keeps_its_place(narrow):
    served = ModelSpec(size="70B", model="m", base_url="http://localhost:1/v1")
    engines = EnginePool([*narrow.models, served], lambda spec: ScriptedGenerator(spec.size, {}))
    engines.load()
    assert engines.loaded == ("70B",)
    for size in ("4B", "7B"):
        engines.engine(size)
        assert engines.loaded == ("70B", size)


def test_a_notebook_s_session_holds_one_size_at_a_time_where_memory_is_short_and_says_so(narrow, caplog):
    session, heard = Session(None, narrow), []
    for size in ("4B", "7B"):
        assert session.answer(size, "hello", heard.append).text.startswith(heard[-1])
        assert session.loaded == (size,)
    assert "Sizes are loaded in turn" in caplog.text
    assert "in memory: 7B (in turn: " in repr(status(session, history="", store=""))
    session.close()
    assert session.loaded == ()


def test_a_notebook_s_session_holds_sizes_that_fit_together(ladder):
    session = Session(None, ladder)
    for size in ("4B", "7B"):
        session.answer(size, "hello", lambda text: None)
    assert session.loaded == ("4B", "7B")


def test_weights_are_counted_from_their_files_and_unknown_ones_wait_for_their_turn(ladder, tiny_folder, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    stored = (tiny_folder / "model.safetensors").stat().st_size
    assert weight_bytes(ladder.models[0]) == stored
    wide = ModelSpec(size="w", model=str(tiny_folder), dtype="float32")
    assert weight_bytes(wide) == 2 * stored
    absent = ModelSpec(size="x", model="nobody/nothing-here")
    assert weight_bytes(absent) is None
    assert "not on disk" in residency([wide, absent]).reason
    served = ModelSpec(size="s", model="m", base_url="http://localhost:1/v1")
    assert residency([served]).together and residency([served, absent]).together
    assert room._free_bytes("cpu") <= psutil.virtual_memory().total


@pytest.fixture
def events(monkeypatch):
    """What a benchmark's own engines do, in its order."""
    done = []

    class Loud(TransformersGenerator):
        def __init__(self, spec):
            super().__init__(spec)
            done.append(f"load {self.size}")

        def generate(self, prompts, config):
            done.append(f"run {self.size}")
            return super().generate(prompts, config)

        def close(self):
            done.append(f"close {self.size}")
            super().close()

    monkeypatch.setattr(runner, "default_engine", Loud)
    return done


def bench(ladder, out):
    queries = [Query(query_id=f"q/{i}", task="t", dataset="d", prompt=f"say {i}", target="") for i in range(5)]
    return run(ladder, queries, lambda q, text: Score(1.0), out=out, latency_sample=0, progress=False)


def record(out):
    return json.loads((out / "run.json").read_text())


def test_a_benchmark_loads_sizes_that_fit_together_before_the_first_query_and_says_so(ladder, events, tmp_path):
    bench(ladder, tmp_path)
    assert events == ["load 7B", "load 4B", "run 4B", "close 4B", "run 7B", "close 7B"]
    said = record(tmp_path)
    assert said["residency"].startswith("all at once: ") and "GB free on cpu" in said["residency"]
    assert all(size["seconds"] > size["loading_s"] > 0 for size in said["sizes"].values())


def test_a_benchmark_loads_sizes_that_do_not_fit_in_turn_and_each_once(narrow, ladder, events, tmp_path):
    bench(narrow, tmp_path / "narrow")
    assert events == ["load 4B", "run 4B", "close 4B", "load 7B", "run 7B", "close 7B"]
    assert record(tmp_path / "narrow")["residency"].startswith("in turn: ")
    assert all(size["seconds"] > size["loading_s"] > 0 for size in record(tmp_path / "narrow")["sizes"].values())


def test_weights_alone_do_not_fill_the_memory_of_a_benchmark(ladder, events, tmp_path, monkeypatch):
    both = 2 * weight_bytes(ladder.models[0])
    monkeypatch.setattr(room, "_free_bytes", lambda device: int(both / SHARE))
    assert residency(ladder.models).together
    bench(ladder, tmp_path)
    assert events[:2] == ["load 4B", "run 4B"]
    assert "of which weights may take 50%" in record(tmp_path)["residency"]


def test_of_sizes_that_fit_together_one_that_is_broken_is_told_before_any_query(ladder, events, tmp_path, tiny_folder):
    shutil.copytree(tiny_folder, tmp_path / "broken")
    (tmp_path / "broken" / "config.json").unlink()
    small = ModelSpec(size="3B", model=str(tmp_path / "broken"), device_map="cpu")
    with pytest.raises(HubAccessError, match="of rung '3B' has no config"):
        bench(Ladder(name="t", models=(small, *ladder.models), max_new_tokens=6), tmp_path / "out")
    assert events == ["load 7B", "load 4B", "close 7B", "close 4B"]
    assert (tmp_path / "out" / "rows.jsonl").read_bytes() == b""


def test_a_run_that_goes_on_decides_anew_for_the_sizes_that_are_left(narrow, ladder, events, tmp_path, monkeypatch):
    bench(narrow, tmp_path)
    monkeypatch.setattr(room, "_free_bytes", lambda device: 10**12)
    bench(ladder, tmp_path)
    assert record(tmp_path)["residency"].startswith("in turn: ")  # nothing was left, nothing was decided
    rows = (tmp_path / "rows.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "rows.jsonl").write_bytes(b"".join(rows[:5]))
    (tmp_path / "outcomes.parquet").unlink()
    events.clear()
    bench(ladder, tmp_path)
    assert events == ["load 7B", "run 7B", "close 7B"]
    assert record(tmp_path)["residency"] == "all at once: 1 of 1 sizes have weights to load"


def test_processes_on_one_machine_share_its_memory(ladder, monkeypatch):
    both = 2 * weight_bytes(ladder.models[0])
    monkeypatch.setattr(room, "_free_bytes", lambda device: int(1.5 * both / SHARE))
    assert residency(ladder.models).together
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert not residency(ladder.models).together


@pytest.mark.parametrize(
    ("maps", "together"),
    [
        (("cuda:0", "cuda:1"), True),
        (("cuda:1", "cuda:1"), False),
        (("cuda", "cuda"), True),
        (("auto", "auto"), True),
        (("cpu", None), False),
    ],
)
def test_each_device_s_own_free_memory_counts(tiny_folder, monkeypatch, maps, together):
    specs = [ModelSpec(size=f"{i}", model=str(tiny_folder), device_map=where) for i, where in enumerate(maps)]
    one = weight_bytes(specs[0])
    free = {"cuda:0": 3 * one, "cuda:1": 2 * one, "cuda": 5 * one, "cpu": 2 * one}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(room, "_free_bytes", free.__getitem__)
    assert residency(specs).together == together

import psutil
import pytest

from zeta_eval import answerers
from zeta_eval.inference import residency as room
from zeta_eval.inference.residency import SHARE, Turn, residency, resident, weight_bytes
from zeta_eval.models import GenerateConfig, Ladder, ModelSpec
from zeta_eval.testing import ScriptedGenerator, check_generator


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
    assert found.together and "fit" in found.reason
    assert not isinstance(answerers(ladder)["4B"].generator, Turn)


def test_sizes_that_do_not_fit_are_loaded_in_turn_and_that_is_told(narrow, caplog):
    found = residency(narrow.models)
    assert not found.together and "free on cpu" in found.reason
    assert residency(narrow.models[:1]).together
    held = answerers(narrow)
    assert "Sizes are loaded in turn" in caplog.text
    assert held["4B"]("hello").text == held["7B"]("hello").text  # the same weights
    assert held["4B"].read("hello").prefill_margin is not None


def test_one_engine_at_a_time_is_loaded_and_no_more_often_than_the_size_changes(narrow):
    events = []

    class Loud(ScriptedGenerator):
        def close(self):
            events.append(f"close {self.size}")

    def make(spec):
        events.append(f"load {spec.size}")
        return Loud(spec.size, {"q": "a"})

    engines = resident(narrow.models, make)
    assert events == []
    for size in ("4B", "4B", "7B", "4B"):
        assert engines[size].generate(["q"], GenerateConfig())[0].text == "a"
    engines["7B"].close()
    engines["4B"].close()
    assert events == ["load 4B", "close 4B", "load 7B", "close 7B", "load 4B", "close 4B"]


def test_a_size_that_waits_for_its_turn_is_a_generator(narrow):
    def make(spec):
        from zeta_eval.inference import TransformersGenerator

        return TransformersGenerator(spec)

    check_generator(resident(narrow.models, make)["7B"])


def test_weights_are_counted_from_their_files_and_unknown_ones_wait_for_their_turn(ladder, tiny_folder, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    stored = (tiny_folder / "model.safetensors").stat().st_size
    assert weight_bytes(ladder.models[0]) == stored
    wide = ModelSpec(size="w", model=str(tiny_folder), dtype="float32")
    assert weight_bytes(wide) == 2 * stored
    absent = ModelSpec(size="x", model="nobody/nothing-here")
    assert weight_bytes(absent) is None
    assert "not on disk" in residency([absent]).reason
    served = ModelSpec(size="s", model="m", base_url="http://localhost:1/v1")
    assert residency([served]).together
    assert room._free_bytes("cpu") <= psutil.virtual_memory().total

import json
import subprocess
import sys

import pytest
import torch

from zeta_eval.cli import main
from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.inference import gpu_check
from zeta_eval.inference.architectures import PUBLISHED

TOTALS = {"4B": 4.02, "7B": 7.62, "14B": 14.77}
"""Billions of weights, as the model cards count them (4.0, 7.61, 14.8)."""
BYTES = {"4B": 8.04, "7B": 14.14, "14B": 27.98}
"""Billions of bytes that a token reads: without the embedding, where that is no output layer."""
LEAN = """
import sys
for name in ("accelerate", "pandas", "datasets", "pyarrow", "optuna", "mlflow", "sklearn", "scipy", "sqlalchemy",
             "math_verify", "matplotlib", "IPython", "ipywidgets", "httpx"):
    sys.modules[name] = None
from zeta_eval.cli import main
sys.exit(main(["gpu-check", "--scale", "tiny", "--sizes", "7B", "--json"]))
"""


@pytest.mark.parametrize("size", PUBLISHED)
def test_the_architectures_have_as_many_weights_as_the_published_models(size):
    shape = PUBLISHED[size]
    model = shape.build(torch.device("meta"), torch.bfloat16)
    assert sum(p.numel() for p in model.parameters()) / 1e9 == pytest.approx(TOTALS[size], abs=0.005)
    assert shape.decode_bytes(model) / 1e9 == pytest.approx(BYTES[size], abs=0.01)


def test_reading_a_prompt_costs_two_operations_per_weight_and_token_and_more_for_attention():
    shape = PUBLISHED["4B"]
    model = shape.build(torch.device("meta"), torch.bfloat16)
    inner = sum(p.numel() for p in model.model.layers.parameters())
    assert shape.prefill_operations(model, 100) == pytest.approx(2 * 100 * inner, rel=0.15)
    assert shape.prefill_operations(model, 20_000) > 2.2 * shape.prefill_operations(model, 10_000)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_without_a_cuda_device_there_is_one_line_that_says_what_to_do(capsys):
    assert main(["gpu-check"]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and "No CUDA device" in line and "--scale tiny" in line


def test_the_whole_check_runs_with_tiny_widths_and_writes_its_figures(tmp_path, capsys):
    out = tmp_path / "gpu.json"
    assert main(["gpu-check", "--scale", "tiny", "--sizes", "4B,14B", "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert text.count("ACCURACY IS NOT MEASURED") == 2 and "floor" in text
    data = json.loads(out.read_text())
    assert data["scale"] == "tiny" and data["command"] == "zeta gpu-check --sizes 4B,14B --scale tiny"
    assert data["date"] and data["device"] and {"torch", "transformers", "cuda"} <= set(data["versions"])
    assert "NOT MEASURED" in data["warning"]
    for size in data["sizes"]:
        assert size["failures"] == {}
        for name in ("decode_ms", "ttft_ms", "generate_ms", "continuous", "static", "floor_decode_ms", "floor_ttft_ms"):
            assert size[name] > 0
        assert size["decode_p95_ms"] >= size["decode_ms"]


@pytest.mark.slow
def test_it_needs_nothing_but_torch_and_transformers():
    run = subprocess.run([sys.executable, "-c", LEAN], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["sizes"][0]["failures"] == {}


def test_a_part_that_fails_is_told_and_leaves_the_others(monkeypatch):
    def fails(model, work):
        raise torch.OutOfMemoryError("none left")

    monkeypatch.setattr(gpu_check, "_continuous", fails)
    report = gpu_check.check(sizes=["4B"], tiny=True)
    assert report.sizes[0].failures == {"continuous": "OutOfMemoryError: none left"}
    assert report.sizes[0].continuous is None and report.sizes[0].decode_ms > 0
    assert "continuous failed: OutOfMemoryError" in report.text()


def test_an_unknown_size_and_old_packages_are_told_in_one_line(monkeypatch):
    with pytest.raises(UnknownNameError, match="14B"):
        gpu_check.check(sizes=["14b"], tiny=True)
    monkeypatch.setitem(gpu_check.NEEDS, "torch", "99.0")
    with pytest.raises(InvalidInputError, match=r"at least 99\.0"):
        gpu_check.check(sizes=["4B"], tiny=True)

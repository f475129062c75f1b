import json
import subprocess
import sys

import pytest
import torch

from zeta_eval.cli import main
from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.inference import gpu_check
from zeta_eval.inference.engine.architectures import PUBLISHED
from zeta_eval.inference.gpu_report import GpuCheck, SizeSpeed, Work

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


@pytest.mark.slow
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
        assert size["decode_bandwidth_share"] == size["floor_decode_ms"] / size["decode_ms"]
        assert size["ttft_matrix_share"] == size["floor_ttft_ms"] / size["ttft_ms"]
        assert size["continuous_over_static"] == size["continuous"] / size["static"]
    small, large = data["sizes"]
    for name in ("decode_ms", "ttft_ms", "floor_decode_ms", "floor_ttft_ms"):
        assert data["ratios"]["4B"][name] == 1 and data["ratios"]["14B"][name] == large[name] / small[name]
    assert f"1.00 : {large['decode_ms'] / small['decode_ms']:.2f}, their floors 1.00 : " in text


@pytest.mark.slow
def test_it_needs_nothing_but_torch_and_transformers():
    run = subprocess.run([sys.executable, "-c", LEAN], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["sizes"][0]["failures"] == {}


def test_a_part_or_a_whole_size_that_fails_is_told_and_leaves_the_others(monkeypatch):
    build = gpu_check.Architecture.build

    def full(shape, device, dtype):
        if device.type != "meta" and shape.tied:  # the 4B
            raise torch.OutOfMemoryError("CUDA out of memory")
        return build(shape, device, dtype)

    def fails(model, work):
        raise torch.OutOfMemoryError("none left")

    monkeypatch.setattr(gpu_check.Architecture, "build", full)
    monkeypatch.setattr(gpu_check, "_continuous", fails)
    report = gpu_check.check(sizes=["4B", "14B"], tiny=True)
    small, large = report.sizes
    assert small.failures == {"build": "OutOfMemoryError: CUDA out of memory"}
    assert large.failures == {"continuous": "OutOfMemoryError: none left"}
    assert small.parameters > 0 and large.continuous is None and large.decode_ms > 0
    text, data = report.text(), report.to_dict()
    assert "build failed: OutOf" in text and "continuous failed: OutOf" in text
    assert "decoding, batch 1: ? : ?, their floors 1.00 : " in text
    assert data["sizes"][0]["decode_bandwidth_share"] is None and data["ratios"]["14B"]["floor_decode_ms"] > 0


def test_the_shares_of_what_the_hardware_allows_are_those_of_the_published_sizes():
    sizes = [
        SizeSpeed(size=s, source="", parameters=0, floor_decode_ms=f, floor_ttft_ms=10 * f, decode_ms=t, ttft_ms=t)
        for s, f, t in (("7B", 3.0, 5.0), ("14B", 6.0, 8.0))
    ]
    report = GpuCheck(
        device="d",
        date="",
        scale="published",
        bandwidth=1.0,
        matrix_rate=1.0,
        versions={},
        flash_attention=True,
        work=Work(),
        sizes=sizes,
    )
    data = report.to_dict()
    assert [s["decode_bandwidth_share"] for s in data["sizes"]] == [0.6, 0.75]
    assert data["ratios"]["14B"] == {"decode_ms": 1.6, "floor_decode_ms": 2, "ttft_ms": 1.6, "floor_ttft_ms": 2}
    assert data["work"]["concurrent"] == 256 and data["work"]["batch"] == 16


def test_an_unknown_size_and_old_packages_are_told_in_one_line(monkeypatch):
    with pytest.raises(UnknownNameError, match="14B"):
        gpu_check.check(sizes=["14b"], tiny=True)
    monkeypatch.setitem(gpu_check.NEEDS, "torch", "99.0")
    with pytest.raises(InvalidInputError, match=r"at least 99\.0"):
        gpu_check.check(sizes=["4B"], tiny=True)

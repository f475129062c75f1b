import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from gpu import whole_run
from gpu.figures import figures
from gpu.steps import STEPS, Step

ROOT = Path(__file__).parents[1]
ABSENT = ("datasets", "mlflow", "math_verify", "ipywidgets", "IPython", "sqlalchemy", "httptools", "itables", "optuna")
"""Packages that a machine with a GPU may lack."""


def script(text):
    """A step that runs some code."""
    return ("-c", text.replace("{", "{{").replace("}", "}}").replace("OUT", "{out}"))


def run(monkeypatch, tmp_path, steps, *options):
    monkeypatch.setattr(whole_run, "STEPS", steps)
    monkeypatch.setattr(sys, "argv", ["whole_run.py", "--out", str(tmp_path), *options])
    code = whole_run.main()
    return code, json.loads((tmp_path / "run.json").read_text())


def test_a_step_that_fails_or_takes_too_long_leaves_the_others(monkeypatch, tmp_path):
    writes = "import pathlib; pathlib.Path('OUT').write_text('{}')"
    steps = (
        Step(name="fails", limit_s=60, arguments=script("raise ValueError('no device')")),
        Step(name="hangs", limit_s=1, arguments=script("import time; time.sleep(60)")),
        Step(name="works", limit_s=60, arguments=script(writes)),
        Step(name="has-nothing", limit_s=60, arguments=script("pass")),
    )
    code, record = run(monkeypatch, tmp_path, steps)
    told = record["steps"]
    assert code == 1
    assert [told[s.name]["status"] for s in steps] == ["failed", "timed out", "ok", "skipped"]
    assert told["fails"]["why"] == "ValueError: no device" and told["hangs"]["seconds"] < 20
    assert "=== fails" in (tmp_path / "log.txt").read_text()


def test_no_step_begins_where_no_time_is_left_and_a_later_call_goes_on(monkeypatch, tmp_path):
    writes = "import pathlib; pathlib.Path('OUT').write_text('{}')"
    steps = tuple(Step(name=name, limit_s=60, arguments=script(writes)) for name in ("first", "second"))
    code, record = run(monkeypatch, tmp_path, steps, "--minutes", "0")
    assert code == 0 and [s["why"] for s in record["steps"].values()] == ["no time left"] * 2
    _, record = run(monkeypatch, tmp_path, steps, "--only", "second")
    assert [s["status"] for s in record["steps"].values()] == ["skipped", "ok"]
    with pytest.raises(SystemExit):
        run(monkeypatch, tmp_path, steps, "--only", "third")


def refused(monkeypatch, capsys, tmp_path, *options):
    """What is said of options that are refused before any step is run."""
    ran = tmp_path / "ran"
    steps = (Step(name="runs", limit_s=60, arguments=script(f"open({str(ran)!r}, 'w')")),)
    monkeypatch.setattr(whole_run, "STEPS", steps)
    monkeypatch.setattr(sys, "argv", ["whole_run.py", *map(str, options)])
    with pytest.raises(SystemExit) as stopped:
        whole_run.main()
    assert stopped.value.code == 2 and not ran.exists()
    return capsys.readouterr().err.splitlines()[-1]


def test_paths_that_can_not_be_used_are_refused_before_any_step(monkeypatch, capsys, tmp_path):
    (tmp_path / "file").write_text("")
    said = refused(monkeypatch, capsys, tmp_path, "--out", tmp_path / "o", "--gsm8k", tmp_path / "none.jsonl")
    assert "none.jsonl is no file" in said
    assert "file/o" in refused(monkeypatch, capsys, tmp_path, "--out", tmp_path / "file/o")
    for text in ("{", "[]", '{"steps": 3}', '{"steps": {"tests": {}}}'):
        (tmp_path / "run.json").write_text(text)
        assert "run.json is damaged" in refused(monkeypatch, capsys, tmp_path, "--out", tmp_path)
        assert (tmp_path / "run.json").read_text() == text


def test_a_folder_is_that_of_the_caller(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    writes = "import pathlib; pathlib.Path('OUT').write_text('{}')"
    monkeypatch.setattr(whole_run, "STEPS", (Step(name="works", limit_s=60, arguments=script(writes)),))
    monkeypatch.setattr(sys, "argv", ["whole_run.py", "--out", "rel/out"])
    assert whole_run.main() == 0
    assert json.loads((tmp_path / "rel/out/run.json").read_text())["steps"]["works"]["status"] == "ok"
    assert (tmp_path / "rel/out/works.json").is_file()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_ends_its_step_and_says_one_line(number, tmp_path):
    """The step is replaced by one that starts a process of its own, and both are told by their ids."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "if sys.argv[:1] != ['-c']:\n"
        "    import gpu.steps as s\n"
        f"    s.STEPS = (s.Step(name='long', limit_s=60, arguments=({str(tmp_path / 'long.py')!r},)),)\n"
    )
    (tmp_path / "long.py").write_text(
        "import os, pathlib, subprocess\n"
        "more = subprocess.Popen(['sleep', '60'])\n"
        f"pathlib.Path({str(tmp_path / 'part')!r}).write_text(f'{{os.getpid()}} {{more.pid}}')\n"
        f"os.replace({str(tmp_path / 'part')!r}, {str(tmp_path / 'pids')!r})\n"
        "more.wait()\n"
    )
    paths = os.pathsep.join([str(tmp_path), str(ROOT), str(ROOT / "benchmarks")])
    environment = {**os.environ, "PYTHON": sys.executable, "PYTHONPATH": paths}
    started = subprocess.Popen(
        ["bash", str(ROOT / "benchmarks/gpu/run.sh"), "--out", "out"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    until = time.monotonic() + 60
    while not (tmp_path / "pids").exists():
        assert time.monotonic() < until and started.poll() is None, started.stderr.read()
        time.sleep(0.05)
    started.send_signal(number)
    _, said = started.communicate(timeout=30)
    assert started.returncode == 128 + number
    assert said == f"stopped; what was measured is kept in {tmp_path / 'out/run.json'}\n"
    assert json.loads((tmp_path / "out/run.json").read_text())["steps"]["long"]["status"] == "stopped"
    ended = [not running(int(pid)) for pid in (tmp_path / "pids").read_text().split()]
    assert ended == [True, True]


def running(pid):
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def test_the_figures_are_ratios_to_what_the_device_allows(tmp_path):
    def check(size, **speeds):
        (tmp_path / f"check-{size}.json").write_text(
            json.dumps({"device": "a card", "matrix_rate": 1e15, "sizes": [speeds]})
        )

    given = {"decode_bandwidth_share": 0.7, "continuous_over_static": 9.0, "continuous": 5e4, "parameters": 4e9}
    check("4B", decode_ms=4.0, floor_decode_ms=2.0, **given)
    check("14B", decode_ms=10.0, floor_decode_ms=8.0, **given)
    found = figures(tmp_path, ["check-4B", "check-14B", "ladder"])
    assert found["latency over bytes, relative to the first size"] == {"4B": 1.0, "14B": 10 / 4 / (8 / 2)}
    assert found["continuous, share of the matrix rate"]["4B"] == pytest.approx(5e4 * 8e9 / 1e15)
    assert "bench" not in found


def test_the_steps_fit_into_their_time():
    assert len({step.name for step in STEPS}) == len(STEPS)
    assert all(step.limit_s <= 300 for step in STEPS)


@pytest.mark.slow
def test_the_whole_run_works_on_a_processor_and_without_packages_that_a_gpu_machine_may_lack(tmp_path):
    hidden = "import sys\n" + "\n".join(f"sys.modules[{name!r}] = None" for name in ABSENT)
    (tmp_path / "sitecustomize.py").write_text(hidden)
    out = tmp_path / "out"
    steps = ("tests", "check-4B", "main-job", "ladder", "profiled")
    command = ["bash", "benchmarks/gpu/run.sh", "--scale", "tiny", "--out", str(out), "--only", ",".join(steps)]
    environment = {**os.environ, "PYTHON": sys.executable, "PYTHONPATH": str(tmp_path)}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    record = json.loads((out / "run.json").read_text())
    log = (out / "log.txt").read_text()[-3000:]
    assert {name: step["status"] for name, step in record["steps"].items()} == dict.fromkeys(steps, "ok"), log
    assert ran.returncode == 0
    found = record["figures"]
    assert found["tests"]["failed"] == [] and found["tests"]["run"] >= 10
    assert all(
        device == processor for device, processor in found["embedded ladder, accuracy on device and processor"].values()
    )
    assert set(found["bench"]) == {"4B", "7B", "14B"}
    assert all(size["first_row_s"] > 0 and size["loading_s"] > 0 for size in found["bench"].values())
    assert json.loads((out / "main-job.json").read_text())["not tuned"]


@pytest.mark.slow
def test_two_processes_write_the_rows_of_one(tmp_path):
    out = tmp_path / "two.json"
    script = ROOT / "benchmarks/gpu/two_processes.py"
    paths = os.pathsep.join([str(ROOT), str(ROOT / "benchmarks")])
    command = [sys.executable, str(script), "--scale", "tiny", "--out", str(out)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": paths}, capture_output=True)
    found = json.loads(out.read_text())
    assert found["rows"] == 18 and found["same answer"] == 1.0

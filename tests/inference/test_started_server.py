"""Servers that a benchmark starts by itself."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from signals import heed_signals

from zeta_eval.exceptions import GenerationError, InvalidInputError
from zeta_eval.inference.run.runner import default_engine, run
from zeta_eval.inference.server.guard import guard
from zeta_eval.inference.server.started import StartedEngine, StartedServer
from zeta_eval.models import GenerateConfig, Ladder, ModelSpec
from zeta_eval.tasks import Query, Score

SERVER = """
import json, os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args): pass
    def do_GET(self):
        if self.path == "/health": return self.send_error(404)
        self.reply({"data": [{"id": "m", "max_model_len": 99}]})
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        choice = {"index": 0, "message": {"content": sys.argv[2]}, "finish_reason": "stop"}
        self.reply({"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})
    def reply(self, data):
        content = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

print("loading", sys.argv[2], flush=True)
time.sleep(0.3)
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def script(tmp_path):
    (tmp_path / "serve it.py").write_text(SERVER)
    return f"{sys.executable} '{tmp_path / 'serve it.py'}' {{port}} {{model}}"


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


def test_each_rung_s_server_runs_for_its_own_queries_alone(script, tmp_path):
    ladder = Ladder(
        name="started",
        models=tuple(ModelSpec(size=f"s/{m}", model=m, start=script, usd_per_gpu_hour=1.0) for m in "ab"),
    )
    queries = [Query(task="t", query_id=str(i), prompt=f"Say {i}", target="a") for i in range(6)]
    out = tmp_path / "out"
    report = run(ladder, queries, lambda q, text: Score(float(text == q.target)), out=out, progress=False)
    frame = report.outcomes.frame
    assert frame.groupby("model")["response"].unique().explode().to_dict() == {"s/a": "a", "s/b": "b"}
    assert frame["cost_usd"].gt(0).all() and frame["context"].eq(99).all()
    logs = sorted((out / "servers").iterdir())
    assert [log.name for log in logs] == ["s%2Fa.log", "s%2Fb.log"] and "loading b" in logs[1].read_text()
    sizes = json.loads((out / "run.json").read_text())["sizes"]
    assert sizes["s/a"]["engine"] == "StartedEngine" and sizes["s/a"]["start"] == script


def test_a_server_stops_with_its_engine(script, tmp_path):
    engine = StartedEngine(ModelSpec(size="A", model="m", start=script), default_engine, log=tmp_path / "log")
    assert engine.generate(["Hello"], GenerateConfig())[0].text == "m" and engine.context == 99
    pid = engine._server._process.pid
    assert alive(pid)
    engine.close()
    assert not alive(pid)


def start(spec, log):
    return StartedEngine(spec, default_engine, log=log)


def test_a_server_that_dies_is_one_line_with_the_end_of_its_log(tmp_path):
    (tmp_path / "die.py").write_text("print('loading')\nraise SystemExit('CUDA out of memory\\x1b[0m')")
    spec = ModelSpec(size="A", model="m", start=f"{sys.executable} {tmp_path}/die.py {{port}}")
    with pytest.raises(GenerationError, match=r"rung 'A' ended with status 1 before it answered \(CUDA out of m") as e:
        start(spec, tmp_path / "log")
    assert str(tmp_path / "log") in str(e.value) and "\x1b" not in str(e.value)


def test_a_server_that_never_answers_is_one_line_and_leaves_no_process(tmp_path):
    (tmp_path / "hang.py").write_text(
        f"import os, time\nopen(r'{tmp_path}/pid', 'w').write(str(os.getpid()))\ntime.sleep(99)"
    )
    spec = ModelSpec(size="A", model="m", start=f"{sys.executable} {tmp_path}/hang.py {{port}}", start_timeout_s=1.5)
    began = time.monotonic()
    with pytest.raises(
        GenerationError, match=r"did not answer at http://127.0.0.1:\d+/v1 within 1.5 s.*start_timeout_s"
    ):
        start(spec, tmp_path / "log")
    assert time.monotonic() - began < 30 and not alive(int((tmp_path / "pid").read_text()))


SILENT = """
import os, pathlib, sys, time
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(99)
"""


def pid_in(path):
    """The number that a server writes when it runs."""
    ends = time.monotonic() + 60
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < ends, "it never ran"
        time.sleep(0.05)
    return int(path.read_text())


def gone(pid):
    """Whether a process ends within 30 seconds."""
    ends = time.monotonic() + 30
    while alive(pid) and time.monotonic() < ends:
        time.sleep(0.05)
    return not alive(pid)


def silent(tmp_path):
    """A command whose server never answers."""
    (tmp_path / "silent.py").write_text(SILENT)
    return f"{sys.executable} {tmp_path}/silent.py {tmp_path}/pid {{port}}"


def test_a_second_interrupt_kills_a_server_that_does_not_stop(tmp_path, monkeypatch):
    server = StartedServer.__new__(StartedServer)
    ignoring = ["env", "--ignore-signal=TERM"]
    server._process = subprocess.Popen([*ignoring, *silent(tmp_path).split()], start_new_session=True)
    server._guard = guard(server._process.pid)
    pid = pid_in(tmp_path / "pid")
    with monkeypatch.context() as m, pytest.raises(KeyboardInterrupt):
        m.setattr(server._process, "wait", interrupted)
        server.stop()
    assert server._process.wait(20) == -signal.SIGKILL
    assert gone(pid)


def interrupted(seconds=None):
    raise KeyboardInterrupt


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_command_that_is_ended_leaves_no_server(tmp_path, number):
    ladder = f"[[models]]\nsize = 'A'\nmodel = 'm'\nstart = '{silent(tmp_path)}'\n"
    (tmp_path / "ladder.toml").write_text(ladder)
    words = ["--ladder", tmp_path / "ladder.toml", "--tasks", "add", "--limit", "3", "--out", tmp_path / "out"]
    command = [sys.executable, "-m", "zeta_eval.cli", "bench", *map(str, words), "--mlflow", "none"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed_signals) as run:
        pid = pid_in(tmp_path / "pid")
        run.send_signal(number)
        said = run.communicate(timeout=60)[1]
    assert said == f"zeta: stopped; the rows so far are kept in {tmp_path}/out; the same command goes on there\n"
    assert run.returncode == 128 + number
    assert gone(pid)


def test_a_killed_command_leaves_no_server(tmp_path):
    ladder = f"[[models]]\nsize = 'A'\nmodel = 'm'\nstart = '{silent(tmp_path)}'\n"
    (tmp_path / "ladder.toml").write_text(ladder)
    words = ["--ladder", tmp_path / "ladder.toml", "--tasks", "add", "--limit", "3", "--out", tmp_path / "out"]
    command = [sys.executable, "-m", "zeta_eval.cli", "bench", *map(str, words), "--mlflow", "none"]
    with subprocess.Popen(command) as run:
        pid = pid_in(tmp_path / "pid")
        time.sleep(0.2)  # the guard is started right after the server
        run.kill()
    assert run.returncode == -signal.SIGKILL and gone(pid)


def test_a_port_in_use_and_a_missing_program_are_one_line(script, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        spec = ModelSpec(size="A", model="m", start=script, base_url=f"http://127.0.0.1:{port}/v1")
        with pytest.raises(InvalidInputError, match=f"Port {port} of rung 'A' is in use"):
            start(spec, tmp_path / "log")
    with pytest.raises(InvalidInputError, match=r"can't be started: no-such-server: No such file"):
        start(ModelSpec(size="A", model="m", start="no-such-server {port}"), tmp_path / "log")

"""Every verb that a signal ends says one line, leaves nothing half-written, and can be started again."""

import fcntl
import os
import pty
import random
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
import urllib.request
from contextlib import suppress
from dataclasses import replace

import optuna
import pandas as pd
import psutil
import pytest
from signals import heed_signals
from zygote import Zygote

from zeta_eval.cli.verb import VERBS
from zeta_eval.cli.verbs import build_parser
from zeta_eval.feedback import History
from zeta_eval.outcomes import Outcomes
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.testing import make_outcomes

WITHIN_S = 5.0
"""Longest time from a signal to the end of the command."""


@pytest.fixture(scope="module")
def zygote():
    with Zygote() as made:
        yield made


@pytest.fixture(scope="module")
def made(tmp_path_factory, migrated_store):
    """A folder with all that verbs read."""
    folder = tmp_path_factory.mktemp("stopping")
    table = make_outcomes(240, seed=1)
    table.save(folder / "o.parquet")
    table.frame.to_csv(folder / "o.csv", index=False)
    more_tables(table.frame, folder)
    seed = RoutingPolicy.seed()
    seed.save(folder / "p.json")
    replace(RoutingPolicy.seed(("1B", "8B")), cost_weight=3.0, default_size="1B").save(folder / "cheapest.json")
    with History(folder / "h.db") as history:
        router = ZetaDynamicRouter(seed)
        for i in range(60):
            text = f"Add {i} and {i + 1}."
            history.feedback(history.record(router.route(text), text), right=i % 3 > 0)
    (folder / "mlruns").mkdir()
    (folder / "mlruns/mlflow.db").write_bytes(migrated_store.read_bytes())
    return folder


def more_tables(frame, folder):
    """Several attempts, labels of people, answers with their targets, and a ladder of servers."""
    Outcomes.from_frame(pd.concat([frame.assign(attempt=i) for i in range(3)])).save(folder / "several.parquet")
    Outcomes.from_frame(frame.assign(target="right")).save(folder / "answers.parquet")
    frame[["query_id", "model"]].assign(label=frame["score"]).to_csv(folder / "labels.csv", index=False)
    rungs = [f'[[models]]\nsize = "{s}"\nmodel = "m"\nbase_url = "http://127.0.0.1:9/v1"\n' for s in ("1B", "8B")]
    (folder / "fleet.toml").write_text("".join(rungs))


QUICK = ["--trials", "8", "--estimator", "heuristic"]
COMMANDS = {
    "bench": ["bench", "--ladder", "embedded", "--tasks", "add,copy", "--limit", "6", "--out", "b"],
    "tune": ["tune", "o.parquet", "--out", "new.json", *QUICK],
    "run": ["run", "--tasks", "add", "--limit", "8", "--out", "r", *QUICK],
    "learn": ["learn", "p.json", "h.db", "--outcomes", "o.parquet", "--out", "new.json", *QUICK],
    "promote": ["promote", "p.json", "--out", "champion.json"],
    "rollback": ["rollback", "--out", "champion.json"],
    "history": ["history", "export", "h.db", "--out", "new.parquet"],
    "replay": ["replay", "p.json", "o.parquet", "--decisions", "new.parquet"],
    "compare": ["compare", "p.json", "p2.json", "o.parquet"],
    "import": ["import", "tidy", "o.csv", "--out", "new.parquet"],
    "merge": ["merge", "o.parquet", "o.csv", "--out", "new.parquet", "--prefer", "first"],
    "track": ["track"],
    "route": ["route", "p.json", "Add 1 and 2."],
    "vote": ["vote", "several.parquet", "--out", "new.parquet"],
    "agree": ["agree", "o.parquet", "labels.csv"],
    "rescore": ["rescore", "answers.parquet", "--scorer", "exact", "--out", "new.parquet"],
    "export": ["export", "cheapest.json", "--to", "litellm", "--ladder", "fleet.toml", "--out", "litellm.yaml"],
    "gpu-check": ["gpu-check", "--sizes", "4B", "--scale", "tiny", "--out", "speed.json"],
}


def test_every_verb_is_stopped_here():
    build_parser()
    assert {*COMMANDS} == {*VERBS} - {"serve", "ui"}  # a server's process; `ui` has a test below


def left_alone(folder):
    """No process of the command is left."""
    left = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("ZETA_TEST_OF") == str(folder):
                left.append(process)
    return not left


def whole(folder):
    """Every file of a known kind can be read, and no temporary one is left."""
    for path in folder.rglob("*"):
        if path.name in ("new.json", "champion.json"):
            RoutingPolicy.load(path)
        elif path.name == "new.parquet":
            pd.read_parquet(path)
    with History(folder / "h.db") as history:
        assert len(history.frame()) == 60


def copied(made, folder):
    for path in made.iterdir():
        target = folder / path.name
        if path.is_dir():
            target.mkdir()
            (target / "mlflow.db").write_bytes((path / "mlflow.db").read_bytes())
        else:
            target.write_bytes(path.read_bytes())
    (folder / "p2.json").write_text((made / "p.json").read_text())


@pytest.mark.parametrize("verb", COMMANDS)
def test_a_verb_that_is_stopped_says_one_line_and_leaves_nothing_half_written(verb, zygote, made, tmp_path):
    draw = random.Random(f"stop {verb}")
    stopped = 0
    for number in (signal.SIGINT, signal.SIGTERM):
        folder = tmp_path / verb / number.name
        folder.mkdir(parents=True)
        copied(made, folder)
        n = int(10 ** draw.uniform(2.5, 4.5))
        code, said, took = zygote.run(folder, COMMANDS[verb], n, number)
        if took is not None:
            stopped += 1
            assert code == 128 + number, said
            assert said.startswith("zeta: stopped; ") and said.count("\n") == 1, said
            assert took < WITHIN_S
        assert left_alone(folder)
        whole(folder)
    assert stopped or verb in ("rollback", "track")
    alone = verb in ("rollback", "track", "run")  # nothing is promoted or kept to be sent, and few queries are tuned on
    code, said, _ = zygote.run(folder, COMMANDS[verb], 0, 0)
    assert code == 0 or alone, said


def test_a_study_that_is_stopped_again_and_again_ends_with_all_its_trials(zygote, made, tmp_path):
    copied(made, tmp_path)
    words = ["tune", "o.parquet", "--out", "new.json", *QUICK, "--mlflow", "none", "--storage", "sqlite:///study.db"]
    draw, stopped = random.Random(5), 0
    for number in [signal.SIGINT, signal.SIGTERM] * 2:
        code, said, took = zygote.run(tmp_path, words, draw.randint(1_000, 90_000), number)
        if took is not None:
            assert code == 128 + number and took < WITHIN_S
            assert said in (
                "zeta: stopped; the trials so far are kept in the study; the same command goes on there\n",
                "zeta: stopped; nothing was begun\n",
            )
            stopped += 1
    assert stopped >= 3
    assert zygote.run(tmp_path, words, 0, signal.SIGINT)[:2] == (0, "")
    storage = f"sqlite:///{tmp_path}/study.db"
    (study,) = optuna.get_all_study_summaries(storage)
    trials = optuna.load_study(study_name=study.study_name, storage=storage).trials
    assert sum(t.state.name in ("COMPLETE", "PRUNED") for t in trials) == 8


TIMED = """
import os, sys, threading
from zeta_eval.cli import main
threading.Timer(float(sys.argv[1]), os.kill, (os.getpid(), int(sys.argv[2]))).start()
sys.argv = ["zeta", *sys.argv[3:]]
sys.exit(main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_within_imports_is_one_line_too(number, made):
    words = ["tune", made / "o.parquet", "--out", made / "never.json"]
    for delay_s in (0.1, 0.6):
        command = [sys.executable, "-c", TIMED, str(delay_s), str(int(number)), *map(str, words)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, preexec_fn=heed_signals)
        assert run.returncode == 128 + number and run.stdout == ""
        assert run.stderr.startswith("zeta: stopped; ") and run.stderr.count("\n") == 1


def test_what_is_ignored_stays_ignored(made):
    words = ["route", made / "p.json", "Add 1 and 2."]
    command = [sys.executable, "-c", TIMED, "0", str(int(signal.SIGHUP)), *map(str, words)]
    run = subprocess.run(["nohup", *command], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0 and run.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_page_ends_with_its_command(number, made, tmp_path, unused_port):
    storage = f"sqlite:///{tmp_path}/study.db"
    optuna.create_study(storage=storage)
    words = ["ui", "--optuna", storage, "--port", str(unused_port)]
    command = [sys.executable, "-m", "zeta_eval.cli", *words]
    env = os.environ | {"ZETA_TEST_OF": str(tmp_path)}
    with (tmp_path / "err").open("wb") as err:
        run = subprocess.Popen(command, env=env, stdout=err, stderr=err, preexec_fn=heed_signals)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{unused_port}/", timeout=5):
            break
        assert run.poll() is None
        time.sleep(0.1)
    servers = psutil.Process(run.pid).children(recursive=True)
    assert servers and not any("study.db" in word for server in servers for word in server.cmdline())
    run.send_signal(number)
    assert run.wait(20) == (-number if number == signal.SIGKILL else 128 + number)
    until = time.monotonic() + 20
    while not left_alone(tmp_path):
        assert time.monotonic() < until
        time.sleep(0.1)
    last = (tmp_path / "err").read_text().splitlines()[-1]
    assert (
        number == signal.SIGKILL
        or last == "zeta: stopped; all that the page shows is kept; the same command opens it again"
    )


STOPPED_TUNE = "no policy is written; with --storage sqlite:///study.db a search goes on where it stopped"


def read(fd, until=b"\0"):
    """What a terminal is sent up to some text, or to the end of the process."""
    sent = b""
    with suppress(OSError):  # nobody has the terminal any more
        while until not in sent and (more := os.read(fd, 4096)):
            sent += more
    return sent.decode()


def screen(text):
    """The lines that a terminal shows of what it was sent."""
    lines = []
    for line in text.split("\n"):
        shown = ""
        for part in line.split("\r"):
            shown = part + shown[len(part) :]
        lines.append(shown.rstrip())
    return [line for line in lines if line]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_line_of_a_search_that_is_stopped_is_cleared(number, made, tmp_path):
    words = ["tune", made / "o.parquet", "--out", tmp_path / "never.json", "--trials", "100000", "--mlflow", "none"]
    near, far = pty.openpty()
    fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = [sys.executable, "-m", "zeta_eval.cli", *map(str, words), "--estimator", "heuristic"]
    run = subprocess.Popen(command, stdin=far, stdout=far, stderr=far, preexec_fn=heed_signals)
    sent = read(near, b"trial ")
    os.write(far, b"^C")  # the echo of a terminal
    run.send_signal(number)
    os.close(far)
    sent += read(near)
    os.close(near)
    assert run.wait(20) == 128 + number
    assert screen(sent) == [f"zeta: stopped; {STOPPED_TUNE}"]


@pytest.mark.parametrize("to", ["2>&-", "2>/dev/full"])
def test_nobody_to_tell_costs_a_search_nothing(to, made, tmp_path):
    words = ["tune", made / "o.parquet", "--out", tmp_path / "new.json", "--mlflow", "none", *QUICK]
    line = shlex.join([sys.executable, "-m", "zeta_eval.cli", *map(str, words)])
    run = subprocess.run(["bash", "-c", f"{line} {to}"], capture_output=True, text=True, timeout=100)
    assert run.returncode == 0 and run.stdout.rstrip().endswith(f"Policy: {tmp_path / 'new.json'}")
    RoutingPolicy.load(tmp_path / "new.json")


@pytest.mark.parametrize("to", ["2>&-", "2>/dev/full"])
def test_nobody_to_tell_of_an_error_leaves_its_exit_code(to, tmp_path):
    words = ["tune", "none.parquet", "--out", str(tmp_path / "p.json")]
    line = shlex.join([sys.executable, "-m", "zeta_eval.cli", *words])
    run = subprocess.run(["bash", "-c", f"{line} {to}"], capture_output=True, text=True, timeout=100)
    assert (run.returncode, run.stdout) == (2, "")

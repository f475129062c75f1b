import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from zeta_eval.cli import main
from zeta_eval.exceptions import ZetaError
from zeta_eval.feedback import History
from zeta_eval.feedback.status import HistoryStatus
from zeta_eval.router import ZetaDynamicRouter

ROUTER = ZetaDynamicRouter()


def binaries():
    """Folder of the newest server's programs, None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
    own = found[-1] if found else shutil.which("postgres")
    return Path(own).resolve().parent if own else None


def account():
    """The account to run a server under, which root must not be; None keeps one's own."""
    return "postgres" if os.geteuid() == 0 else None


def missing():
    if binaries() is None:
        return "needs PostgreSQL's server binaries"
    try:
        if account():
            pwd.getpwnam(account())
    except KeyError:
        return "PostgreSQL's server does not run as root, and there is no account 'postgres'"
    return ""


pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


class Server:
    """A server of the test's own, on a socket in its folder."""

    def __init__(self, folder):
        self.folder, self.process = folder, None
        self.url = f"postgresql://zeta@/postgres?host={folder}"
        self.run("initdb", "-U", "zeta", "-A", "trust", "-N", "-D", folder / "data")

    def run(self, program, *args):
        command = [binaries() / program, *args]
        subprocess.run(command, user=account(), cwd=self.folder, check=True, capture_output=True, timeout=60)

    def start(self):
        settings = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={self.folder}", "-c", "fsync=off"]
        command = [binaries() / "postgres", "-D", self.folder / "data", *settings]
        log = (self.folder / "log").open("a")
        self.process = subprocess.Popen(command, user=account(), cwd=self.folder, stderr=log, stdout=log)
        log.close()
        ready = [binaries() / "pg_isready", "-h", self.folder, "-q"]
        deadline = time.monotonic() + 20
        while subprocess.run(ready, check=False).returncode != 0:
            if time.monotonic() > deadline:
                self.kill()
                raise TimeoutError((self.folder / "log").read_text())
            time.sleep(0.05)

    def kill(self):
        """Stop at once, as a crash does: nothing is finished, every connection breaks."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(20)


@pytest.fixture(scope="module")
def server():
    folder = Path(tempfile.mkdtemp(prefix="zeta-pg-", dir="/tmp"))
    if account():
        shutil.chown(folder, account())
    made = Server(folder)
    made.start()
    yield made
    if made.process.poll() is None:
        made.kill()
    shutil.rmtree(folder)


@pytest.fixture
def url(server):
    """A database of the test's own."""
    name = f"zeta{time.monotonic_ns()}"
    server.run("createdb", "-h", server.folder, "-U", "zeta", name)
    return server.url.replace("/postgres?", f"/{name}?")


def test_a_history_in_postgresql_holds_what_one_in_sqlite_does(url, tmp_path):
    frames, outcomes = [], []
    decision = ROUTER.route("What is 2 + 3?", task="sums")
    for place in (url, tmp_path / "h.db"):
        with History(place) as history:
            key = history.record(decision, "What is 2 + 3?\0 half \ud800", task="sums", gpu_s=0.25)
            history.feedback(key, right=True, by="ann")
            history.feedback(key, score=0.25, source="judge")
            history.feedback(text="elsewhere", size="4B", right=False)
            frames.append(history.frame().drop(columns=["decision_id", "created_at", "judged_at"]))
            outcomes.append(history.outcomes().frame.drop(columns=["run_id", "created_at"]))
            assert set(history.ratings()["source"]) == {"person", "judge"}
            assert "zeta_eval" not in repr(history) and "1 decisions, 3 feedbacks" in repr(history)
    assert frames[0].equals(frames[1]) and outcomes[0].equals(outcomes[1])


WRITER = """
import sys
from zeta_eval.feedback import History
from zeta_eval.router import ZetaDynamicRouter
router = ZetaDynamicRouter()
history = History(sys.argv[1])
for i in range(200):
    text = f"{sys.argv[2]} asks query {i}"
    key = history.record(router.route(text), text, task="sums")
    if i % 20 == 0:
        history.feedback(key, right=True, by=sys.argv[2])
print(history.lost)
"""


def test_four_processes_that_make_and_write_a_history_at_once_lose_no_event(url, tmp_path, capsys):
    command = [sys.executable, "-c", WRITER, url]
    writers = [subprocess.Popen([*command, str(n)], stdout=subprocess.PIPE, text=True) for n in range(4)]
    assert [w.communicate(timeout=60)[0] for w in writers] == ["0\n"] * 4
    with History(url) as history:
        status = HistoryStatus.of(history)
        assert (status.decisions, status.judged) == (800, 0.05)
    assert main(["history", "status", url]) == 0
    assert "800 decisions, 5.0% judged (by person 40)" in capsys.readouterr().out
    assert main(["history", "export", url, "--out", str(tmp_path / "judged.parquet")]) == 0


def test_a_killed_server_is_counted_and_warned_of_and_routing_goes_on(server, url, caplog):
    with History(url, capacity=5) as history:
        kept = history.record(ROUTER.route("before"), "before")
        history.feedback(kept, right=True)
        server.kill()
        for i in range(8):
            history.record(ROUTER.route("while"), f"while it is down {i}")
        history.flush()
        assert (history.lost, history.queued) == (3, 5)
        with pytest.raises(ZetaError, match="was not written to postgresql") as told:
            history.feedback(text="t", size="4B", right=True)
        assert "\n" not in str(told.value)
        with pytest.raises(ZetaError, match="can't be read"):
            history.frame()
        server.start()
        history.feedback(kept, right=False)
        history.flush()
        assert (history.lost, history.queued) == (3, 0)
        assert len(history.frame()) == 6 and history.frame()["score"].iloc[0] == 0
    assert sum("misses a write" in r.getMessage() for r in caplog.records) == 1


def test_a_server_that_is_not_there_is_one_clear_line(tmp_path):
    with pytest.raises(ZetaError, match="Can't open the history postgresql") as told:
        History(f"postgresql://zeta@/none?host={tmp_path}")
    assert "\n" not in str(told.value) and "***" not in str(told.value)

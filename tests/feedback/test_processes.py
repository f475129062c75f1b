import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from zeta_eval.feedback import History
from zeta_eval.router import ZetaDynamicRouter


def start(code, *args):
    return subprocess.Popen([sys.executable, "-c", code, *map(str, args)], stdout=subprocess.PIPE, text=True)


def counted(path, table):
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        return connection.execute(f"select count(*) from {table}").fetchone()[0]
    finally:
        connection.close()


WRITER = """
import sys
from zeta_eval.feedback import History
from zeta_eval.router import ZetaDynamicRouter
router = ZetaDynamicRouter()
history = History(sys.argv[1])
for i in range(300):
    text = f"{sys.argv[2]} asks query {i}"
    key = history.record(router.route(text), text)
    if i % 20 == 0:
        history.feedback(key, right=True, by=sys.argv[2])
print(history.lost)
"""


def test_eight_processes_that_make_and_write_a_store_at_once_lose_no_event(tmp_path):
    path = tmp_path / "h.db"
    writers = [start(WRITER, path, n) for n in range(8)]
    lost = [writer.communicate(timeout=60)[0] for writer in writers]
    assert [w.returncode for w in writers] == [0] * 8 and lost == ["0\n"] * 8
    assert (counted(path, "zeta_decisions"), counted(path, "zeta_feedback")) == (8 * 300, 8 * 15)
    with History(path) as history:
        frame = history.frame()
    assert frame["query"].nunique() == 8 * 300
    assert frame.groupby("given_by").size().to_dict() == {str(n): 15 for n in range(8)}


ENDLESS = """
import sys, itertools
from zeta_eval.feedback import History
from zeta_eval.router import ZetaDynamicRouter
router = ZetaDynamicRouter()
history = History(sys.argv[1])
for i in itertools.count(1):
    text = f"query {i}"
    key = history.record(router.route(text), text)
    if i % 25 == 0:
        history.feedback(key, right=True)
        print(i, flush=True)
"""


def test_killed_writers_lose_at_most_their_queue_and_break_nothing(tmp_path):
    path, chance = tmp_path / "h.db", random.Random(0)
    sure_decisions = sure_feedbacks = 0
    for _ in range(4):
        writer = start(ENDLESS, path)
        assert writer.stdout.readline() == "25\n"
        time.sleep(chance.uniform(0, 0.3))
        writer.send_signal(signal.SIGKILL)
        told = ["25", *writer.communicate()[0].split("\n")[:-1]]
        sure_decisions += int(told[-1])
        sure_feedbacks += len(told)
        decisions, feedbacks = counted(path, "zeta_decisions"), counted(path, "zeta_feedback")
        assert decisions >= sure_decisions and feedbacks >= sure_feedbacks
        sure_decisions, sure_feedbacks = decisions, feedbacks
    with History(path) as history:
        assert history.frame()["score"].sum() == feedbacks


FULL = """
import resource, sys
from zeta_eval.feedback import History
from zeta_eval.router import ZetaDynamicRouter
history = History(sys.argv[1], capacity=300)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
decision = ZetaDynamicRouter().route("text")
for _ in range(5):
    for i in range(200):
        history.record(decision, "a long text " * 20)
    history.flush()
history.close()
print(history.lost)
"""


def test_a_full_disk_is_counted_and_routing_goes_on(tmp_path):
    path = tmp_path / "h.db"
    writer = start(FULL, path)
    lost = int(writer.communicate(timeout=60)[0])
    assert writer.returncode == 0
    assert lost > 0 and counted(path, "zeta_decisions") + lost == 1000


UNCLOSED = """
import sys
from zeta_eval.feedback import History
from zeta_eval.router import ZetaDynamicRouter
history = History(sys.argv[1])
for i in range(5):
    history.record(ZetaDynamicRouter().route("text"), "text")
"""


def test_what_is_queued_is_written_when_python_exits(tmp_path):
    writer = start(UNCLOSED, tmp_path / "h.db")
    assert writer.communicate(timeout=30)[0] == "" and writer.returncode == 0
    assert counted(tmp_path / "h.db", "zeta_decisions") == 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_worker_writes_its_own_decisions_and_not_its_parents(tmp_path):
    decision = ZetaDynamicRouter().route("text")
    with History(tmp_path / "h.db") as history:
        history.record(decision, "written before")
        history.flush()
        history.record(decision, "queued while forking")

        def work():
            assert history._store._engine.pool.checkedin() == 0  # the parent's connections
            history.record(decision, "the child's")
            assert history.queued == 1
            deadline = time.monotonic() + 10
            while history.queued and time.monotonic() < deadline:
                time.sleep(0.01)
            assert history.queued == 0

        worker = multiprocessing.get_context("fork").Process(target=work)
        worker.start()
        worker.join(20)
        assert worker.exitcode == 0
        worker.close()
        assert sorted(history.frame()["query"]) == ["queued while forking", "the child's", "written before"]
        assert history.lost == 0

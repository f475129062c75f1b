"""Children that are forked while other threads are in the history, or in a rating: none hangs, nothing is doubled."""

import contextlib
import json
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from itertools import count
from pathlib import Path

import pytest

from zeta_eval.feedback import History
from zeta_eval.feedback.forking import Gate
from zeta_eval.feedback.online import Online
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.policy import RoutingPolicy

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

LIMIT_S = 40
"""A child that takes longer hangs."""

# A process of its own, since forks of a process with threads are what is tested: pytest's own threads play no part.
LOAD = """
import os, signal, sys, threading, time
from itertools import count
from zeta_eval.feedback import History
from zeta_eval.feedback.online import Online
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.policy import RoutingPolicy

url, forks = sys.argv[1], int(sys.argv[2])
policy = RoutingPolicy.seed()
online = Online(policy)
router, history = ZetaDynamicRouter(policy, online=online), History(url)
decision, over, recorded = router.route("Add 1 and 2."), threading.Event(), [0, 0]

def record():
    for i in count():
        if over.is_set(): return
        history.record(decision, f"parent {i}")
        recorded[0] += 1
        if i % 40 == 0: time.sleep(0.002)

def rate():
    key = history.record(decision, "rated")
    recorded[0] += 1
    while not over.is_set():
        history.feedback(key, right=True)
        recorded[1] += 1

def read():
    while not over.is_set():
        history._store.counts()

def learn():
    while not over.is_set():
        online.learn(decision, "7B", 1.0, source="scorer")
        online.observe("7B", 0.5)

threads = [threading.Thread(target=f) for f in (record, rate, read, learn, learn)]
for thread in threads: thread.start()
failed = []
for i in range(forks):
    if (pid := os.fork()) == 0:
        signal.alarm(int(sys.argv[3]))
        online.learn(decision, "7B", 1.0, source="scorer")
        key = history.record(decision, f"child {i}")
        history.feedback(key, right=True)
        assert history.lost == 0 and history.queued == 0
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status: failed.append(status)
over.set()
for thread in threads: thread.join()
history.close()
print(len(failed), history.lost, *recorded)
"""


def forked(url, forks):
    """Children that failed, decisions lost by the parent, and what it recorded: decisions and feedbacks."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOAD, *map(str, (url, forks, LIMIT_S))],
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return tuple(map(int, run.stdout.split()))


def stored(path):
    connection = sqlite3.connect(path)
    with contextlib.closing(connection):
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        queries = Counter(row[0] for row in connection.execute("select query from zeta_decisions"))
        feedbacks = connection.execute("select count(*) from zeta_feedback").fetchone()[0]
    return queries, feedbacks


@pytest.mark.parametrize("forks", [40, pytest.param(1000, marks=pytest.mark.slow)])
def test_no_child_hangs_and_every_decision_is_there_once(forks, tmp_path):
    failed, lost, decisions, feedbacks = forked(tmp_path / "h.db", forks)
    assert failed == 0
    queries, there = stored(tmp_path / "h.db")
    assert set(queries.values()) == {1}
    assert sum(q.startswith("child") for q in queries) == forks
    assert len(queries) == decisions + forks - lost and there == feedbacks + forks


def in_worker(path, n):
    with History(path) as history:
        decision = ZetaDynamicRouter().route("text")
        history.feedback(history.record(decision, f"worker {n}"), right=True)
        return history.lost


@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_workers_of_multiprocessing_write_beside_their_parent(way, tmp_path):
    path, decision = tmp_path / "h.db", ZetaDynamicRouter().route("text")
    with History(path) as history:
        history.record(decision, "parent")
        with multiprocessing.get_context(way).Pool(2) as pool:
            assert pool.starmap(in_worker, [(path, n) for n in range(8)]) == [0] * 8
            pool.close()
            pool.join()
    assert stored(path)[0] == Counter({f"worker {n}": 1 for n in range(8)} | {"parent": 1})


APP = """
import itertools, os, threading, time
from zeta_eval.feedback import History
from zeta_eval.feedback.online import Online
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.policy import RoutingPolicy

policy = RoutingPolicy.seed()
router, history = ZetaDynamicRouter(policy, online=Online(policy)), History(os.environ["HISTORY"])

def work():  # in the process that loads the application, while it forks its workers
    for i in range(2000):
        history.record(router.route("text"), f"preload {i}")
        if i % 20 == 0: time.sleep(0.01)

threading.Thread(target=work, daemon=True).start()

def app(environ, start_response):
    text = environ["PATH_INFO"]
    key = history.record(router.route(text), text)
    history.feedback(key, right=True)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""


def test_gunicorn_s_workers_of_a_preloaded_application_answer_and_write(tmp_path, unused_port):
    pytest.importorskip("gunicorn", reason="comes with MLflow")
    (tmp_path / "served.py").write_text(APP)
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "4", "--bind", f"127.0.0.1:{unused_port}"]
    env = os.environ | {"HISTORY": str(tmp_path / "h.db")}
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen([*command, "served:app"], cwd=tmp_path, env=env, stdout=log, stderr=log)
    try:
        workers = Counter(asked(f"http://127.0.0.1:{unused_port}/{i}") for i in range(120))
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0, (tmp_path / "log").read_text()
    queries, feedbacks = stored(tmp_path / "h.db")
    assert set(queries.values()) == {1} and feedbacks == 120 and len(workers) > 1
    assert {q for q in queries if q.startswith("/")} == {f"/{i}" for i in range(120)}


def asked(url):
    ends = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=LIMIT_S) as reply:
                return reply.read()
        except urllib.error.URLError as e:
            if not isinstance(e.reason, ConnectionRefusedError) or time.monotonic() > ends:
                raise
            time.sleep(0.1)


def test_a_fork_waits_for_threads_inside_and_holds_others_back():
    gate, said = Gate(), []
    inside, go = threading.Event(), threading.Event()

    def slow():
        with gate.entered():
            inside.set()
            go.wait(10)
            with gate.entered():  # enters again while the gate is shut
                said.append("slow")

    def late():
        with gate.entered():
            said.append("late")

    first = threading.Thread(target=slow)
    first.start()
    inside.wait(10)
    shut = threading.Thread(target=lambda: (gate._shut(), said.append("shut")))
    shut.start()
    while not gate._forking:
        time.sleep(0.01)
    second = threading.Thread(target=late)
    second.start()
    time.sleep(0.1)
    assert said == []
    go.set()
    shut.join(10)
    assert said == ["slow", "shut"]
    gate._open()
    second.join(10)
    first.join(10)
    assert said == ["slow", "shut", "late"]


def test_ratings_in_a_child_begin_from_the_parent_s_whole_state():
    policy = RoutingPolicy.seed()
    online = Online(policy)
    decision = ZetaDynamicRouter(policy).route("text")
    over = threading.Event()

    def learn():
        for _ in count():
            if over.is_set():
                return
            online.learn(decision, "7B", 1.0, source="scorer")

    def child(pipe):
        online.learn(decision, "7B", 0.0, source="scorer")
        pipe.send(json.dumps(online.status()))

    threads = [threading.Thread(target=learn) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(15):
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("fork").Process(target=child, args=(theirs,))
        process.start()
        assert ours.poll(LIMIT_S), "the child hangs"
        assert json.loads(ours.recv())["tasks"][""]["7B"]["ratings"] > 0
        process.join()
        for end in (ours, theirs, process):
            end.close()
    over.set()
    for thread in threads:
        thread.join()


def test_the_history_s_folder_holds_no_file_of_a_child(tmp_path):
    forked(tmp_path / "h.db", 3)
    assert {Path(p).name for p in tmp_path.iterdir()} <= {"h.db", "h.db-wal", "h.db-shm"}

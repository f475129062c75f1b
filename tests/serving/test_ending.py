"""A server that is told to stop says what it waits for and what is kept, and ends as other verbs do."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from running import EASY, SIZES, ladder, rung, soon
from scripted_server import ScriptedServer, chat
from signals import heed_signals

from zeta_eval.router.policy import RoutingPolicy

BODY = {"model": "zeta", "messages": [{"role": "user", "content": EASY}]}
WAITS = "zeta: stops; waits for 1 open request, at most 30 s (a second signal ends them)\n"
KEPT = "zeta: stopped; every decision is in h.db; the same command serves again\n"


@contextmanager
def command(folder, port, fleet, *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, first=heed_signals):
    """`zeta serve` as a process, and its address."""
    words = ["serve", "policy.json", "--ladder", fleet, "--port", str(port), "--history", "h.db", *words]
    process = subprocess.Popen(
        [sys.executable, "-m", "zeta_eval.cli", *words],
        cwd=folder,
        stdout=stdout,
        stderr=stderr,
        text=True,
        preexec_fn=first,
    )
    with process:
        try:
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def state(url):
    try:
        return httpx.get(f"{url}/health", trust_env=False).json()
    except httpx.HTTPError:
        return None


class Slow:
    """Answers once it may."""

    def __init__(self):
        self.asked, self.may = threading.Event(), threading.Event()

    def __call__(self, body, number):
        self.asked.set()
        self.may.wait(30)
        return 200, chat("late")


@pytest.fixture
def slow():
    return Slow()


@pytest.fixture
def fleet(tmp_path, slow):
    RoutingPolicy.seed(SIZES).save(tmp_path / "policy.json")
    with ScriptedServer(slow) as up:
        ladder(tmp_path / "fleet.toml", [rung(s, up.url) for s in SIZES])
        yield "fleet.toml"
        slow.may.set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_idle_server_ends_in_order_and_says_what_is_kept(tmp_path, fleet, unused_port, number):
    with command(tmp_path, unused_port, fleet, "--online", "taught") as (process, url):
        assert process.stdout.readline() == f"Serving: {url}/v1 (Ctrl-C stops it)\n"
        assert soon(lambda: state(url), 60)["status"] == "ok"
        process.send_signal(number)
        said = process.communicate(timeout=60)[1]
    taught = "every decision is in h.db; what ratings taught is in taught; the same command serves again"
    assert (process.returncode, said) == (128 + number, f"zeta: stopped; {taught}\n")


def test_open_requests_are_waited_for_and_that_is_said(tmp_path, fleet, unused_port, slow):
    with command(tmp_path, unused_port, fleet) as (process, url), ThreadPoolExecutor(1) as pool:
        soon(lambda: state(url), 60)
        answer = pool.submit(httpx.post, f"{url}/v1/chat/completions", json=BODY, trust_env=False, timeout=60)
        assert slow.asked.wait(30)
        process.send_signal(signal.SIGTERM)
        assert process.stderr.readline() == WAITS
        slow.may.set()
        assert answer.result().json()["choices"][0]["message"]["content"] == "late"
        assert (process.communicate(timeout=60)[1], process.returncode) == (KEPT, 143)


def test_a_second_signal_ends_open_requests_with_an_error(tmp_path, fleet, unused_port, slow):
    with command(tmp_path, unused_port, fleet) as (process, url), ThreadPoolExecutor(1) as pool:
        soon(lambda: state(url), 60)
        answer = pool.submit(httpx.post, f"{url}/v1/chat/completions", json=BODY, trust_env=False, timeout=60)
        assert slow.asked.wait(30)
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline() == WAITS
        process.send_signal(signal.SIGINT)
        assert answer.result().status_code == 503
        assert "The server stops" in answer.result().json()["error"]["message"]
        assert (process.communicate(timeout=60)[1], process.returncode) == (KEPT, 130)


def closed_outputs():
    heed_signals()
    os.close(1)
    os.close(2)


def test_outputs_that_cannot_be_written_change_neither_the_server_nor_its_exit_code(tmp_path, fleet, unused_port):
    (tmp_path / "full").symlink_to("/dev/full")
    with (tmp_path / "full").open("w") as full:
        for settings in ({"stdout": full, "stderr": full}, {"first": closed_outputs}):
            with command(tmp_path, unused_port, fleet, **settings) as (process, url):
                assert soon(lambda: state(url), 60)["status"] == "ok"
                process.send_signal(signal.SIGTERM)
                assert process.wait(60) == 143


HUGE = chat("x" * 20_000_000)


def test_a_second_signal_ends_an_answer_that_its_caller_does_not_take(tmp_path, unused_port):
    RoutingPolicy.seed(SIZES).save(tmp_path / "policy.json")
    with ScriptedServer(lambda body, n: (200, HUGE)) as up:
        ladder(tmp_path / "fleet.toml", [rung(s, up.url) for s in SIZES])
        with command(tmp_path, unused_port, "fleet.toml") as (process, url), socket.socket() as caller:
            soon(lambda: state(url), 60)
            caller.connect(("127.0.0.1", unused_port))
            body = json.dumps(BODY).encode()
            caller.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body))
            caller.sendall(body)
            assert caller.recv(12) == b"HTTP/1.1 200"
            process.send_signal(signal.SIGINT)
            assert process.stderr.readline() == WAITS
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=15)[1] == KEPT  # it would be 30 s
            assert process.returncode == 130


def test_a_second_signal_gives_up_a_history_that_another_process_holds_and_says_so(tmp_path, fleet, unused_port, slow):
    slow.may.set()
    with command(tmp_path, unused_port, fleet) as (process, url):
        soon(lambda: state(url), 60)
        other = sqlite3.connect(tmp_path / "h.db", isolation_level=None)
        other.execute("begin exclusive")
        assert httpx.post(f"{url}/v1/chat/completions", json=BODY, trust_env=False, timeout=60).status_code == 200
        process.send_signal(signal.SIGINT)
        waits = "zeta: stops; waits until 1 decision can be written to h.db (a second signal gives up)\n"
        assert process.stderr.readline() == waits
        process.send_signal(signal.SIGINT)
        lost = "zeta: stopped; 1 decision could not be written to h.db; the same command serves again\n"
        assert (process.communicate(timeout=15)[1], process.returncode) == (lost, 130)
        other.close()


def test_a_server_that_still_loads_weights_ends_at_once(tmp_path, unused_port):
    RoutingPolicy.seed(("17K", "45K", "456K")).save(tmp_path / "policy.json")
    with command(tmp_path, unused_port, "embedded") as (process, _):
        soon((tmp_path / "h.db").exists)  # the history is opened before the weights are loaded
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[1] == "zeta: stopped; nothing was served\n"
        assert process.returncode == 130


INTERRUPTED = """
import gc, os, signal
from zeta_eval.serving.ending import Ending
ending = Ending()
ending.begun = True

class Node:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        sum(range(100_000))  # the signal is heeded here, where what is raised is printed and forgotten

node = Node()
node.node = node
del node
gc.collect()
signal.pause()
"""


def test_a_signal_that_is_heeded_where_nothing_can_be_raised_ends_a_starting_server_all_the_same():
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=60, preexec_fn=heed_signals
    )
    assert (done.returncode, done.stderr) == (130, "zeta: stopped; nothing was served\n")

"""A server of this package in a thread, before scripted servers."""

import json
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import uvicorn

from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.serving.settings import ServeSettings
from zeta_eval.serving.starting import build, configured

SIZES = ("4B", "7B", "14B")
EASY = "What is the capital of France?"
HARD = "Prove that the square root of 2 is irrational, step by step."
"""Queries that the untuned policy sends to 7B and to 14B."""


def rung(size, url, **settings):
    return {"size": size, "model": f"model-{size}", "base_url": url, "retries": 0} | settings


def toml(value):
    """A value as TOML writes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    return json.dumps(value)


def ladder(path, rungs):
    """Write a ladder file."""
    tables = ["\n".join(["[[models]]", *(f"{k} = {toml(v)}" for k, v in each.items())]) for each in rungs]
    path.write_text("\n\n".join(tables), encoding="utf-8")
    return path


@dataclass
class Running:
    """A server that runs."""

    app: Any
    port: int
    folder: Path
    clients: ExitStack

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def client(self, key="none", **settings):
        made = openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, **settings)
        return self.clients.enter_context(made)

    def get(self, path, **settings):
        return httpx.get(self.url + path, trust_env=False, **settings)

    def post(self, path, body, **settings):
        return httpx.post(self.url + path, json=body, trust_env=False, timeout=30, **settings)

    def chat(self, text=EASY, model="zeta", **settings):
        return self.client().chat.completions.create(
            model=model, messages=[{"role": "user", "content": text}], **settings
        )

    def metric(self, line):
        """The value of a line of /metrics."""
        found = [x for x in self.get("/metrics").text.splitlines() if x.startswith(line + " ")]
        return float(found[0].rpartition(" ")[2]) if found else 0.0


@contextmanager
def running(folder, rungs, policy=None, *, named=None, **settings):
    """Serve rungs (a list of tables, or the name of a ladder) by a policy, the untuned one unless given.

    `named` is the name of a registered policy to serve in its place.
    """
    file = folder / "policy.json"
    if policy is not None or not file.exists():
        (policy or RoutingPolicy.seed(SIZES)).save(file)
    fleet = rungs if isinstance(rungs, str) else str(ladder(folder / "fleet.toml", rungs))
    settings = {"policy": named or str(file), "ladder": fleet, "reload_s": 0.05} | settings
    with ExitStack() as stack, socket.create_server(("127.0.0.1", 0)) as listener:
        app = build(ServeSettings(**settings), stack)
        server = uvicorn.Server(configured(app, stop_s=5))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            soon(lambda: server.started or not thread.is_alive(), 120)
            assert server.started, "the server did not start"
            with ExitStack() as clients:
                yield Running(app, listener.getsockname()[1], folder, clients)
        finally:
            server.should_exit = True
            thread.join()


def soon(true, within_s=30.0):
    """Wait until something is true."""
    ends_s = time.monotonic() + within_s
    while not (found := true()):
        assert time.monotonic() < ends_s, "it did not come true"
        time.sleep(0.01)
    return found

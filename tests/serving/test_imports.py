"""Serving files and servers loads none of the heavy packages."""

import json
import subprocess
import sys

from scripted_server import ScriptedServer, chat

HEAVY = ("torch", "transformers", "pandas", "numpy", "pyarrow", "mlflow", "optuna", "scipy", "datasets", "httpx")

SCRIPT = """
import asyncio, json, sys, threading, urllib.request
from contextlib import ExitStack
from pathlib import Path
import uvicorn
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.serving.settings import ServeSettings
from zeta_eval.serving.starting import build
import zeta_eval.serving.__main__

folder = Path(sys.argv[1])
RoutingPolicy.seed(("4B", "7B")).save(folder / "policy.json")
settings = ServeSettings(policy=str(folder / "policy.json"), ladder=str(folder / "fleet.toml"), port=0,
                         history=str(folder / "h.db"), shadow=str(folder / "policy.json"))
with ExitStack() as stack:
    app = build(settings, stack)
    sent = []
    async def turn():
        await app.started()
        async def receive():
            if sent: await asyncio.sleep(60)
            sent.append(1)
            body = {"model": "zeta", "messages": [{"role": "user", "content": "Hi there"}]}
            return {"type": "http.request", "body": json.dumps(body).encode()}
        got = []
        async def send(message): got.append(message)
        scope = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": []}
        await app(scope, receive, send)
        await app.stopped()
        return got
    got = asyncio.run(turn())
print(json.dumps([got[0]["status"], json.loads(got[1]["body"])["zeta"]["size"], sorted(sys.modules)]))
"""


def test_a_served_request_loads_no_heavy_package(tmp_path):
    with ScriptedServer(lambda body, n: (200, chat("hello"))) as up:
        rungs = "\n".join(f'[[models]]\nsize = "{s}"\nmodel = "m"\nbase_url = "{up.url}"' for s in ("4B", "7B"))
        (tmp_path / "fleet.toml").write_text(rungs)
        done = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=True)
    status, size, modules = json.loads(done.stdout)
    assert (status, size) == (200, "4B")
    assert [name for name in HEAVY if name in modules] == []

"""A process of LiteLLM's proxy, of an interpreter that has it: this one, or the one that ZETA_LITELLM_PYTHON names."""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

KEY = "sk-test"
START_S = 120
ROOT = Path(__file__).parents[2]


def python_with_litellm():
    """The interpreter; the test is skipped where there is none."""
    named = os.environ.get("ZETA_LITELLM_PYTHON")
    if named is None and importlib.util.find_spec("litellm") is None:
        pytest.skip("needs litellm[proxy] and sqlalchemy: set ZETA_LITELLM_PYTHON to an interpreter that has them")
    return named or sys.executable


class Proxy:
    """`litellm --config` on a free port, with this package on its path; `log` is a file."""

    def __init__(self, config, folder, **environment):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = folder / "proxy.log"
        (folder / "config.yaml").write_text(json.dumps(config))  # JSON is YAML
        command = [python_with_litellm(), "-c", "from litellm import run_server; run_server()"]
        command += ["--config", "config.yaml", "--host", "127.0.0.1", "--port", str(self.port)]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "LITELLM_LOCAL_MODEL_COST_MAP": "True", **environment}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)

    def wait(self):
        """Wait until it answers."""
        end = time.monotonic() + START_S
        while time.monotonic() < end and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/liveliness", timeout=1).close()
                return self
            except OSError:
                time.sleep(0.2)
        raise AssertionError(self.log.read_text()[-2000:])

    def ask(self, path, body):
        """The status, the headers and the text of the reply to a request."""
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return reply.status, reply.headers, reply.read().decode()
        except urllib.error.HTTPError as e:
            with e:
                return e.code, e.headers, e.read().decode()

    def chat(self, model, content, **more):
        """The same of a chat request."""
        messages = [{"role": "user", "content": content}]
        return self.ask("/v1/chat/completions", {"model": model, "messages": messages, **more})

    def stop(self):
        """End it, and wait."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def group(name, upstream, model):
    """A model group of the proxy with one deployment."""
    return {"model_name": name, "litellm_params": {"model": f"openai/{model}", "api_base": upstream, "api_key": "none"}}

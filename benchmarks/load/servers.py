"""Starts the servers under test, each in its own process, and says what processor time they have taken."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from load.client import KEY, Client, chat

SIZES = ("4B", "7B", "14B")
START_S = 120.0
UPSTREAM = Path(__file__).parent / "upstream.py"
RELAY = Path(__file__).parent / "relay.py"


class Server:
    """A process that answers at a port."""

    def __init__(self, name: str, process: subprocess.Popen[str], port: int, model: str) -> None:
        self.name, self.process, self.port, self.model = name, process, port, model
        """What a request names as the model stands in `model`."""

    def processor_s(self) -> float:
        """Processor time so far, in seconds, with that of the processes that it started."""
        own = psutil.Process(self.process.pid)
        return sum(sum(p.cpu_times()[:2]) for p in [own, *own.children(recursive=True)])

    def memory_mb(self) -> float:
        """Resident memory of the process, in 10^6 bytes."""
        return psutil.Process(self.process.pid).memory_info().rss / 1e6


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], log: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A process, ended with the block; what it says goes to the log."""
    with log.open("w") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=file, text=True, cwd=log.parent, env={**os.environ, **environment}
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


async def answers(port: int, model: str) -> bool:
    """Whether a server answers a chat request."""
    client = Client(port)
    reply = await client.ask(chat("Hi", model, stream=False))
    client.close()
    return reply.good


def started(server: Server, log: Path) -> Server:
    """Wait until a server answers; its log's end where it ends instead."""
    end = time.monotonic() + START_S
    while time.monotonic() < end and server.process.poll() is None:
        if asyncio.run(answers(server.port, server.model)):
            return server
        time.sleep(0.3)
    raise SystemExit(f"{server.name} does not answer: {log.read_text()[-3000:]}")


def upstream(stack: ExitStack, folder: Path, *options: str) -> Server:
    """The scripted upstream."""
    port, log = free_port(), folder / "upstream.log"
    command = [sys.executable, str(UPSTREAM), "--port", str(port), *options]
    return Server("direct", stack.enter_context(running(command, log)), port, "scripted")


def zeta(stack: ExitStack, folder: Path, policy: Path, sizes: tuple[str, ...], at: int, *options: str) -> Server:
    """`zeta serve` with a ladder whose sizes the upstream at a port answers."""
    rung = '[[models]]\nsize = "{}"\nmodel = "scripted"\nbase_url = "http://127.0.0.1:{}/v1"\nconcurrency = 256\n'
    (folder / "fleet.toml").write_text("\n".join(rung.format(size, at) for size in sizes))
    port, log = free_port(), folder / "zeta.log"
    command = [sys.executable, "-m", "zeta_eval.cli", "serve", str(policy), "--ladder", "fleet.toml"]
    process = stack.enter_context(running([*command, "--port", str(port), *options], log))
    return started(Server("zeta serve", process, port, "zeta"), log)


def relay(stack: ExitStack, folder: Path, at: int) -> Server:
    """A relay of uvicorn and aiohttp that only passes on what the upstream at a port is asked."""
    port, log = free_port(), folder / "relay.log"
    command = [sys.executable, str(RELAY), "--port", str(port)]
    command += ["--upstream", f"http://127.0.0.1:{at}/v1/chat/completions"]
    return started(Server("bare relay", stack.enter_context(running(command, log)), port, "scripted"), log)


def litellm(stack: ExitStack, folder: Path, python: str, at: int) -> Server:
    """LiteLLM's proxy with the group `scripted`, and its complexity router as the group `auto`."""
    base = {"api_base": f"http://127.0.0.1:{at}/v1", "api_key": "none", "model": "openai/scripted"}
    routed = {
        "model": "auto_router/complexity_router",
        "complexity_router_config": {"tiers": {t: "scripted" for t in ("SIMPLE", "MEDIUM", "COMPLEX", "REASONING")}},
        "complexity_router_default_model": "scripted",
    }
    config = {
        "model_list": [
            {"model_name": "scripted", "litellm_params": base},
            {"model_name": "auto", "litellm_params": routed},
        ],
        "general_settings": {"master_key": KEY},
    }
    (folder / "litellm.yaml").write_text(json.dumps(config))  # JSON is YAML
    port, log = free_port(), folder / "litellm.log"
    command = [python, "-c", "from litellm import run_server; run_server()", "--config", "litellm.yaml"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--telemetry", "False"]
    process = stack.enter_context(running(command, log, LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_LOG="ERROR"))
    return started(Server("LiteLLM", process, port, "scripted"), log)

"""A virtual environment with the wheel and a handful of packages serves requests, and stays small."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from running import SIZES, ladder, rung, soon
from scripted_server import ScriptedServer, chat

from zeta_eval.router.policy import RoutingPolicy

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
MOST_BYTES = 60_000_000


def documented():
    """The packages that docs/serving.md says to install beside the wheel."""
    page = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^pip install (aiohttp .*)$", page, re.MULTILINE)
    return line.split()


def pip(*words):
    done = subprocess.run([sys.executable, "-m", "pip", *words], capture_output=True, text=True)
    if done.returncode and "No matching distribution" in done.stderr + done.stdout:
        pytest.skip("no package index can be reached")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """The interpreter of an environment that was installed as the page says."""
    folder = tmp_path_factory.mktemp("slim")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    pip("wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    (wheel,) = folder.glob("zeta_eval-*.whl")
    pip("--python", str(python), "install", "--quiet", "--no-deps", str(wheel))
    pip("--python", str(python), "install", "--quiet", *documented())
    return python


def get(url, body=None):
    import httpx

    answer = httpx.get(url, trust_env=False) if body is None else httpx.post(url, json=body, trust_env=False)
    return answer.json()


def test_the_slim_install_holds_no_heavy_package_and_stays_below_60_mb(environment):
    (site,) = environment.parents[1].glob("lib/python*/site-packages")
    names = {path.name for path in site.iterdir()}
    assert not names & {"torch", "pandas", "numpy", "mlflow", "optuna", "transformers", "httpx"}
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    assert size < MOST_BYTES


@pytest.mark.parametrize("history", [False, True])
def test_the_slim_install_serves_requests_and_with_sqlalchemy_keeps_a_history(
    environment, tmp_path, unused_port, history
):
    if history:
        pip("--python", str(environment), "install", "--quiet", "sqlalchemy")
    RoutingPolicy.seed(SIZES).save(tmp_path / "policy.json")
    with ScriptedServer(lambda body, n: (200, chat(f"of {body['model']}"))) as up:
        ladder(tmp_path / "fleet.toml", [rung(s, up.url) for s in SIZES])
        words = ["serve", "policy.json", "--ladder", "fleet.toml", "--port", str(unused_port)]
        words += ["--history", "h.db"] if history else []
        command = [str(environment.with_name("zeta")), *words]
        env = {"PATH": "/usr/bin:/bin"}  # nothing of this repository is found
        process = subprocess.Popen(command, cwd=tmp_path, env=env)
        try:
            soon(lambda: _answers(f"http://127.0.0.1:{unused_port}/health"), 60)
            body = {"model": "zeta", "messages": [{"role": "user", "content": "What is the capital of France?"}]}
            answer = get(f"http://127.0.0.1:{unused_port}/v1/chat/completions", body)
            assert answer["choices"][0]["message"]["content"] == "of model-7B" and answer["zeta"]["size"] == "7B"
            if not history:
                return
            rated = get(f"http://127.0.0.1:{unused_port}/v1/feedback", {"id": answer["zeta"]["id"], "right": True})
            assert rated["object"] == "feedback"
        finally:
            process.terminate()
            assert process.wait(30) == 143


def _answers(url):
    import httpx

    try:
        return get(url)["status"] == "ok"
    except httpx.HTTPError:
        return False

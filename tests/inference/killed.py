"""Runs lines of a test file in a process of their own, which kills itself on the way."""

import subprocess
import sys
from pathlib import Path


def killed(test_file, lines, folder):
    """Run lines, in which the test file is `t` and the folder `out`, and see that they end by SIGKILL."""
    start = f"import sys; sys.path.insert(0, sys.argv[1]); import {Path(test_file).stem} as t; out = sys.argv[2]\n"
    command = [sys.executable, "-c", start + lines, str(Path(test_file).parent), str(folder)]
    assert subprocess.run(command, check=False).returncode == -9

"""Runs command lines in children that send themselves a signal at their n-th call of a Python function.

So any place may be hit, however fast the machine is, and again with the same n. What the verbs import is there already.
"""

import json
import subprocess
import sys
from pathlib import Path

CODE = """
import json, os, signal, sys, time
import accelerate, mlflow, optuna, optuna.storages, sklearn.linear_model, torch, transformers
import zeta_eval.api.pipeline, zeta_eval.api.whole_job, zeta_eval.api.versions, zeta_eval.cli.verbs
import zeta_eval.evaluation.versus, zeta_eval.feedback.history, zeta_eval.inference.run.runner, zeta_eval.tuning
import zeta_eval.tuning.study, zeta_eval.tracking.store, zeta_eval.inference.engine.transformers_engine
from zeta_eval.cli import main

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started without
torch.set_num_threads(1)
calls = 0

def signalled_at(n, number):
    def count(frame, event, arg):
        global calls
        if event == "call":
            calls += 1
            if calls == n:
                sys.setprofile(None)
                print(f"signalled {time.monotonic()}", file=told, flush=True)
                os.kill(os.getpid(), number)
    sys.setprofile(count)

for line in sys.stdin:
    folder, words, n, number = json.loads(line)
    if (pid := os.fork()) == 0:
        os.chdir(folder)
        os.environ["ZETA_TEST_OF"] = folder
        told = open("told", "w")
        for name, fd in (("out", 1), ("err", 2)):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), fd)
        sys.argv = ["zeta", *words]
        if n:
            signalled_at(n, number)
        code = main()
        sys.setprofile(None)
        if n < 0:
            print(f"counted {calls}", file=told, flush=True)
        sys.stdout.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), time.monotonic(), flush=True)
"""


class Zygote:
    """The process that has imported everything, and forks a child for each command line."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, folder: Path, words: list[object], n: int, number: int) -> tuple[int, str, float | None]:
        """Run a command in a folder.

        n is the call at which it signals itself; 0 for none, -1 to count them. Returns its exit code, what it said on
        standard error, and the seconds from the signal to its end (None where none was sent).
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(folder), [str(w) for w in words], n, int(number)]) + "\n")
        self._process.stdin.flush()
        code, ended = self._process.stdout.readline().split()
        told = (folder / "told").read_text().split()
        took = float(ended) - float(told[1]) if told[:1] == ["signalled"] else None
        return int(code), (folder / "err").read_text(), took

    def calls(self, folder: Path, words: list[object]) -> int:
        """Run a command to its end; the number of its calls of Python functions."""
        code, said, _ = self.run(folder, words, -1, 0)
        assert code == 0, said
        return int((folder / "told").read_text().split()[1])

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> "Zygote":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

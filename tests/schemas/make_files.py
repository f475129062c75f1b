"""Write small files of every kind with the package as it was at a commit, into tests/schemas/files.

python tests/schemas/make_files.py COMMIT NAME KIND     as `24c6ed4 policy-1 policy`

The files are kept, so that a release can be shown to read what earlier ones wrote, or to refuse it with a way out. What
a commit can't write is said, and left out.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

FILES = Path(__file__).with_name("files")

WRITERS = {
    "policy": """
try:
    from zeta_eval.router.policy import RoutingPolicy
except ImportError:
    from zeta_eval.policy import RoutingPolicy
RoutingPolicy.seed().save(out.with_suffix(".json"))
""",
    "learned": """
import sys
sys.path += ["tests", "tests/evaluation"]
import numpy as np
import random_policies
random_policies.policy(np.random.default_rng(4), "learned", cascades=True, contexts=True).save(out.with_suffix(".json"))
""",
    "online": """
try:
    from zeta_eval.router import RoutingPolicy, ZetaDynamicRouter
except ImportError:
    from zeta_eval import RoutingPolicy, ZetaDynamicRouter
from zeta_eval.feedback.online import Online
policy = RoutingPolicy.seed(("4B", "7B", "14B"))
online = Online(policy)
router = ZetaDynamicRouter(policy, online=online)
for _ in range(20):
    router.learn(router.route("Add 12 and 30.", task="sums"), "7B", score=0.0)
online.save(out.with_suffix(".json"))
""",
    "outcomes": """
from zeta_eval.testing import make_outcomes
make_outcomes(8, seed=1).save(out.with_suffix(".parquet"))
""",
    "journal": """
from zeta_eval.outcomes import Journal
row = {"task": "sums", "query": "1 + 1?", "score": 1.0, "response": "2", "error": None, "latency_s": 0.5}
row |= {"prompt_tokens": 5, "completion_tokens": 1, "run_id": "a", "created_at": "2026-11-23T00:00:00+00:00"}
with Journal(out) as journal:
    journal.append([row | {"query_id": f"sums:{i}", "model": m} for i in range(3) for m in ("4B", "7B")])
""",
    "history": """
import os
from zeta_eval import ZetaDynamicRouter
from zeta_eval.feedback import History
router = ZetaDynamicRouter()
with History(out.with_suffix(".db")) as history:
    for i in range(3):
        made = history.record(router.route(f"Add {i} and 2."), f"Add {i} and 2.")
        history.feedback(made, score=i / 2)
import sqlite3
with sqlite3.connect(out.with_suffix(".db")) as db:
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.execute("PRAGMA journal_mode=DELETE")
    db.execute("VACUUM")
""",
}
"""What writes a file of each kind, at `out` without its ending."""


def write(commit: str, name: str, kind: str) -> None:
    """Write a file with the package of a commit."""
    root = Path(__file__).parents[2]
    with tempfile.TemporaryDirectory() as temp:
        subprocess.run(["git", "worktree", "add", "--detach", "--quiet", temp, commit], cwd=root, check=True)
        try:
            code = f"from pathlib import Path\nout = Path({str(FILES / name)!r})\n{WRITERS[kind]}"
            made = subprocess.run(
                [sys.executable, "-c", code], cwd=temp, env={"PYTHONPATH": temp}, capture_output=True, text=True
            )
            sys.stdout.write(f"{name}: {'written' if made.returncode == 0 else made.stderr.strip().splitlines()[-1]}\n")
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", temp], cwd=root, check=True)


if __name__ == "__main__":
    write(*sys.argv[1:4])

"""The same bench by one process and by two with a device each: do the rows agree, and how much sooner is it done?

Skipped where there are no two devices; `--scale tiny` runs both processes on the processor.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import torch

from gpu.arguments import arguments
from zeta_eval.files import write_json

LIMITS = {"published": 200, "tiny": 6}
"""Queries per task."""
LADDER = """
[[models]]
size = "456K"
model = "{model}"
device_map = "{device}"
"""


def main() -> int:
    args = arguments(__doc__)
    if torch.cuda.device_count() < 2 and args.scale != "tiny":
        return 0
    device = "cuda" if torch.cuda.device_count() >= 2 else "cpu"
    seconds, tables = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ladder.toml"
        from zeta_eval.models import Ladder

        file.write_text(LADDER.format(model=Ladder.load("embedded").models[-1].model, device=device))
        for processes in (1, 2):
            out = Path(folder) / str(processes)
            launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
            bench = ["-m", "zeta_eval.cli", "bench", "--ladder", str(file), "--tasks", "add,sort,count"]
            bench += ["--limit", str(LIMITS[args.scale]), "--out", str(out), "--mlflow", "none"]
            start = time.perf_counter()
            subprocess.run([sys.executable, *launch, *bench], check=True)
            seconds[processes] = time.perf_counter() - start
            tables[processes] = pd.read_parquet(out / "outcomes.parquet").set_index(["query_id", "model"]).sort_index()
    same = tables[1]["response"] == tables[2]["response"]
    write_json(args.out, {"device": device, "rows": len(same), "same answer": float(same.mean()), "seconds": seconds})
    return int(len(tables[1]) != len(tables[2]))


if __name__ == "__main__":
    sys.exit(main())

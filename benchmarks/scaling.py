"""How time and memory of loading, replay and tuning grow with the number of queries.

    python benchmarks/scaling.py [--queries 10000 100000 1000000] [--trials 300] [--json FILE]

Every point runs in a process of its own, whose peak resident memory is what the operating system says at its end. The
tables are generated: texts of varied words (Zipf), some of which make a query hard, three sizes with answers, token
counts, costs and log-probabilities. Replay is of all queries, at 1,000 resamples, with every baseline that is offered.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from zeta_eval.files import write_json

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

SIZES = ("4B", "8B", "70B")
"""Names of the sizes, cheapest first."""

BLOCK = 50_000
"""Queries that are made at once."""

N_WORDS = 30_000
"""Words of the made-up language."""

GB = 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--queries", type=int, nargs="+", default=[10_000, 30_000, 100_000, 300_000, 1_000_000], help="sizes of tables"
    )
    parser.add_argument("--trials", type=int, default=300, help="trials of each search")
    parser.add_argument("--most-gb", type=float, default=12.0, help="address space at which a point fails")
    parser.add_argument("--json", type=Path, help="where to write the result")
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.stage:
        print(json.dumps(STAGES[args.stage](args.folder, args.queries[0], args.trials)))
        return
    points = []
    print(f"{'queries':>9}  {'stage':7}  {'load s':>7}  {'load GB':>7}  {'s':>8}  {'peak GB':>7}", flush=True)
    for n in args.queries:
        with TemporaryDirectory() as folder:
            run_stage("make", Path(folder), n, args)
            for stage in ("tune", "replay"):
                point = run_stage(stage, Path(folder), n, args)
                print(line(point), flush=True)
                points.append(point)
                if args.json:  # after each: the largest tables take long
                    write_json(args.json, record(points, args.trials))


def line(point: dict[str, Any]) -> str:
    """One line of the table."""
    numbers = (f"{point[k]:>{w}.2f}" for k, w in (("load_s", 7), ("load_gb", 7), ("seconds", 8), ("peak_gb", 7)))
    return f"{point['queries']:>9}  {point['stage']:7}  {'  '.join(numbers)}"


def record(points: list[dict[str, Any]], trials: int) -> dict[str, object]:
    """What is written: the points with how they were made."""
    return {
        "command": " ".join(["python", *sys.argv]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "sizes": SIZES,
        "trials": trials,
        "points": points,
    }


def run_stage(stage: str, folder: Path, n: int, args: argparse.Namespace) -> dict[str, Any]:
    """Run a stage in a process of its own.

    Raises:
        SystemExit: the stage failed, which is printed as it is.
    """
    command = [sys.executable, __file__, "--stage", stage, "--folder", str(folder), "--queries", str(n)]
    most = int(args.most_gb * GB)
    done = subprocess.run(
        [*command, "--trials", str(args.trials)],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most)),
    )
    if done.returncode:
        raise SystemExit(f"Stage '{stage}' of {n} queries failed; see above.")
    return {"queries": n, "stage": stage, **json.loads(done.stdout)}


def make(folder: Path, n: int, trials: int) -> dict[str, float]:
    """Write a table."""
    import pyarrow.parquet as pq

    blocks = tables(n)
    first = next(blocks)
    with pq.ParquetWriter(folder / "table.parquet", first.schema, compression="zstd") as file:
        file.write_table(first)
        for block in blocks:
            file.write_table(block)
    return {"peak_gb": peak_gb()}


def tune(folder: Path, n: int, trials: int) -> dict[str, float]:
    """Load the table and tune a policy on it."""
    from zeta_eval.outcomes import Outcomes
    from zeta_eval.tuning import TuningSettings
    from zeta_eval.tuning import tune as tune_policy

    started = time.perf_counter()
    outcomes = Outcomes.load(folder / "table.parquet")
    load_s, load_gb = time.perf_counter() - started, peak_gb()
    started = time.perf_counter()
    tune_policy(outcomes, TuningSettings(n_trials=trials)).policy.save(folder / "policy.json")
    return {"load_s": load_s, "load_gb": load_gb, "seconds": time.perf_counter() - started, "peak_gb": peak_gb()}


def replay(folder: Path, n: int, trials: int) -> dict[str, float]:
    """Load the table and replay the tuned policy on all of its queries."""
    from zeta_eval.evaluation.replay import replay as replay_policy
    from zeta_eval.outcomes import Outcomes
    from zeta_eval.router.policy import RoutingPolicy

    started = time.perf_counter()
    outcomes = Outcomes.load(folder / "table.parquet")
    load_s, load_gb = time.perf_counter() - started, peak_gb()
    started = time.perf_counter()
    report = replay_policy(RoutingPolicy.load(folder / "policy.json"), outcomes, split="all")
    assert report.n == n
    return {"load_s": load_s, "load_gb": load_gb, "seconds": time.perf_counter() - started, "peak_gb": peak_gb()}


STAGES = {"make": make, "tune": tune, "replay": replay}
"""What a process of its own does."""


def peak_gb() -> float:
    """Most resident memory of this process so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GB


@dataclass(frozen=True)
class Language:
    """Made-up words and what they say about the difficulty of a text that has them."""

    words: list[str]
    """Shape (N_WORDS,), the most frequent first."""
    share: np.ndarray
    """How often each occurs, cumulated; shape (N_WORDS,)."""
    weight: np.ndarray
    """How much harder each makes a text; shape (N_WORDS,)."""

    @classmethod
    def of(cls, rng: np.random.Generator) -> Language:
        """Make words of two to four syllables, with frequencies by Zipf's law."""
        import numpy as np

        syllables = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "is")]
        words: dict[str, None] = {}
        while len(words) < N_WORDS:
            words["".join(rng.choice(syllables, rng.integers(2, 5)))] = None
        share = 1 / (10 + np.arange(N_WORDS))
        return cls(list(words), np.cumsum(share) / share.sum(), rng.normal(0, 1, N_WORDS))

    def texts(self, rng: np.random.Generator, lengths: np.ndarray) -> tuple[list[str], np.ndarray]:
        """Draw texts of so many words; return them and their mean weights, (Q,)."""
        import numpy as np

        drawn = np.searchsorted(self.share, rng.random(int(lengths.sum())))
        ends = np.cumsum(lengths)
        words = [self.words[i] for i in drawn.tolist()]
        texts = [" ".join(words[a:b]) for a, b in zip((ends - lengths).tolist(), ends.tolist(), strict=True)]
        return texts, np.add.reduceat(self.weight[drawn], ends - lengths) / lengths


def tables(n: int, seed: int = 0) -> Iterator[pa.Table]:
    """Make the table in blocks of complete queries."""
    import numpy as np

    rng = np.random.default_rng(seed)
    language = Language.of(rng)
    for start in range(0, n, BLOCK):
        yield _block(language, rng, np.arange(start, min(n, start + BLOCK)))


def _block(language: Language, rng: np.random.Generator, ids: np.ndarray) -> pa.Table:
    """Make some queries on every size."""
    import pyarrow as pa

    q, lengths = len(ids), rng.lognormal(3.2, 0.6, len(ids)).astype(int) + 3
    texts, weight = language.texts(rng, lengths)
    task = rng.integers(0, 20, q)
    numbers = rng.integers(1, 10_000, q).tolist()
    queries = [f"{text}, {number} times?" for text, number in zip(texts, numbers, strict=True)]
    difficulty = 4 * weight + (task - 9.5) / 10 + 0.02 * (lengths - 25) + rng.normal(0, 0.7, q)
    shared = {
        "task": pa.array([f"task {t}" for t in task.tolist()]),
        "query_id": pa.array([f"made/{i}" for i in ids.tolist()]),
        "query": pa.array(queries),
    }
    return pa.concat_tables(
        pa.table(shared | _answers(language, rng, m, difficulty, lengths, numbers)) for m in range(len(SIZES))
    )


def _answers(
    language: Language, rng: np.random.Generator, m: int, difficulty: np.ndarray, lengths: np.ndarray, truth: list[int]
) -> dict[str, Any]:
    """Make one size's outcomes on some queries."""
    import numpy as np

    q, margin = len(difficulty), 1.2 * m - 0.6 - difficulty
    right = rng.random(q) < 1 / (1 + np.exp(-2 * margin))
    written = rng.integers(8, 40, q)
    wrong = rng.integers(1, 10_000, q).tolist()
    ends = [t if r else w for t, r, w in zip(truth, right.tolist(), wrong, strict=True)]
    reasons, _ = language.texts(rng, written)
    confidence = 1 / (1 + np.exp(-(margin + np.where(right, 1.5, -1.5) + rng.normal(0, 1, q))))
    seconds = (0.02, 0.05, 0.4)[m] * (0.5 + 0.01 * lengths + 0.1 * written)
    return {
        "model": [SIZES[m]] * q,
        "score": right.astype(float),
        "response": [f"{text}. The answer is {end}." for text, end in zip(reasons, ends, strict=True)],
        "prompt_tokens": 4 * lengths // 3,
        "completion_tokens": written,
        "latency_s": seconds,
        "gpu_s": seconds / 8,
        "mean_logprob": np.log(confidence) / 4,
        "min_logprob": np.log(confidence),
    }


if __name__ == "__main__":
    main()

"""Kills commands (`kill -9`) at random moments, starts them again, and counts what is lost, doubled or half-written.

    python benchmarks/kills.py            # 66 kills, a line per verb
    python benchmarks/kills.py --short    # a kill of each verb that runs in one process

A verb is killed at a call of a Python function that is drawn from all that it makes (seed 0), then run to its end, and
what it leaves is compared with what is left without a kill.
"""

import argparse
import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_server

import optuna
import pandas as pd
import psutil
from zygote import Zygote

from zeta_eval.exceptions import PolicyError
from zeta_eval.feedback import History
from zeta_eval.outcomes import Outcomes
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.testing import make_outcomes
from zeta_eval.tracking import MlflowTracker, create_store

QUICK = ["--trials", "8", "--estimator", "heuristic", "--mlflow", "none"]
BENCH = ["bench", "--tasks", "add,copy", "--limit", "8", "--batch-size", "4", "--mlflow", "none", "--out", "b"]
SAME = ["task", "query_id", "model", "score", "response", "error", "completion_tokens"]


@dataclass
class Count:
    """What the kills of a verb did."""

    kills: int = 0
    lost: int = 0
    doubled: int = 0
    half: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.half)


def prepare(folder: Path) -> Path:
    """Make all that verbs read: a table, two policies, a history, a store with two versions."""
    folder.mkdir(parents=True)
    make_outcomes(240, seed=1).save(folder / "o.parquet")
    seed = RoutingPolicy.seed()
    seed.save(folder / "p1.json")
    replace(seed, cost_weight=1.0).save(folder / "p2.json")
    with History(folder / "h.db") as history:
        router = ZetaDynamicRouter(seed)
        for i in range(60):
            history.feedback(history.record(router.route(f"Add {i} and 1."), f"Add {i} and 1."), right=i % 3 > 0)
    (folder / "mlruns").mkdir()
    create_store(folder / "mlruns" / "mlflow.db")
    return folder


def killed(zygote: Zygote, folder: Path, words: list[object], calls: int, draw: random.Random) -> bool:
    """Kill a command at a call below `calls`; whether it was."""
    code, said, _ = zygote.run(folder, words, draw.randint(1, calls), signal.SIGKILL)
    assert code in (0, -signal.SIGKILL), said
    return code != 0


def rows(folder: Path) -> tuple[pd.DataFrame, int]:
    """Rows of a benchmark without what differs from run to run, and how many are there twice."""
    frame = Outcomes.load(folder / "b").frame
    lines = [json.loads(line) for line in (folder / "b" / "rows.jsonl").read_text().splitlines()]
    twice = len(lines) - len({(r["query_id"], r["model"]) for r in lines})
    return frame[SAME].sort_values(["model", "query_id"], ignore_index=True), twice


def bench(zygote: Zygote, made: Path, kills: int, draw: random.Random, ladder: str = "embedded") -> Count:
    """A benchmark, killed some times before it gets to its end, several times over."""
    count, words = Count(), [*BENCH, "--ladder", ladder]
    whole = made.parent / f"{made.name}-whole"
    whole.mkdir()
    calls = zygote.calls(whole, words)
    wanted, _ = rows(whole)
    while count.kills < kills:
        shutil.rmtree(made / "b", ignore_errors=True)
        for _ in range(min(3, kills - count.kills)):
            count.kills += killed(zygote, made, words, calls, draw)
        assert zygote.run(made, words, 0, 0)[0] == 0
        found, twice = rows(made)
        count.lost += max(0, len(wanted) - len(found))
        count.doubled += twice
        count.half += int(not found.equals(wanted))
    return count


class Upstream(BaseHTTPRequestHandler):
    """Answers every query with its length."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.reply({"data": [{"id": "m"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = str(len(body["messages"][-1]["content"]))
        usage = {"prompt_tokens": 3, "completion_tokens": 1}
        self.reply({"choices": [{"index": 0, "message": {"content": text}, "finish_reason": "stop"}], "usage": usage})

    def reply(self, data: object) -> None:
        content = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def upstream(folder: Path) -> Iterator[str]:
    """A ladder of a server that answers while the body runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    path = folder / "served.toml"
    rungs = [
        f'[[models]]\nsize = "{s}"\nmodel = "m"\nbase_url = "http://127.0.0.1:{server.server_port}/v1"' for s in "AB"
    ]
    path.write_text("\n".join(rungs))
    yield str(path)
    server.shutdown()
    server.server_close()


def bench_served(zygote: Zygote, made: Path, kills: int, draw: random.Random) -> Count:
    """The same with rungs behind a server."""
    with upstream(made) as ladder:
        return bench(zygote, made, kills, draw, ladder)


def bench_two(zygote: Zygote, made: Path, kills: int, draw: random.Random) -> Count:
    """The same in two processes, of which one or both are killed."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*launch, "-m", "zeta_eval.cli", *BENCH, "--ladder", "embedded"]
    count, wanted = Count(), None
    while wanted is None or count.kills < kills:
        shutil.rmtree(made / "b", ignore_errors=True)
        for _ in range(0 if wanted is None else min(3, kills - count.kills)):
            count.kills += _kill_one(command, made, draw)
        done = subprocess.run(command, cwd=made, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found, twice = rows(made)
        wanted = found if wanted is None else wanted
        count.lost += max(0, len(wanted) - len(found))
        count.doubled += twice
        count.half += int(not found.equals(wanted))
    return count


def _kill_one(command: list[str], folder: Path, draw: random.Random) -> int:
    """Start two processes, and kill one at a random row of the journal; whether that came to pass."""
    journal = folder / "b" / "rows.jsonl"
    size = journal.stat().st_size if journal.exists() else 0
    target = size + draw.randint(0, 4000)
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        while run.poll() is None and not (journal.exists() and journal.stat().st_size > target):
            time.sleep(0.005)
        workers = (
            [c for c in psutil.Process(run.pid).children() if "zeta_eval.cli" in c.cmdline()]
            if run.poll() is None
            else []
        )
        if workers:
            draw.choice(workers).kill()
    return int(bool(workers))


def tune(zygote: Zygote, made: Path, kills: int, draw: random.Random) -> Count:
    """A search in a storage: every trial that ended is kept, and the policy is whole or not there."""
    words = ["tune", "o.parquet", "--out", "new.json", *QUICK, "--storage", "sqlite:///study.db"]
    calls = zygote.calls(made, words)
    count = Count()
    while count.kills < kills:
        for path in (*made.glob("study.db*"), made / "new.json"):
            path.unlink(missing_ok=True)
        before = 0
        for _ in range(min(3, kills - count.kills)):
            count.kills += killed(zygote, made, words, calls, draw)
            count.half += _half_policy(made / "new.json")
            ended = _ended(made / "study.db")
            count.lost += int(ended < before)
            before = ended
        assert zygote.run(made, words, 0, 0)[0] == 0
        count.doubled += max(0, _ended(made / "study.db") - 8)
        count.lost += max(0, 8 - _ended(made / "study.db"))
    return count


def _ended(file: Path) -> int:
    """Trials of a study that ran to their end."""
    if not file.exists():
        return 0
    try:
        studies = optuna.get_all_study_summaries(f"sqlite:///{file}")
    except Exception:  # killed while the storage was made
        return 0
    found = [optuna.load_study(study_name=s.study_name, storage=f"sqlite:///{file}") for s in studies]
    return sum(t.state.name in ("COMPLETE", "PRUNED") for study in found for t in study.trials)


def _half_policy(path: Path) -> int:
    """1 where a policy file is there and can't be read."""
    try:
        if path.exists():
            RoutingPolicy.load(path)
    except PolicyError:
        return 1
    return 0


def learn(zygote: Zygote, made: Path, kills: int, draw: random.Random) -> Count:
    """Learning: the history stays, and the new policy is whole or not there."""
    words = ["learn", "p1.json", "h.db", "--outcomes", "o.parquet", "--out", "new.json", "--force", *QUICK]
    calls, count = zygote.calls(made, words), Count()
    wanted = RoutingPolicy.load(made / "new.json").checksum
    while count.kills < kills:
        (made / "new.json").unlink(missing_ok=True)
        count.kills += killed(zygote, made, words, calls, draw)
        count.half += _half_policy(made / "new.json")
        count.lost += 60 - _decisions(made / "h.db")
    assert zygote.run(made, words, 0, 0)[0] == 0
    count.half += int(RoutingPolicy.load(made / "new.json").checksum != wanted)
    return count


def learn_registered(zygote: Zygote, made: Path, kills: int, draw: random.Random) -> Count:
    """Learning that registers its version: every version is whole, and the champion is the old one or the new one."""
    quick = [word for word in QUICK if word not in ("--mlflow", "none")]
    words = ["learn", "p1.json", "h.db", "--outcomes", "o.parquet", "--out", "new.json", "--force", *quick]
    assert zygote.run(made, ["promote", "p1.json"], 0, 0)[0] == 0
    whole = Path(shutil.copytree(made, made.parent / f"{made.name}-whole"))
    calls, count = zygote.calls(whole, words), Count()
    old, new = (RoutingPolicy.load(whole / name).checksum for name in ("p1.json", "new.json"))
    number = 0
    while count.kills < kills:
        number += 1
        folder = Path(shutil.copytree(made, made.parent / f"{made.name}-{number}"))  # MLflow keeps its databases open
        count.kills += killed(zygote, folder, words, calls, draw)
        found, champion = _versions(folder)
        count.half += sum(checksum is None for checksum in found)
        count.lost += int(champion not in (old, new) or old not in found)
        count.doubled += max(0, len(found) - 2)
        assert zygote.run(folder, words, 0, 0)[0] == 0
        assert zygote.run(folder, ["track"], 0, 0)[0] == 0  # sends what the killed one kept
        found, champion = _versions(folder)
        count.half += sum(checksum is None for checksum in found)
        count.lost += int(champion != new)
        count.doubled += max(0, found.count(old) - 1)
    return count


def _versions(folder: Path) -> tuple[list[str | None], str | None]:
    """Checksum of every registered version, None of one that can't be loaded; and that of the champion."""
    registry = MlflowTracker(f"sqlite:///{folder}/mlruns/mlflow.db", folder / "mlruns" / "artifacts").registry

    def checksum(version: str) -> str | None:
        try:
            return registry.load(version).checksum
        except PolicyError:
            return None

    return [checksum(version) for version in registry.versions()], checksum("champion")


def history(zygote: Zygote, made: Path, kills: int, draw: random.Random) -> Count:
    """An export: the table is whole or not there, and the history stays."""
    words = ["history", "export", "h.db", "--out", "new.parquet"]
    calls, count = zygote.calls(made, words), Count()
    wanted = len(pd.read_parquet(made / "new.parquet"))
    while count.kills < kills:
        (made / "new.parquet").unlink(missing_ok=True)
        count.kills += killed(zygote, made, words, calls, draw)
        if (made / "new.parquet").exists():
            count.half += int(len(pd.read_parquet(made / "new.parquet")) != wanted)
        count.lost += 60 - _decisions(made / "h.db")
    return count


def _decisions(file: Path) -> int:
    """Decisions of a sound history."""
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        return int(connection.execute("select count(*) from zeta_decisions").fetchone()[0])


def promote(zygote: Zygote, made: Path, kills: int, draw: random.Random, verb: str = "promote") -> Count:
    """Promotions: one version is champion at any moment, and the file that is written is a version's, byte for byte."""
    count = Count()
    for policy in ("p1.json", "p2.json"):
        assert zygote.run(made, ["promote", policy], 0, 0)[0] == 0
    words: list[object] = (
        ["promote", "1", "--out", "champion.json"] if verb == "promote" else ["rollback", "--out", "champion.json"]
    )
    back: list[object] = ["promote", "2"]
    calls = zygote.calls(made, words)
    contents = [(made / name).read_bytes() for name in ("p1.json", "p2.json")]
    while count.kills < kills:
        assert zygote.run(made, back, 0, 0)[0] == 0
        (made / "champion.json").unlink(missing_ok=True)
        count.kills += killed(zygote, made, words, calls, draw)
        registry = MlflowTracker(f"sqlite:///{made}/mlruns/mlflow.db", made / "mlruns" / "artifacts").registry
        champion = registry.load("models:/ZetaDynamicRouter@champion").checksum
        count.lost += int(champion not in {RoutingPolicy.load(made / n).checksum for n in ("p1.json", "p2.json")})
        versions = registry.client.search_model_versions("name='ZetaDynamicRouter'")
        count.doubled += max(0, len(versions) - 2)
        if (made / "champion.json").exists():
            count.half += int((made / "champion.json").read_bytes() not in contents)
    return count


def rollback(zygote: Zygote, made: Path, kills: int, draw: random.Random) -> Count:
    """The same for taking one back."""
    return promote(zygote, made, kills, draw, "rollback")


def serve(zygote: Zygote, made: Path, kills: int, draw: random.Random) -> Count:
    """A server: feedback that was taken is in the history, no decision is there twice, and it starts again."""
    count = Count()
    with upstream(made) as ladder:
        RoutingPolicy.seed(("A", "B")).save(made / "ab.json")
        taken = 0
        for _ in range(kills + 1):
            with create_server(("127.0.0.1", 0)) as probe:
                port = probe.getsockname()[1]
            words = ["serve", "ab.json", "--ladder", ladder, "--port", str(port), "--history", "s.db"]
            command = [sys.executable, "-m", "zeta_eval.cli", *words]
            with subprocess.Popen(command, cwd=made, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
                try:
                    taken += _asked(f"http://127.0.0.1:{port}", run, draw.uniform(0.3, 2.0))
                finally:
                    run.kill()
            count.kills += 1
            with closing(sqlite3.connect(made / "s.db")) as connection:
                assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
                there = connection.execute("select count(*) from zeta_feedback").fetchone()[0]
                ids = Counter(row[0] for row in connection.execute("select id from zeta_decisions"))
            count.lost += max(0, taken - there)
            count.doubled += sum(n - 1 for n in ids.values())
    count.kills -= 1
    count.notes.append(f"{taken} feedbacks taken")
    return count


def _asked(url: str, run: "subprocess.Popen[bytes]", seconds: float) -> int:
    """Ask and rate for some seconds from when the server answers; how many ratings were taken."""
    ends = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{url}/v1/models", timeout=5).close()
            break
        except OSError:
            assert run.poll() is None and time.monotonic() < ends, "the server does not start"
            time.sleep(0.1)
    ends, taken = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        text = f"What is {taken} and 1?"
        body = {"model": "zeta", "messages": [{"role": "user", "content": text}]}
        decision = _posted(f"{url}/v1/chat/completions", body)
        _posted(f"{url}/v1/feedback", {"id": decision, "right": True})
        taken += 1
    return taken


def _posted(url: str, body: object) -> str | None:
    """Post a body; the id of the decision that the answer names."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as reply:
        reply.read()
        return reply.headers.get("x-zeta-decision-id")


KILLS: dict[str, tuple[Callable[[Zygote, Path, int, random.Random], Count], int]] = {
    "bench, local": (bench, 12),
    "bench, two processes": (bench_two, 6),
    "bench, served": (bench_served, 9),
    "tune --storage": (tune, 9),
    "learn": (learn, 6),
    "learn, registered": (learn_registered, 6),
    "promote": (promote, 6),
    "rollback": (rollback, 3),
    "history export": (history, 3),
    "serve": (serve, 6),
}
"""Each verb's kills, and how many."""


def run(names: list[str], folder: Path, kills: int | None = None) -> Iterator[tuple[str, Count]]:
    """Kill each verb so often, or as often as `KILLS` says."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    template = prepare(folder / "template")
    with Zygote() as zygote:
        for name in names:
            made = folder / name.replace(" ", "-").replace(",", "")
            shutil.copytree(template, made)
            kill, usual = KILLS[name]
            yield name, kill(zygote, made, usual if kills is None else kills, random.Random(f"kill {name}"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("names", nargs="*", default=[*KILLS])
    given = parser.parse_args()
    print("| verb | kills | lost | doubled | half-written |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temp:
        for name, c in run(given.names, Path(temp), 1 if given.short else None):
            print(f"| {name} | {c.kills} | {c.lost} | {c.doubled} | {c.half} | {'; '.join(c.notes)}", flush=True)

"""A benchmark in several processes, for tests that trouble it."""

import multiprocessing
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from zeta_eval.exceptions import GenerationError, ZetaError
from zeta_eval.inference.run import distributed, launch
from zeta_eval.inference.run.runner import run
from zeta_eval.models import GenerateConfig, Ladder, ModelSpec
from zeta_eval.tasks import Query, Score
from zeta_eval.testing import ScriptedGenerator

LADDER = Ladder(name="two", models=tuple(ModelSpec(size=s, model=s) for s in ("1B", "9B")), max_new_tokens=8)
GROWN = Ladder(name="three", models=tuple(ModelSpec(size=s, model=s) for s in ("1B", "4B", "9B")), max_new_tokens=8)
QUERIES = [
    Query(query_id=f"q/{i}", task="spell", dataset="made", prompt=f"spell {'word ' * (i % 7)}{i}", target=str(i))
    for i in range(60)
]

# Processes start in no time from one that has imported everything.
os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "FATAL")  # as a launched process has it before it imports torch
FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload(
    ["zeta_eval.inference.run.runner", "zeta_eval.testing", "torch.distributed.rendezvous"]
)


class Troubled(ScriptedGenerator):
    """Answers by its script at a pace, until it meets its trouble."""

    pace_s = 0.0
    call = 0
    failure = ""

    def generate(self, prompts, config):
        time.sleep(self.pace_s)
        if self.failure and self.calls + 1 == self.call:
            if self.failure in ("kill", "stop"):
                os.kill(os.getpid(), signal.SIGKILL if self.failure == "kill" else signal.SIGSTOP)
            raise GenerationError(self.failure)
        return super().generate(prompts, config)


def answer(prompt):
    return prompt.removeprefix("spell ").strip()


def score(query, text):
    return Score(float(len(text) % 3 > 0))


def scripted(out, *, ladder=LADDER, limit=8, retry="", pace_s=0.0, call=0, failure="", extra=0):
    def engine(spec):
        made = Troubled(spec.size, answer)
        made.pace_s = pace_s
        if spec.size == ladder.sizes[1]:
            made.call, made.failure = call, failure
        return made

    more = [Query(query_id="more", task="spell", dataset="made", prompt="spell more", target="")] * extra
    return run(
        ladder,
        [*QUERIES, *more],
        score,
        out=out,
        config=GenerateConfig(max_new_tokens=limit, batch_size=4),
        retry=retry or (),
        latency_sample=4,
        generators=engine,
        progress=False,
    )


@dataclass(kw_only=True)
class Trouble:
    """What happens to a benchmark in several processes."""

    rank: int = 1
    """The process that has it."""
    failure: str = ""
    """"kill", "stop", or the text of an error."""
    call: int = 0
    """On which call of the second size's engine it fails."""
    pace_s: float = 0.0
    """How long a batch takes, in seconds; for all processes."""
    silent_s: float = 60.0
    """After how much silence a process counts as dead, in seconds; for all processes."""
    ladder: Ladder = LADDER
    """The ladder; for all processes."""
    limit: int = 8
    """Longest answer in tokens; for all processes."""
    retry: str = ""
    """Kinds of rows that are asked again; for all processes."""
    extra: int = 0
    """Queries that only this process has."""


class Launched:
    """The benchmark in several processes; a store in this process, as launchers have one, but nobody ends them."""

    def __init__(self, out, *, processes=2, **trouble):
        from torch.distributed import TCPStore

        self.said = Path(f"{out}.said")
        self.said.write_text("")
        self.store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        place = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(self.store.port)}
        place["TORCHELASTIC_USE_AGENT_STORE"] = "True"
        self.processes = []
        for rank in range(processes):
            args = (Path(out), self.said, {**place, "RANK": str(rank)}, Trouble(**trouble))
            self.processes.append(FORKSERVER.Process(target=_main, args=args, daemon=True))
            self.processes[-1].start()

    def end(self, *ranks, timeout_s=60):
        """Wait for processes (all by default); their exit codes, and the lines that the processes said."""
        waited = [self.processes[rank] for rank in ranks or range(len(self.processes))]
        for process in waited:
            process.join(timeout_s)
        return [p.exitcode for p in waited], self.said.read_text().splitlines()


def _main(out, said, place, trouble):
    os.environ.update(place)
    mine = trouble.rank == int(place["RANK"])
    distributed.SILENT_S = trouble.silent_s
    faults = {"call": trouble.call, "failure": trouble.failure, "extra": trouble.extra} if mine else {}
    try:
        settings = {"ladder": trouble.ladder, "limit": trouble.limit, "retry": trouble.retry}
        report = scripted(out, pace_s=trouble.pace_s, **settings, **faults)
        assert len(report.outcomes) == 60
    except ZetaError as e:
        if launch.says(str(e)):
            with said.open("a") as file:
                file.write(f"{e}\n")
        sys.exit(e.exit_code)

"""A benchmark run by several processes: a launcher starts them, all answer queries, and process 0 writes the rows.

The processes talk through the key-value store of torch's rendezvous (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT), and
trust its network as torch.distributed does. They exchange no tensors, so devices of any kind mix. A batch belongs to
the process that claims it first, so fast processes answer more of them; the answers are the same whoever gives them.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import FrameType
from typing import Any

from zeta_eval.exceptions import GenerationError
from zeta_eval.inference.run import launch
from zeta_eval.models import ModelSpec

JOIN_S = 600.0
"""Longest wait for the other processes to start, in seconds."""
POLL_S = 0.02
"""Time between two looks for a message, in seconds."""
BEAT_S, SILENT_S = 2.0, 60.0
"""Time between a process's signs of life, and the silence after which it counts as dead, in seconds."""
PART = 4 << 20
"""Bytes per stored value; the store takes 8 MiB at most."""
GOES_ON = "its rows so far are kept and the same command goes on where it stopped"
LOST = f"A process of the run has ended before its time; {GOES_ON}."
INTERRUPTED = f"The run was interrupted; {GOES_ON}."

Rows = Sequence[dict[str, Any]]


class _Terminated(BaseException):
    """Raised when the launcher ends this process because another one has ended."""


class Team:
    """The processes of one run, seen from one of them; a run in a single process is a team of one."""

    def __init__(self, rank: int = 0, size: int = 1, store: Any = None) -> None:
        """Wrap the store through which the processes talk; use `join` to make a team."""
        self.rank = rank
        """Number of this process; process 0 leads."""
        self.size = size
        """Number of processes."""
        self._store = store
        self._ended = threading.Event()
        self._seen: dict[int, tuple[int, float]] = {}  # by process: its last sign of life, and when it was new
        self._looked_s = 0.0
        self._received = 0
        self._pid = os.getpid()
        self._handler: Any = None

    @classmethod
    def join(cls) -> Team:
        """Meet the other processes that the launcher started."""
        if (size := launch.world_size()) == 1:
            launch.check_launcher()
            return cls()
        # Else torch writes a stack of its own frames for every connection that a dead process leaves behind.
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "FATAL")
        import torch.distributed

        rank = int(os.environ["RANK"])
        try:
            store = launch.store(JOIN_S)
            run = store.add(f"joined/{rank}", 1)  # a process may make several runs
        except (torch.distributed.DistError, ValueError) as e:
            where = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
            raise GenerationError(
                f"Process {rank} of {size} can't reach the others at {where}; start all again."
            ) from e
        return cls(rank, size, launch.apart(f"run{run}", store))

    @property
    def leads(self) -> bool:
        """Whether this process is the one that measures, writes and reports."""
        return self.rank == 0

    def place(self, spec: ModelSpec) -> ModelSpec:
        """The rung on this process's own device, where the processes share a machine's devices automatically."""
        if self._store is None or spec.device_map != "auto":
            return spec
        import torch

        n = torch.cuda.device_count()
        local = int(os.environ.get("LOCAL_RANK", self.rank))
        return replace(spec, device_map=f"cuda:{local % n}") if n else spec

    def tell(self, topic: str, value: Any) -> None:
        """Send a message of JSON values to every process that asks for its topic; once per topic."""
        if self._store is None:
            return
        data = json.dumps(value).encode()
        parts = [data[i : i + PART] for i in range(0, len(data), PART)]
        for i, part in enumerate(parts):
            self._store.set(f"{topic}/{i}", part)
        self._store.set(topic, str(len(parts)))  # last: now it is whole

    def hear(self, topic: str, *, meanwhile: Callable[[], None] = lambda: None) -> Any:
        """Wait for the message of a topic, calling `meanwhile` again and again."""
        while not self._store.check([topic]):
            meanwhile()
            self._watch()
            time.sleep(POLL_S)
        return self._read(topic)

    def meet(self, topic: str, *, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Wait until every process has called `meet` with the same topic."""
        self.tell(f"{topic}/{self.rank}", None)
        for rank in range(self.size):
            if rank != self.rank:
                self.hear(f"{topic}/{rank}", meanwhile=meanwhile)

    def leave(self) -> None:
        """Leave the run; the leader, who may hold the store, waits until all others have left."""
        self.tell(f"left/{self.rank}", None)
        for rank in range(1, self.size) if self.leads else ():
            self.hear(f"left/{rank}")

    def claims(self, topic: str, n: int) -> Iterator[int]:
        """Numbers below n of the batches that this process does: each process claims the next one when it is free."""
        if self._store is None:
            yield from range(n)
            return
        while (i := self._store.add(f"{topic}/claimed", 1) - 1) < n:
            self._watch()
            yield i

    def send(self, rows: Rows) -> None:
        """Hand rows to the leader."""
        self.tell(f"rows/{self._store.add('rows/sent', 1)}", rows)

    def received(self) -> Iterator[Rows]:
        """Rows that were sent to the leader since the last call."""
        while self._store is not None and self._store.check([topic := f"rows/{self._received + 1}"]):
            self._received += 1
            yield self._read(topic, forget=True)

    def __enter__(self) -> Team:
        """Start to show signs of life, and end in order when the launcher ends the run."""
        if self._store is not None:
            threading.Thread(target=self._beat, args=(self._store.clone(),), daemon=True).start()
            if threading.current_thread() is threading.main_thread():
                self._handler = signal.signal(signal.SIGTERM, self._terminate)
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Tell the other processes of a failure; if one of theirs came first, that one is the reason."""
        if self._store is None:
            return
        from torch.distributed import DistError

        self._ended.set()
        if self._handler is not None:
            signal.signal(signal.SIGTERM, self._handler)
        if error is not None:
            lost = isinstance(error, _Terminated | DistError)
            reason = self._blame(LOST if lost else _line(error))
            if lost:
                raise GenerationError(reason) from None

    def _read(self, topic: str, *, forget: bool = False) -> Any:
        """The message of a topic that is there."""
        parts = [f"{topic}/{i}" for i in range(int(self._store.get(topic)))]
        data = b"".join(self._store.get(part) for part in parts)
        for key in [topic, *parts] if forget else []:
            self._store.delete_key(key)
        return json.loads(data)

    def _watch(self) -> None:
        """Check, once a second, that the other processes live: the leader checks all, the others the leader."""
        now = time.monotonic()
        if now - self._looked_s < 1.0:
            return
        self._looked_s = now
        if self._store.check(["failed"]):
            raise GenerationError(self._store.get("failed").decode())
        for rank in range(1, self.size) if self.leads else [0]:
            beat = self._store.add(f"beat/{rank}", 0)
            if beat != self._seen.get(rank, (None,))[0]:
                self._seen[rank] = (beat, now)
            elif now - self._seen[rank][1] > (limit := SILENT_S if beat else JOIN_S):  # it may start late
                raise GenerationError(
                    f"Process {rank} of the run has shown no sign of life for {limit:.0f} s; {GOES_ON}."
                )

    def _beat(self, store: Any) -> None:
        """Show a sign of life every BEAT_S, on a connection of its own."""
        try:
            while not self._ended.is_set():
                store.add(f"beat/{self.rank}", 1)
                self._ended.wait(BEAT_S)
        except RuntimeError:  # the store is gone; the main thread finds out by itself
            return

    def _blame(self, line: str) -> str:
        """The first failure of the run: this line, unless another process came first."""
        try:
            first: bytes = self._store.compare_set("failed", "", line)
            return first.decode()
        except RuntimeError:
            return line

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        """End this process in order; a forked helper just ends."""
        if os.getpid() != self._pid:
            os._exit(128 + number)
        raise _Terminated


def _line(error: BaseException) -> str:
    """An error in one line."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    return " ".join(str(error).split()) or type(error).__name__

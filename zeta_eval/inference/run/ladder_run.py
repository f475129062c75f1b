"""The part of a benchmark that each process runs: one size after the other."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from zeta_eval.exceptions import InvalidInputError, masked
from zeta_eval.inference.run.distributed import Team
from zeta_eval.inference.run.manifest import Manifest, timestamp, versions
from zeta_eval.inference.run.plan import prompt_hash
from zeta_eval.inference.run.progress import Board
from zeta_eval.inference.run.residency import Residency
from zeta_eval.inference.run.rows import Rows
from zeta_eval.inference.run.size_run import SizeRun
from zeta_eval.models import GenerateConfig, ModelSpec
from zeta_eval.outcomes import Journal
from zeta_eval.tasks import Query, Score

Scoring = Callable[[Query, str], Score]
"""Query and response -> score."""
Engines = Callable[[ModelSpec], Any]
"""Rung -> a Generator, or an EmbeddingGenerator where the rung embeds."""
Emit = Callable[[Sequence[dict[str, Any]]], None]
"""Called with new rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """The state of a run when it starts or goes on, which the leader sends to the others."""

    key: str
    """Identity of the leader's queries and settings."""
    todo: dict[str, frozenset[str]]
    """By turn (`turn_of`), the ids of the queries that have no row."""
    again: dict[str, list[str]] | None
    """By turn, the ids of the queries that are asked again; None where all queries are asked."""
    last: dict[str, str]
    """By turn, the id of the query whose row is the newest, where the run before was cut short."""
    record: dict[str, Any]
    """Contents of run.json."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LadderRun:
    """A benchmark's queries and settings, which every process of the run has."""

    team: Team
    """The processes."""
    shares: Sequence[tuple[ModelSpec, Sequence[Query]]]
    """The rungs with their queries."""
    score: Scoring
    """Grades a response."""
    config: GenerateConfig
    """How answers are generated."""
    sample: int
    """Queries measured alone on each size."""
    engines: Callable[[Sequence[ModelSpec]], tuple[Engines, Residency]]
    """For the rungs with queries left: a function that makes an engine, and whether all engines are made at once."""
    device: Callable[[ModelSpec], str | None]
    """Name of what answers a rung's queries."""
    revision: Callable[[ModelSpec], str | None]
    """Revision of the weights that a rung has now."""

    def lead(self, journal: Journal, manifest: Manifest, shown: Board) -> None:
        """Run as the leader, which measures, and writes the rows of all processes to its journal."""
        state = self._state(journal, manifest)
        self.team.tell("state", asdict(state) | {"todo": {size: sorted(ids) for size, ids in state.todo.items()}})

        def gather(own: Sequence[dict[str, Any]] = ()) -> None:
            for rows in itertools.chain([own] if own else [], self.team.received()):
                journal.append(rows)
                shown.add(rows)

        def running(spec: ModelSpec, share: Sequence[Query]) -> AbstractContextManager[None]:
            total = sum(len(_asked(share, state.again, spec.size, a)) for a in range(self.attempts(spec)))
            return shown.running(spec.size, total, [r for r in journal.rows() if r["model"] == spec.size])

        due = self._due(state)
        for spec, share in self.shares:
            if all(spec is not other for other, _ in due):
                with running(spec, share):  # it was finished before
                    pass
        with self._made([spec for spec, _ in due], manifest) as make:
            for spec, share in due:
                with self._engine(spec, make, manifest) as engine, running(spec, share):
                    self._run(spec, share, engine, state, manifest, gather)
                    self.team.meet(f"{spec.size}/over", meanwhile=gather)
                    gather()

    def todo(self, journal: Journal, manifest: Manifest) -> dict[str, frozenset[str]]:
        """By turn, the ids of the queries that have no row."""
        return self._state(journal, manifest).todo

    def follow(self) -> None:
        """Run as one of the other processes, which send their rows to the leader and take its measurements."""
        heard = self.team.hear("state")
        state = State(**heard | {"todo": {size: frozenset(ids) for size, ids in heard["todo"].items()}})
        if state.key != self._key():
            raise InvalidInputError(
                f"Process {self.team.rank} has other queries or settings than process 0; "
                "give all the same command and the same data."
            )
        manifest = Manifest(None, state.record)
        due = self._due(state)
        with self._made([spec for spec, _ in due if not _leader_only(spec)], manifest) as make:
            for spec, share in due:
                if not _leader_only(spec):
                    with self._engine(spec, make, manifest) as engine:
                        self._run(spec, share, engine, state, manifest, self.team.send)
                self.team.meet(f"{spec.size}/over")

    def _state(self, journal: Journal, manifest: Manifest) -> State:
        """The state of the run, from the rows that are there."""
        again = manifest.part["asked"] if manifest.again else None
        todo = {}
        for attempt in range(self.config.attempts):
            done = journal.done(attempt)
            for s, queries in self.shares if attempt == 0 else [(s, q) for s, q in self.shares if s.role != "embed"]:
                todo[turn_of(s.size, attempt)] = frozenset(
                    q.query_id for q in _asked(queries, again, s.size, attempt) if (q.query_id, s.size) not in done
                )
        written = journal.rows() if manifest.cut or again is not None else []
        last = {turn_of_row(row): row["query_id"] for row in written}
        return State(key=self._key(), todo=todo, again=again, last=last, record=manifest.data)

    def _key(self) -> str:
        """Identity of the queries and settings; empty where there is no other process to compare with."""
        if self.team.size == 1:
            return ""
        asked = (
            (q.query_id, q.prompt, q.stop, q.max_new_tokens, q.system, q.asked)
            for _, queries in self.shares
            for q in queries
        )
        return prompt_hash("\n".join(map(repr, (self.config, *asked))))

    def _due(self, state: State) -> list[tuple[ModelSpec, Sequence[Query]]]:
        """The rungs with queries left to answer."""
        return [
            (spec, share)
            for spec, share in self.shares
            if any(state.todo[turn_of(spec.size, attempt)] for attempt in range(self.attempts(spec)))
        ]

    def attempts(self, spec: ModelSpec) -> int:
        """How often a rung answers each query; a vector is the same each time."""
        return 1 if spec.role == "embed" else self.config.attempts

    def _run(
        self, spec: ModelSpec, share: Sequence[Query], engine: Any, state: State, manifest: Manifest, emit: Emit
    ) -> None:
        """Answer this process's part of a size's queries, one attempt after the other."""
        for attempt in range(self.attempts(spec)):
            turn = turn_of(spec.size, attempt)
            if not state.todo[turn]:
                continue
            size = SizeRun(
                size=spec.size,
                turn=turn,
                engine=engine,
                queries=_asked(share, state.again, spec.size, attempt),
                todo=state.todo[turn],
                sample=self.sample,
                last=state.last.get(turn),
                team=Team() if _leader_only(spec) else self.team,
                manifest=manifest,
                rows=self.rows(spec, *_known(engine), manifest, attempt),
                emit=emit,
            )
            if spec.role == "embed":
                size.embed()
            else:
                size.generate(self.config.attempt(attempt))

    def rows(
        self, spec: ModelSpec, revision: str | None, context: int | None, manifest: Manifest, attempt: int
    ) -> Rows:
        """What makes the rows of a size's attempt, which is numbered where there are several."""
        return Rows(
            spec,
            self.score,
            run_id=manifest.data["run_id"],
            revision=revision,
            context=context,
            attempt=attempt if self.attempts(spec) > 1 else None,
        )

    @contextmanager
    def _made(self, specs: Sequence[ModelSpec], manifest: Manifest) -> Iterator[Engines]:
        """A function that gives a rung's engine: all are made now if they fit together, else each when asked for."""
        placed = [self.team.place(spec) for spec in specs]
        make, found = self.engines(placed)
        if specs:
            manifest.part["residency"] = str(found)
            manifest.save()
        held: dict[str, Any] = {}
        try:
            # Each is closed after its own queries. So the last one comes first: the memory that an engine finds free
            # when it is made, and fits its batches into, is then free when its queries run.
            for spec in reversed([p for p in placed if p.start is None]) if found.together else ():
                start = time.perf_counter()
                held[spec.size] = make(spec)
                loaded_s = time.perf_counter() - start
                manifest.size(spec.size)["seconds"] += loaded_s
                manifest.size(spec.size)["loading_s"] = loaded_s
            yield lambda spec: held.pop(spec.size) if spec.size in held else make(spec)
        finally:
            for engine in held.values():
                engine.close()

    @contextmanager
    def _engine(self, spec: ModelSpec, make: Engines, manifest: Manifest) -> Iterator[Any]:
        """A rung's engine, closed at the end; the time until then is added to run.json."""
        start = time.perf_counter()
        session = self._session(spec)
        engine = make(self.team.place(spec))
        manifest.size(spec.size).setdefault("loading_s", time.perf_counter() - start)
        manifest.size(spec.size).setdefault("sessions", []).append(session)
        if spec.served:
            refused = sorted(getattr(engine, "dropped", ()))
            command = None if spec.start is None else masked(spec.start)
            manifest.size(spec.size).update(base_url=spec.base_url, start=command, refused_parameters=refused)
        try:
            yield engine
        finally:
            engine.close()
            manifest.size(spec.size)["seconds"] += time.perf_counter() - start
            session["ended_at"] = timestamp()
            manifest.save()

    def _session(self, spec: ModelSpec) -> dict[str, Any]:
        """What run.json says of a start that answers queries of a size: each may have other versions and devices."""
        return {
            "began_at": timestamp(),
            "ended_at": None,
            "max_new_tokens": spec.max_new_tokens or self.config.max_new_tokens,
            "device": self.device(self.team.place(spec)),
            "processes": self.team.size,
            "versions": versions(),
        }


def _known(engine: Any) -> tuple[str | None, int | None]:
    """Revision and context of an engine's model, as far as it knows them."""
    return getattr(engine, "revision", None), getattr(engine, "context", None)


def turn_of(size: str, attempt: int) -> str:
    """Name of a size's attempt at its queries, from 0 on."""
    return f"{size}#{attempt}" if attempt else size


def turn_of_row(row: Mapping[str, Any]) -> str:
    """Name of the turn that made a row."""
    return turn_of(row["model"], row.get("attempt") or 0)


def _asked(queries: Sequence[Query], again: Mapping[str, list[str]] | None, size: str, attempt: int) -> Sequence[Query]:
    """The queries of a size's attempt: all, or those that are asked again."""
    if again is None:
        return queries
    ids = set(again.get(turn_of(size, attempt), ()))
    return [q for q in queries if q.query_id in ids]


def _leader_only(spec: ModelSpec) -> bool:
    """Whether the leader runs a rung alone: a server has its own `concurrency`, embeddings rank among each other."""
    return spec.role == "embed" or spec.served

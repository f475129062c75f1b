"""`run`: answers every query with every size of a ladder, and goes on where an interrupted run stopped."""

import base64
import errno
import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from zeta_eval.exceptions import GenerationError, InvalidInputError, OutputError
from zeta_eval.files import is_unicode
from zeta_eval.inference.run import retrying, reusing
from zeta_eval.inference.run.distributed import Team
from zeta_eval.inference.run.growing import task_records
from zeta_eval.inference.run.ladder_run import Engines, LadderRun, Scoring
from zeta_eval.inference.run.manifest import Manifest, timestamp
from zeta_eval.inference.run.progress import Board, board
from zeta_eval.inference.run.residency import BATCH_SHARE, Residency, device_name, residency, revision_now
from zeta_eval.models import GenerateConfig, Ladder, ModelSpec
from zeta_eval.outcomes import Journal, Outcomes
from zeta_eval.outcomes.files import TABLE
from zeta_eval.tasks import Query, get_task, task_names

_log = logging.getLogger(__name__)

GIVEN = Residency(together=False, reason="the engines are given, and what they take is not known")
"""The decision for engines that the caller makes."""
SERVERS = "servers"
"""Folder, in a benchmark's own, of the logs of servers that it started."""
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
"""Errors of the system for a disk that is full, read-only or broken."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunReport:
    """The result of a benchmark; the rows are in `outcomes` and in the folder."""

    folder: Path
    """Folder of rows.jsonl, outcomes.parquet and run.json."""
    outcomes: Outcomes
    """The finished table."""


def run(
    ladder: Ladder,
    queries: Sequence[Query],
    score: Scoring,
    *,
    out: str | Path,
    config: GenerateConfig | None = None,
    latency_sample: int = 24,
    generators: Engines | None = None,
    progress: Board | bool = True,
    tasks: Mapping[str, Mapping[str, Any]] | None = None,
    retry: str | Sequence[str] = (),
    reuse: str | Path | Sequence[str | Path] = (),
) -> RunReport:
    """Answer and score every query on every size, cheapest first, into the folder `out`.

    Sizes run one after the other. Their weights are loaded once: all before the first query where they fit the free
    memory together, so that broken ones show at once, else each before its own queries; run.json says which and why.
    The latency of a size is measured first, on some queries of all lengths. Its other queries follow in batches, and
    each batch is appended when it is scored. A run that was stopped at any moment goes on where it stopped, with the
    rows and scores of an undisturbed run. A query that fails is a row with `error`. Queries with the same prompt are
    answered once. Embedding models get the embedding tasks, all others the rest.

    Processes that a launcher started (torchrun, accelerate) share the work batch by batch, each on its own device; the
    first one measures and writes, and all return the same report.

    Arguments are those of `zeta_eval.benchmark`, and these: `score` grades a query's response. `latency_sample` queries
    are measured alone on each size; 0 leaves latencies empty. `generators` makes a rung's engine, by default that of
    its server, or transformers. `progress` is a board; True makes a table in a notebook and lines elsewhere. `tasks`
    are settings of tasks that run.json records. A query's own limit counts where it is smaller than that of `config`,
    and its stop texts are added.
    """
    config = config or GenerateConfig(max_new_tokens=ladder.max_new_tokens)
    folder = Path(out)
    shares = _shares(ladder, queries, config)
    if folder.exists() and not folder.is_dir():
        raise InvalidInputError(f"{folder} is a file; give a folder for the outcomes.")
    if latency_sample < 0:
        raise InvalidInputError(f"latency_sample is {latency_sample}; give 0 or more queries.")
    again = retrying.read_kinds(retry)
    earlier = [reuse] if isinstance(reuse, str | Path) else list(reuse)
    if again and earlier:
        raise InvalidInputError("A retry asks rows again that are there; give --retry or --reuse, not both.")
    embed = {q.query_id for spec, share in shares if spec.role == "embed" for q in share}
    records = task_records(queries, tasks or {}, embed)
    shown = board(silent=not progress) if isinstance(progress, bool) else progress
    with Team.join() as team, _writing(folder):
        work = LadderRun(
            team=team,
            shares=shares,
            score=score,
            config=config,
            sample=latency_sample,
            engines=partial(_own, logs=folder / SERVERS) if generators is None else lambda _: (generators, GIVEN),
            device=device_name if generators is None else lambda _: None,
            revision=revision_now if generators is None else lambda spec: spec.revision,
        )
        if team.leads:
            with Journal(folder) as journal:
                longer = "truncated" in again
                manifest = Manifest.open(
                    folder, ladder, config, queries=queries, tasks=records, rows=journal.rows(), longer=longer
                )
                if again:
                    retrying.ask_again(work, journal, manifest, shown, again)
                else:
                    if earlier:
                        shown.say(reusing.take_over(work, journal, manifest, earlier))
                    work.lead(journal, manifest, shown)
                outcomes = _finish(ladder, journal, manifest)
                retrying.tidy(folder, manifest)
            if team.size > 1:
                team.tell("table", base64.b64encode((folder / TABLE).read_bytes()).decode("ascii"))
        else:
            work.follow()
            outcomes = _loaded(team.hear("table"))
        team.leave()
        return RunReport(folder=folder, outcomes=outcomes)


def _loaded(table: str) -> Outcomes:
    """The table that the leader sent, which other machines can't read from its folder: Parquet in base64."""
    with TemporaryDirectory() as temp:
        (path := Path(temp, TABLE)).write_bytes(base64.b64decode(table))
        return Outcomes.load(path)


def default_engine(spec: ModelSpec, logs: Path | None = None) -> Any:
    """Engine of a rung: its server where it has one, else its weights loaded with transformers.

    A server that is started writes its log into the folder `logs`, or into a temporary one.
    """
    if spec.start is not None:
        from zeta_eval.inference.server.started import StartedEngine

        return StartedEngine(spec, default_engine, log=logs and logs / f"{quote(spec.size, safe='')}.log")
    if spec.served:
        from zeta_eval.inference.server.embedding_endpoint import EmbeddingEndpoint
        from zeta_eval.inference.server.endpoint import EndpointGenerator

        return EmbeddingEndpoint(spec) if spec.role == "embed" else EndpointGenerator(spec)
    # Imported here: torch takes seconds, and a run that has nothing left to do needs none.
    if spec.role == "embed":
        from zeta_eval.inference.engine.embedding_engine import EmbeddingGenerator

        return EmbeddingGenerator(spec)
    from zeta_eval.inference.engine.transformers_engine import TransformersGenerator

    return TransformersGenerator(spec)


def _own(specs: Sequence[ModelSpec], logs: Path) -> tuple[Engines, Residency]:
    """The default engines; servers that run are asked at once, so that a missing one shows before any row is written.

    Servers that are to be started are started in turn, each for its own queries: together they may not fit.
    """
    served = {spec.size: default_engine(spec) for spec in specs if spec.addresses and spec.start is None}

    def make(spec: ModelSpec) -> Any:
        return served.get(spec.size) or (default_engine(spec, logs) if spec.start else default_engine(spec))

    return make, residency(specs, share=BATCH_SHARE)


def _shares(ladder: Ladder, queries: Sequence[Query], config: GenerateConfig) -> list[tuple[ModelSpec, list[Query]]]:
    """The queries of each rung; rungs without queries are left out."""
    if not queries:
        raise InvalidInputError("There are no queries to run; name tasks that have some.")
    query_id, times = Counter(q.query_id for q in queries).most_common(1)[0]
    if times > 1:
        raise InvalidInputError(f"query_id '{query_id}' is there {times} times; give each query its own.")
    if broken := next((q for q in queries if not is_unicode(q.prompt)), None):
        raise InvalidInputError(f"The prompt of query '{broken.query_id}' is no valid Unicode; mend or drop it.")
    known = set(task_names())
    embed = [q for q in queries if q.task in known and get_task(q.task).kind == "embed"]
    if embed and ladder.embedder is None:
        raise InvalidInputError(
            f"Task '{embed[0].task}' needs a rung with role 'embed' and ladder '{ladder.name}' has none; "
            "add one to the ladder file, or leave the task out."
        )
    if config.mcq == "logits" and not any(q.options for q in queries):
        raise InvalidInputError(
            "mcq is 'logits', and no query has lettered options to choose among; leave it out, or name the column of "
            "the choices."
        )
    _check_asked(ladder, queries, config)
    ids = {q.query_id for q in embed}
    rest = [q for q in queries if q.query_id not in ids]
    shares = [(spec, embed if spec.role == "embed" else rest) for spec in ladder.models]
    return [(spec, share) for spec, share in shares if share]


def _check_asked(ladder: Ladder, queries: Sequence[Query], config: GenerateConfig) -> None:
    """Refuse what is asked word for word of servers that can't take it, or at a temperature that draws nothing."""
    served = next((spec.size for spec in ladder.generators if spec.served), None)
    for q in queries:
        if q.asked is None:
            continue
        if q.asked.weighs and config.temperature:
            raise InvalidInputError(
                f"Task '{q.task}' weighs given answers, which draws none; leave the temperature at 0."
            )
        if served is None:
            continue
        if q.asked.weighs:
            raise InvalidInputError(
                f"Task '{q.task}' weighs given answers by their log-likelihood, which needs local rungs; size "
                f"'{served}' is on a server: load its weights, or leave the task out."
            )
        if not q.asked.chat or q.asked.chat[0].turns[-1][0] == "assistant":
            why = "begins the answers itself" if q.asked.chat else "is asked as plain text"
            raise InvalidInputError(
                f"Task '{q.task}' {why}, which needs local rungs; size '{served}' is on a server: load its weights, or "
                f"leave {'the task out' if q.asked.chat else 'out `--chat-template off`'}."
            )


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Turn errors of a full or broken disk into one clear line."""
    try:
        yield
    except OSError as e:
        if e.errno not in UNWRITABLE:
            raise
        raise OutputError(
            f"Folder {folder} can't be written ({os.strerror(e.errno)}); make room or mend it and start again: "
            "rows so far are kept."
        ) from e


def _finish(ladder: Ladder, journal: Journal, manifest: Manifest) -> Outcomes:
    """Write outcomes.parquet, complete run.json and return the table."""
    rows = journal.rows()
    errors = [r for r in rows if r["error"] is not None]
    counts = Counter(r["model"] for r in rows)
    failed = Counter(r["model"] for r in errors)
    for size, n in counts.items():
        manifest.size(size).update(rows=n, errors=failed[size])
    for (size, name), n in journal.odd.items():
        unknown = manifest.size(size).setdefault("unknown", {})
        unknown[name] = unknown.get(name, 0) + n
        _log.warning("%s: %d values of %s were out of range, and are unknown", size, n, name)
    scored = any(r["score"] is not None for r in rows)
    outcomes = journal.finish(sizes=[s for s in ladder.sizes if s in counts] or None) if scored else None
    manifest.data["finished_at"] = timestamp() if scored else None
    manifest.save()
    if outcomes is None:
        raise GenerationError(
            f"None of {len(rows)} queries has a score; the first error: {errors[0]['error'] if errors else 'none'}. "
            "Mend that and give --retry errors, or run into a new folder."
        )
    return outcomes

"""One size of a benchmark: measures the latency of some queries, then answers and scores all of them."""

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.inference.run.distributed import Team
from zeta_eval.inference.run.latency import LatencyModel
from zeta_eval.inference.run.manifest import Manifest
from zeta_eval.inference.run.plan import Unit, batches, prompt_hash, spread, units_of
from zeta_eval.inference.run.rows import Rows
from zeta_eval.models import Completion, GenerateConfig
from zeta_eval.tasks import Query, Score
from zeta_eval.tasks.embedding import score_embeddings, sentence_pairs

DEFAULT_BATCH = 256
"""Queries per append for an engine that names no batch size."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeRun:
    """The queries of one size, its engine, and the place where its rows go."""

    size: str
    """Name of the rung."""
    turn: str
    """Name of the size's part of the run that this is: an attempt at its queries."""
    engine: Any
    """A Generator, or an EmbeddingGenerator for a rung that embeds."""
    queries: Sequence[Query]
    """All queries of this size, done or not."""
    todo: frozenset[str]
    """Ids of the queries that have no row yet."""
    sample: int
    """Queries whose latency is measured."""
    last: str | None
    """Id of the query whose row is the newest, the append of which may have been cut short."""
    team: Team
    """The processes that share the queries."""
    manifest: Manifest
    """Keeps the batch size and the measured sample for a resumed run."""
    rows: Rows
    """Makes rows of the answers."""
    emit: Callable[[Sequence[dict[str, Any]]], None]
    """Called with the new rows of each batch."""

    def generate(self, config: GenerateConfig) -> None:
        """Answer, score and append the queries that have no row."""
        units = units_of(self.queries, config, self.rows.spec.max_new_tokens)
        if any(u.options for u in units) and not getattr(self.engine, "chooses", False):
            raise InvalidInputError(
                f"Size '{self.size}' can't choose a letter by one forward pass; drop `--mcq logits` or load weights."
            )
        entry = self.manifest.size(self.size)
        if any(u.asked for u in units) and not getattr(self.engine, "verbatim", False):
            raise InvalidInputError(
                f"Size '{self.size}' can't be asked word for word, as tasks of lm-eval need; load its weights, or ask "
                "others."
            )
        # Only the leader measures, once nothing else runs; the others take its sample and batch size up.
        self.team.meet(f"{self.turn}/loaded")
        if not self.team.leads:
            entry.update(self.team.hear(f"{self.turn}/settings"))
        self._measure(
            [u.key for u in units],
            [u.text for u in units],
            lambda chosen: self._timed([units[i] for i in chosen], config),
        )
        # A resumed run keeps the batch size it began with: the same batches give the same answers.
        own = config.batch_size or int(getattr(self.engine, "batch_size", DEFAULT_BATCH))
        entry["batch_size"] = size = int(entry.get("batch_size", own))
        self.manifest.save()
        if self.team.leads:
            self.team.tell(f"{self.turn}/settings", entry)
        due = []
        for batch in batches(units, size):
            # A batch whose append was cut short runs again as a whole, so that its answers are those of the whole.
            torn = any(q.query_id == self.last for u in batch for q in u.queries)
            pending = [u for u in batch if any(q.query_id in self.todo for q in u.queries)]
            if pending:
                due.append(batch if torn else pending)
        for i in self.team.claims(self.turn, len(due)):
            self._answer(due[i], replace(config, batch_size=size))
        self._record(entry)

    def embed(self) -> None:
        """Embed all queries, score them by rank among each other, and append those that have no row."""
        firsts, seconds, gold = sentence_pairs(self.queries)
        self._measure(
            [prompt_hash(t) for t in firsts], firsts, lambda chosen: self.engine.measure([firsts[i] for i in chosen])
        )
        tokens = self.engine.count_tokens(firsts)
        start = time.perf_counter()
        vectors = self.engine.embed(firsts)
        each_s = (time.perf_counter() - start) / max(1, sum(tokens))
        scores = score_embeddings(vectors, self.engine.embed(seconds), gold)
        rows = []
        for query, text, n, score in zip(self.queries, firsts, tokens, scores.tolist(), strict=True):
            if query.query_id in self.todo:
                error = None if score == score else "The similarity has no rank: a single pair, or a broken vector"
                answer = Completion(text="", prompt_tokens=n, completion_tokens=0, gpu_s=n * each_s, error=error)
                rows.append(self.rows.row(query, prompt_hash(text), answer, None if error else Score(score)))
        self.emit(rows)

    def _answer(self, units: Sequence[Unit], config: GenerateConfig) -> None:
        """Answer a batch and append the rows that are missing."""
        answers = self.engine.generate([u.ask for u in units], units[0].config(config))
        self.rows.prepare(
            (query, answer)
            for unit, answer in zip(units, answers, strict=True)
            for query in unit.queries
            if query.query_id in self.todo
        )
        rows = [
            self.rows.answered(query, unit.key, answer)
            for unit, answer in zip(units, answers, strict=True)
            for query in unit.queries
            if query.query_id in self.todo
        ]
        self.emit(rows)

    def _timed(self, units: Sequence[Unit], config: GenerateConfig) -> list[Completion]:
        """Measure units one by one, those with the same limit and stop texts after one warm-up."""
        groups = [list(g) for _, g in itertools.groupby(units, key=lambda u: u.manner)]
        answers = [self.engine.measure([u.ask for u in group], group[0].config(config)) for group in groups]
        return list(itertools.chain.from_iterable(answers))

    def _record(self, entry: dict[str, Any]) -> None:
        """Write down the engine, and what it has found out about its work so far."""
        entry["engine"] = type(self.engine).__name__
        if how := getattr(self.engine, "how", None):
            entry["how"] = dict(how)

    def _measure(
        self, keys: Sequence[str], prompts: Sequence[str], measure: Callable[[list[int]], list[Completion]]
    ) -> None:
        """Measure the latency of some of these queries, or read it where it is stored, and give it to the rows."""
        entry = self.manifest.size(self.size)
        self._record(entry)
        # A folder that other queries join is measured again: a sample of the first ones says little about them.
        of = prompt_hash("\n".join(sorted(set(keys))))
        if entry.get("measured_of") != of:
            chosen = spread(prompts, self.sample)
            timed = zip(chosen, measure(chosen) if chosen else [], strict=True)
            done = {
                keys[i]: c for i, c in timed if c.error is None and c.latency_s is not None and c.ttft_s is not None
            }
            entry["measured_of"] = of
            entry["measured"] = {key: [c.latency_s, c.ttft_s] for key, c in done.items()}
            entry["latency"] = asdict(LatencyModel.fit(list(done.values()))) if done else None
            self._record(entry)
            self.manifest.save()
        self.rows.measured = entry["measured"]
        self.rows.latency = LatencyModel(**entry["latency"]) if entry["latency"] else None

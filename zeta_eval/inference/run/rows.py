"""Makes a row of the outcomes table from an answer and its score."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from zeta_eval.exceptions import ZetaError, one_line
from zeta_eval.inference.run.latency import LatencyModel
from zeta_eval.inference.run.manifest import timestamp
from zeta_eval.inference.run.plan import asked_hash
from zeta_eval.models import UNBOUNDED, Completion, ModelSpec
from zeta_eval.outcomes import COLUMNS
from zeta_eval.outcomes.targets import target_text
from zeta_eval.router.complexity.conversation import stored
from zeta_eval.tasks import Query, Score
from zeta_eval.tasks.scoring import prepare

MEASURED = tuple(
    f.name for f in fields(Completion) if f.name in COLUMNS and f.name not in ("latency_s", "ttft_s", "error")
)
"""Fields of a Completion that are columns of the table as they stand."""


class Rows:
    """Makes the rows of one size of a run."""

    def __init__(
        self,
        spec: ModelSpec,
        score: Callable[[Query, str], Score],
        *,
        run_id: str,
        revision: str | None,
        context: int | None = None,
        attempt: int | None = None,
    ) -> None:
        """Set the values that all rows of the size share.

        `context` is what the engine knows of it; `attempt` is None where each query is answered once.
        """
        self.spec = spec
        self.score = score
        self.run_id = run_id
        self.revision = revision or spec.revision
        self.context = spec.context or (context if context is None or context < UNBOUNDED else None)
        self.attempt = attempt
        self.measured: Mapping[str, Sequence[float]] = {}
        """latency_s and ttft_s of the measured queries, by key."""
        self.latency: LatencyModel | None = None
        """Gives the latencies of the other queries; None leaves them empty."""

    def prepare(self, answers: Iterable[tuple[Query, Completion]]) -> None:
        """Let a scorer that asks for it see the answers of a batch before they are scored one by one."""
        prepare(self.score, [(query, answer.text) for query, answer in answers if answer.error is None])

    def answered(self, query: Query, key: str, answer: Completion) -> dict[str, Any]:
        """Score an answer and make its row; a scorer that fails leaves the row unscored, with the error."""
        if answer.error is not None:
            return self.row(query, key, answer, None)
        try:
            score = self.score(query, answer.text)
        except ZetaError:
            raise
        except Exception as e:
            failed = f"The scorer failed: {one_line(e)}"
            return self.row(query, key, replace(answer, error=failed), None)
        return self.row(query, key, answer, score)

    def row(self, query: Query, key: str, answer: Completion, score: Score | None) -> dict[str, Any]:
        """Row of a query with its score (None: unscored); `key` finds its measured latency, if there is one."""
        source, latency_s, ttft_s = self._latency(key, answer)
        return {
            "dataset": query.dataset,
            "task": query.task,
            "query_id": query.query_id,
            "query": query.prompt,
            "messages": stored(query.prompt, query.system),
            "model": self.spec.size,
            "model_revision": self.revision,
            "context": self.context,
            "attempt": self.attempt,
            "score": None if score is None else float(score.value),
            "response": None if answer.error is not None and not answer.text else answer.text,
            "target": target_text(query.target),
            "error": answer.error,
            "latency_s": latency_s,
            "ttft_s": ttft_s,
            "latency_source": source,
            "cost_usd": self.spec.cost_usd(answer),
            "unparsed": None if score is None else score.unparsed,
            "prompt_hash": asked_hash(query),
            "run_id": self.run_id,
            "source": "benchmark",
            "created_at": timestamp(),
        } | {name: getattr(answer, name) for name in MEASURED}

    def _latency(self, key: str, answer: Completion) -> tuple[str | None, float | None, float | None]:
        """Source, latency_s and ttft_s of an answer."""
        if answer.completion_tokens is None or answer.prompt_tokens is None:
            return None, None, None
        if key in self.measured and not self.attempt:  # another attempt has written other tokens
            return "measured", self.measured[key][0], self.measured[key][1]
        if self.latency is None:
            return None, None, None
        return "modelled", *self.latency.predict(answer.prompt_tokens, answer.completion_tokens)

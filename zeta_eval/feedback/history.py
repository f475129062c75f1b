"""`History`: the record of a router's decisions and of the feedback on their answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import TYPE_CHECKING, Any

from zeta_eval.exceptions import InvalidInputError, ZetaError
from zeta_eval.feedback.forking import STORES
from zeta_eval.feedback.rows import Recorded, check_recorded, clean, given_score, kept_messages, query_hash, timestamp
from zeta_eval.feedback.writer import BackgroundWriter
from zeta_eval.router import Decision, Step
from zeta_eval.router.complexity import as_query
from zeta_eval.router.router import Query

if TYPE_CHECKING:
    import pandas as pd

    from zeta_eval.feedback.repair import HistoryCheck
    from zeta_eval.outcomes import Outcomes


class History:
    """Decisions with their feedback, in a SQLite file or any database that SQLAlchemy supports.

    Many processes may share a history. Decisions are queued and written by a background thread; feedback is on the disk
    when `feedback` returns. A process that is killed loses at most the decisions in its queue.

    >>> from zeta_eval import RoutingPolicy, ZetaDynamicRouter
    >>> router = ZetaDynamicRouter(RoutingPolicy.seed(("4B", "7B", "14B")))
    >>> with History("example.db") as history:
    ...     decision = router.route("Add 12 and 30.")
    ...     decision_id = history.record(decision, "Add 12 and 30.")
    ...     history.feedback(decision_id, right=True)
    ...     scores = history.frame()["score"]
    >>> scores.tolist()
    [1.0]
    """

    def __init__(
        self, url_or_path: str | Path = "zeta-history.db", *, keep_text: bool = True, capacity: int = 10_000
    ) -> None:
        """Open the history, and make it where it is missing.

        Args:
            url_or_path: a SQLite file, or a SQLAlchemy URL such as postgresql://user@host/name.
            keep_text: False keeps a hash of each query and its features, but no text of queries or answers.
            capacity: most decisions in the queue; more are dropped and counted in `lost`.

        Raises:
            InvalidInputError: the store can't be opened or has another schema version, or the capacity is below 1.
        """
        from zeta_eval.feedback.store import Store

        if capacity < 1:
            raise InvalidInputError(f"The capacity of the history's queue is {capacity}; give at least 1.")
        self.keep_text = keep_text
        with STORES.entered():
            self._store = Store(url_or_path)
        self._writer = BackgroundWriter(self._write, capacity=capacity, name=self._store.name)

    @property
    def lost(self) -> int:
        """Number of decisions of this process that were not written: the queue was full, or the database refused."""
        return self._writer.lost

    @property
    def renewed(self) -> int:
        """Times that the file was deleted or moved while this process used it, so that a new one was begun."""
        return self._store.renewed

    @property
    def queued(self) -> int:
        """Number of decisions of this process in the queue."""
        return self._writer.queued

    def record(
        self,
        decision: Decision,
        text: Query,
        *,
        task: str | None = None,
        steps: Sequence[Step] = (),
        propensity: float | None = None,
        prompt_tokens: int | None = None,
        completion_tokens: int | None = None,
        gpu_s: float | None = None,
        cost_usd: float | None = None,
        decision_id: str | None = None,
        shadow: Decision | None = None,
    ) -> str:
        """Queue a decision and return its id for `feedback`; a slow or failing database delays nothing here.

        Args:
            decision: What `route` returned, or the `decision` of what `generate` returned.
            text: The query, a text or a list of chat messages.
            task: Name of the task it belongs to, where that is known.
            steps: The `steps` of what `generate` returned, which say what the rating tells; none where the answer was
                made outside.
            propensity: Probability with which this size was chosen, in (0, 1]; None takes the decision's own.
            prompt_tokens: Tokens read, all steps together.
            completion_tokens: Tokens written, all steps together.
            gpu_s: Accelerator seconds, all steps together.
            cost_usd: Price in USD, all steps together.
            decision_id: Id to record it under, 32 hexadecimal digits that no other decision has; None makes one.
            shadow: What another policy would have chosen.

        Raises:
            InvalidInputError: the query is neither text nor messages, the propensity no probability above 0, an amount
                negative, or the steps are missing where what answers said decided which one was kept.
        """
        if decision.selected and not steps:
            raise InvalidInputError("This answer was kept for what answers said; give steps=routed.steps as well.")
        propensity = decision.propensity if propensity is None else propensity
        measured = (prompt_tokens, completion_tokens, gpu_s, cost_usd)
        check_recorded(propensity, measured)
        text = as_query(text)
        decision_id = decision_id or new_id(time.time())
        note = Recorded(
            id=decision_id,
            time_s=time.time(),
            decision=decision,
            text=text,
            task=task,
            steps=tuple([(s.size, s.latency_s, s.p_right, s.error) for s in steps]),
            propensity=propensity,
            measured=measured,
            shadow=None if shadow is None else {"policy": shadow.policy, "size": shadow.size, "p": dict(shadow.p)},
        )
        self._writer.put(note, len(text))
        return decision_id

    def feedback(
        self,
        decision_id: str | None = None,
        *,
        right: bool | None = None,
        score: float | None = None,
        answer: str | None = None,
        source: str = "person",
        by: str | None = None,
        text: Query | None = None,
        size: str | None = None,
        task: str | None = None,
    ) -> None:
        """Write how good an answer was; it is on the disk when this returns, and never replaces an earlier one.

        Args:
            decision_id: What `record` returned; None for an answer made elsewhere, which `text` and `size` then name.
            right: Whether the answer was right.
            score: Or how right, in [0, 1].
            answer: The correct answer, alone or beside one of these.
            source: Kind of judge: "person", "scorer", "judge" or your own word.
            by: Who it was.
            text: The query, for an answer made elsewhere; a text or a list of chat messages.
            size: The size that answered it.
            task: The task it belongs to, where that is known.

        Raises:
            InvalidInputError: no such decision, a score outside [0, 1], too little or too much is given.
            ZetaError: the store can't be written.
        """
        self._check_open()
        row = {
            "source": source,
            "given_by": clean(by),
            "score": given_score(right, score, answer),
            "answer": clean(answer),
        }
        if not (isinstance(source, str) and source):
            raise InvalidInputError(f"The source of a feedback is {source!r}; give a word such as 'person'.")
        if answer is not None and not self.keep_text:
            raise InvalidInputError("This history keeps no text, so no correct answer either; give right or score.")
        if decision_id is None:
            row |= self._elsewhere(None if text is None else as_query(text), size, task)
        else:
            row |= self._joined(decision_id, text, size, task)
        self._store.add_feedback(row | {"created_at": timestamp(time.time())})

    async def afeedback(
        self,
        decision_id: str | None = None,
        *,
        right: bool | None = None,
        score: float | None = None,
        answer: str | None = None,
        source: str = "person",
        by: str | None = None,
        text: Query | None = None,
        size: str | None = None,
        task: str | None = None,
    ) -> None:
        """Do as `feedback` does, on another thread: the event loop goes on while the database writes.

        Arguments and errors are those of `feedback`.
        """
        write = partial(self.feedback, decision_id, right=right, score=score, answer=answer, source=source)
        await asyncio.to_thread(write, by=by, text=text, size=size, task=task)

    def frame(self, *, source: str | None = None, since: str | datetime | None = None) -> pd.DataFrame:
        """Return one row per decision, oldest first, with its newest feedback; p, cost, features and steps as objects.

        The newest score counts, with its source, given_by and judged_at, and the newest correct answer (`answer`);
        decisions without feedback have none of these. Feedback for answers made elsewhere is in `outcomes` only.

        Args:
            source: Only feedback of this source counts; None takes the newest of all.
            since: Only decisions from this time on, ISO 8601; UTC where it names no zone.

        Raises:
            InvalidInputError: `since` is no time.
            ZetaError: the store can't be read.
        """
        from zeta_eval.feedback.queries import decision_frame

        self._settle()
        return decision_frame(self._store, source=source, since=since)

    def outcomes(self, *, source: str | None = None) -> Outcomes:
        """Return the judged answers as an outcomes table: one row per query and size, of the newest answer.

        Its query ids are hashes of the text, its `model` is the size whose answer was kept, `source` is "feedback".
        Measured tokens and costs are there where a single size ran.

        Args:
            source: Only feedback of this source counts; None takes the newest of all.

        Raises:
            OutcomesError: nothing with a kept text has a score yet.
            ZetaError: the store can't be read.
        """
        from zeta_eval.feedback.queries import judged

        self._settle()
        return judged(self._store, source=source)

    def ratings(self) -> pd.DataFrame:
        """Return one row per answer and source of feedback, each source's newest score, oldest answer first.

        Columns are those of `outcomes`, whose `source` here is the kind of judge, and: selected, whether the answer was
        kept for what answers said (`zeta_eval.router.decision.selected`); propensity, of a source's first rating of a
        query, 1 for others. Of a query that a size answered often, a source's newest rating counts. Answers without a
        kept text are left out.
        """
        from zeta_eval.feedback.queries import ratings

        self._settle()
        return ratings(self._store)

    @property
    def damaged(self) -> dict[str, str]:
        """What is wrong with rows that were left out when they were read, by their ids."""
        return dict(self._store.damaged)

    def check(self, *, repair: bool = False) -> HistoryCheck:
        """Read every row and say which are damaged; with `repair` take these out, and keep a copy of the file.

        Raises:
            InvalidInputError: rows of a history that is no file are to be repaired.
            ZetaError: the store can't be read or written.
        """
        from zeta_eval.feedback.repair import HistoryCheck, repaired

        self._settle()
        return repaired(self._store) if repair else HistoryCheck.of(self._store)

    def export(self, path: str | Path) -> Outcomes:
        """Write `outcomes` as a Parquet file, whole or not at all, and return them.

        Raises:
            InvalidInputError: the path names no .parquet file.
            OutcomesError: nothing with a kept text has a score yet.
        """
        if Path(path).suffix.lower() not in (".parquet", ".pq"):
            raise InvalidInputError(f"{path} is no name of a Parquet file; end it in .parquet.")
        outcomes = self.outcomes()
        outcomes.save(path)
        return outcomes

    def flush(self) -> None:
        """Write what is queued now; what the store can't take at the moment stays `queued`."""
        self._writer.flush()

    def close(self) -> None:
        """Write what is queued, and close the store; what can't be written is `lost`. Also done when Python exits."""
        self._writer.close()
        self._store.close()

    def __enter__(self) -> History:
        """Return the history."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the history."""
        self.close()

    def __repr__(self) -> str:
        """Say what it holds in a line."""
        try:
            holds = "closed" if self._writer.closed else "{} decisions, {} feedbacks".format(*self._store.counts())
        except ZetaError:
            holds = "can't be read now"
        return f"History({self._store.name!r}: {holds}, {self.queued} queued, {self.lost} lost)"

    def _write(self, notes: Sequence[Recorded]) -> int:
        """Write a batch; return how many the store refused."""
        rows: list[dict[str, Any]] = []
        with STORES.entered():
            for note in notes:
                try:
                    rows.append(note.row(keep_text=self.keep_text))
                except Exception:  # a decision made by hand may hold anything; it must not stop the others
                    continue
            return len(notes) - len(rows) + (self._store.add_decisions(rows) if rows else 0)

    def _elsewhere(self, text: str | None, size: str | None, task: str | None) -> dict[str, Any]:
        if not (isinstance(text, str) and isinstance(size, str) and size):
            raise InvalidInputError(
                "A feedback needs the id that `record` returned, or the `text` and `size` of an answer made elsewhere; "
                f"got text {text!r:.40} and size {size!r:.40}."
            )
        kept = clean(text) if self.keep_text else None
        messages = kept_messages(text) if self.keep_text else None
        return {
            "query_hash": query_hash(text),
            "query": kept,
            "messages": messages,
            "size": clean(size),
            "task": clean(task),
        }

    def _joined(self, decision_id: str, text: Query | None, size: str | None, task: str | None) -> dict[str, Any]:
        if (text, size, task) != (None, None, None):
            raise InvalidInputError("A feedback with a decision id takes no text, size or task; they are stored there.")
        failed = self._writer.flush()
        self._store.renew()
        if not self._store.has_decision(str(decision_id)):
            if failed is not None and self.queued:
                raise ZetaError(f"The decision can't be written to {self._store.name} now ({failed}); try again.")
            dropped = f" ({self.lost} were lost by this process)" if self.lost else ""
            raise InvalidInputError(
                f"Unknown decision id '{decision_id}'{dropped}; give the id of a recorded one. Another process's "
                "decision is there a moment after it was made."
            )
        return {"decision_id": decision_id}

    def _check_open(self) -> None:
        if self._writer.closed:
            raise InvalidInputError(f"The history {self._store.name} is closed; open it again.")

    def _settle(self) -> None:
        self._check_open()
        self._writer.flush()


def new_id(now_s: float) -> str:
    """A new decision's id: its time, then 80 random bits. So an index grows at its end, and few of its pages change."""
    return f"{int(now_s * 1e3):012x}{token_hex(10)}"

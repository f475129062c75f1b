"""Grades the answers of a run, each by its own task's scorer."""

from collections.abc import Mapping, Sequence
from typing import Any

from zeta_eval.router.signals.template import without_thinking
from zeta_eval.tasks.base import Query, Score, Scorer, Task


class TaskScores:
    """A function of query and response that grades by the query's task."""

    def __init__(self, tasks: Mapping[str, Task]) -> None:
        """Take the tasks by name."""
        self._tasks = tasks

    def __call__(self, query: Query, text: str) -> Score:
        """Grade a response."""
        return self._tasks[query.task].score(query, text)

    def prepare(self, pairs: Sequence[tuple[Query, str]]) -> None:
        """Let scorers that ask for it see many answers before they grade them one by one."""
        by_scorer: dict[Scorer, list[tuple[Query, str]]] = {}
        for query, text in pairs:
            by_scorer.setdefault(self._tasks[query.task].scorer, []).append((query, text))
        for scorer, asked in by_scorer.items():
            prepare(scorer, asked)


def prepare(scorer: Any, pairs: Sequence[tuple[Query, str]]) -> None:
    """Let a scorer that has a method `prepare`, such as a judge, see many answers, as `grade` shows each of them."""
    ready = getattr(scorer, "prepare", None)
    if ready is not None and pairs:
        ready([(query, without_thinking(text)) for query, text in pairs])

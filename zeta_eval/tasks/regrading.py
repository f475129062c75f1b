"""Grades stored answers again: no model runs, and every row that can't be graded is counted with the reason."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pandas as pd

from zeta_eval.exceptions import ZetaError, one_line
from zeta_eval.outcomes.attempts import numbers
from zeta_eval.outcomes.targets import read_target, target_text
from zeta_eval.tasks.base import Query, Score, Scorer, Task, grade, name_of
from zeta_eval.tasks.scorers import get_scorer
from zeta_eval.tasks.scoring import prepare

CHANGED: Final = [
    *("task", "query_id", "model", "attempt", "score_before", "score_after"),
    *("unparsed_before", "unparsed_after", "scorer", "target", "response", "error"),
]
"""Columns of the changes."""

_WEIGHED: Final = re.compile(r"\[\[(?:-?[\d.e+-]+|-Infinity), (?:true|false)\]")
"""Beginning of a response that holds log-probabilities, as `asked.Asked` has it."""

FAILED: Final = "The scorer failed: "
"""How the error of a row begins that a scorer could not grade."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Regraded:
    """Rows of outcomes with their new scores."""

    frame: pd.DataFrame
    """All rows, in their order; those that were not graded again are as before."""
    graded: pd.Series
    """Whether a row was graded again, by the frame's index; a row whose scorer failed is, and is unscored."""
    changes: pd.DataFrame
    """The rows whose score or `unparsed` changed, with both."""
    left: Mapping[str, int]
    """Rows that were not graded again, by reason, most frequent first."""
    scorers: Mapping[str, str]
    """Name of the scorer of each task."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Regrading:
    """What answers are graded by: one scorer for all rows, or each task's own."""

    scorer: Scorer | None = None
    """Grades every row; None takes the scorer of the row's task, and "auto" where the task is not known."""
    tasks: Mapping[str, Task]
    """Known tasks by name."""
    queries: Mapping[str, Query]
    """Queries by id: their targets count where a row has none of its own."""

    def run(self, frame: pd.DataFrame) -> Regraded:
        """Grade the answers of a frame that has the columns of an outcomes table."""
        rows: list[dict[str, Any]] = frame.to_dict("records")  # type: ignore[assignment]
        found = [self._query(row) for row in rows]
        scorers = {name: self._scorer(name) for name in dict.fromkeys(frame["task"])}
        pairs: dict[Scorer, list[tuple[Query, str]]] = {}
        for row, query in zip(rows, found, strict=True):
            if isinstance(query, Query):
                pairs.setdefault(scorers[row["task"]], []).append((query, row["response"]))
        for scorer, asked in pairs.items():
            prepare(scorer, asked)
        graded = [isinstance(query, Query) for query in found]
        new = [
            _graded(scorers[row["task"]], query, row["response"]) if isinstance(query, Query) else row
            for row, query in zip(rows, found, strict=True)
        ]
        made = pd.DataFrame(new, columns=["score", "unparsed", "error"], index=frame.index)
        after = frame.assign(
            score=made["score"].astype("float64"),
            unparsed=made["unparsed"].astype("boolean"),
            error=made["error"].astype("str"),
        )
        names = {task: name_of(scorer) for task, scorer in scorers.items()}
        left = Counter(reason for reason in found if isinstance(reason, str))
        targets = [target_text(query.target) if isinstance(query, Query) else None for query in found]
        return Regraded(
            frame=after,
            graded=pd.Series(graded, index=frame.index, dtype=bool),
            changes=_changes(frame, after, names, targets),
            left=dict(left.most_common()),
            scorers={task: names[task] for task in scorers},
        )

    def _scorer(self, task: str) -> Scorer:
        known = self.tasks.get(task)
        return self.scorer or (known.scorer if known else get_scorer("auto"))

    def _query(self, row: Mapping[str, Any]) -> Query | str:
        """The query of a row, or the reason why the row can't be graded."""
        if not isinstance(row["response"], str):
            return "without a response"
        if _WEIGHED.match(row["response"]):
            return "whose given answers were weighed, with no text to grade"
        known = self.tasks.get(row["task"])
        if known is not None and known.kind == "embed":
            return "of a task that grades vectors, not texts"
        own = Query(prompt=row["query"], target="", query_id=row["query_id"], task=row["task"], dataset=row["dataset"])
        if isinstance(row["target"], str):
            return replace(own, target=read_target(row["target"]))
        if (asked := self.queries.get(row["query_id"])) is None:
            return "without a target" if getattr(self.scorer, "needs_target", True) else own
        return asked if asked.prompt == row["query"] else "whose query reads differently in the task"


def _graded(scorer: Scorer, query: Query, text: str) -> dict[str, Any]:
    """New score of a row; one that the scorer can't grade is unscored, with the reason as `error`."""
    try:
        score: Score = grade(scorer, query, text)
    except ZetaError:
        raise
    except Exception as e:  # a scorer of the user's may raise anything
        return {"score": None, "unparsed": None, "error": f"{FAILED}{one_line(e)}"}
    return {"score": float(score.value), "unparsed": score.unparsed, "error": None}


def _changes(
    before: pd.DataFrame, after: pd.DataFrame, names: Mapping[str, str], targets: Sequence[Any]
) -> pd.DataFrame:
    """The rows whose score or `unparsed` changed."""
    both = after.assign(
        score_before=before["score"],
        score_after=after["score"],
        unparsed_before=before["unparsed"],
        unparsed_after=after["unparsed"],
        attempt=numbers(before),
        scorer=before["task"].map(names),
        target=pd.Series(targets, index=before.index, dtype="str"),
    )
    same = (both["score_before"] == both["score_after"]) | (both["score_before"].isna() & both["score_after"].isna())
    flag = both["unparsed_before"].fillna(False) == both["unparsed_after"].fillna(False)
    return both.loc[~(same & flag), CHANGED].reset_index(drop=True)

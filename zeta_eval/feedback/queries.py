"""A history as tables: decisions with their newest feedback, and outcomes."""

from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd
from sqlalchemy import ColumnElement, Select, Subquery, and_, func, select

from zeta_eval.exceptions import InvalidInputError, OutcomesError
from zeta_eval.feedback.rows import MEASURED, UNTOLD
from zeta_eval.feedback.store import Store
from zeta_eval.feedback.tables import DECISIONS, FEEDBACK
from zeta_eval.outcomes import COLUMNS, Outcomes
from zeta_eval.router.decision import selected

_DTYPES: Final = {
    "score": "float64",
    "latency_s": "float64",
    "gpu_s": "float64",
    "cost_usd": "float64",
    "prompt_tokens": "Int64",
    "completion_tokens": "Int64",
}
_COLUMNS: Final = DECISIONS.c.id.label("decision_id"), *(c for c in DECISIONS.c if c.name != "id")


def decision_frame(store: Store, *, source: str | None, since: str | datetime | None) -> pd.DataFrame:
    """Return one row per decision with its newest feedback (see `History.frame`)."""
    statement = _decisions(source)
    if since is not None:
        statement = statement.where(DECISIONS.c.created_at >= _utc(since))
    names = [c.name for c in statement.selected_columns]
    return pd.DataFrame(store.sound(statement), columns=names).astype(_DTYPES)


def judged(store: Store, *, source: str | None) -> Outcomes:
    """Return what was judged as an outcomes table (see `History.outcomes`)."""
    scored = _decisions(source).where(FEEDBACK.c.score.is_not(None), DECISIONS.c.final_size.is_not(None))
    decided = [_outcome(row) for row in store.sound(scored)]
    elsewhere = [_outcome_elsewhere(row) for row in store.sound(_elsewhere(source))]
    rows = [row for row in decided + elsewhere if row["query"] is not None]
    if not rows:
        without = len(decided) + len(elsewhere)
        why = f"; {without} scored ones have no text, for it was not kept" if without else ""
        raise OutcomesError(f"The history {store.name} has no answer with a score{why}; give feedback first.")
    return Outcomes.from_frame(pd.DataFrame(rows, columns=list(COLUMNS)), source="feedback")


def ratings(store: Store) -> pd.DataFrame:
    """Return one row per answer and source, oldest answer first (see `History.ratings`)."""
    decided = _once([_rating(row) for row in store.sound(_rated())])
    elsewhere = [
        _outcome_elsewhere(row) | {"source": row["source"], "propensity": 1.0, "selected": False}
        for row in store.sound(_elsewhere(None))
    ]
    names = [*COLUMNS, "propensity", "selected"]
    rows = pd.DataFrame([r for r in decided + elsewhere if r["query"] is not None], columns=names)
    rows, cells = rows.sort_values("created_at", kind="stable"), ["query_id", "model", "source", "selected"]
    rows["propensity"] = rows.groupby(cells)["propensity"].transform("min")
    return rows.drop_duplicates(cells, keep="last").reset_index(drop=True)


def _rating(row: dict[str, Any]) -> dict[str, Any]:
    """A source's rating of the answer that was kept for a decision."""
    steps = [(s["size"], s["p_right"]) for s in row["steps"]]
    known = row["size"] == row["final_size"]  # another size than the chosen one had a chance that nobody noted
    return {
        **_outcome(row),
        "source": row["source"],
        "selected": selected(row["p"], steps),
        "propensity": row["propensity"] if known else 1.0,
    }


def _once(ratings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The ratings, oldest decision first, with a propensity for a source's first of each query alone, else 1.

    A query that comes often gets every size by lot in time, so its later ratings have a greater chance than their own.
    """
    seen: set[tuple[str, str, bool]] = set()
    for rating in ratings:
        key = rating["query_id"], rating["source"], rating["selected"]
        rating["propensity"] = 1.0 if key in seen else rating["propensity"]
        seen.add(key)
    return ratings


def _rated() -> Select[Any]:
    """Answered decisions with the newest score of each source, oldest first."""
    wanted = and_(FEEDBACK.c.decision_id.is_not(None), FEEDBACK.c.score.is_not(None))
    each = select(func.max(FEEDBACK.c.id).label("id")).where(wanted).group_by(FEEDBACK.c.decision_id, FEEDBACK.c.source)
    newest = each.subquery()
    joined = newest.join(FEEDBACK, FEEDBACK.c.id == newest.c.id).join(
        DECISIONS, DECISIONS.c.id == FEEDBACK.c.decision_id
    )
    found = select(*_COLUMNS, FEEDBACK.c.score, FEEDBACK.c.source).select_from(joined)
    return found.where(DECISIONS.c.final_size.is_not(None)).order_by(DECISIONS.c.created_at, DECISIONS.c.id)


def _decisions(source: str | None) -> Select[Any]:
    """Decisions, oldest first, with the newest score and the newest correct answer of a source."""
    scored, answered = _newest(FEEDBACK.c.score, source), _newest(FEEDBACK.c.answer, source)
    correct = FEEDBACK.alias()
    joined = (
        DECISIONS.outerjoin(scored, scored.c.decision_id == DECISIONS.c.id)
        .outerjoin(FEEDBACK, FEEDBACK.c.id == scored.c.id)
        .outerjoin(answered, answered.c.decision_id == DECISIONS.c.id)
        .outerjoin(correct, correct.c.id == answered.c.id)
    )
    given = FEEDBACK.c
    newest = given.score, given.source, given.given_by, given.created_at.label("judged_at"), correct.c.answer
    return select(*_COLUMNS, *newest).select_from(joined).order_by(DECISIONS.c.created_at, DECISIONS.c.id)


def _newest(column: ColumnElement[Any], source: str | None) -> Subquery:
    """Id of the newest feedback of each decision in which a column is set."""
    wanted = and_(FEEDBACK.c.decision_id.is_not(None), column.is_not(None), _of(source))
    newest = select(FEEDBACK.c.decision_id, func.max(FEEDBACK.c.id).label("id")).where(wanted)
    return newest.group_by(FEEDBACK.c.decision_id).subquery()


def _elsewhere(source: str | None) -> Select[Any]:
    """Scored feedback for answers made elsewhere, oldest first."""
    wanted = and_(FEEDBACK.c.decision_id.is_(None), FEEDBACK.c.score.is_not(None), _of(source))
    return select(FEEDBACK).where(wanted).order_by(FEEDBACK.c.id)


def _of(source: str | None) -> ColumnElement[bool]:
    return FEEDBACK.c.source == source if source is not None else FEEDBACK.c.source.is_not(None)


def _outcome(row: dict[str, Any]) -> dict[str, Any]:
    """The outcome of the size whose answer was kept."""
    kept = next((s["latency_s"] for s in reversed(row["steps"]) if s["size"] == row["final_size"]), None)
    alone = len(row["steps"]) <= 1  # of several sizes together, no one's share is known
    return {
        **_identity(row),
        **{name: row[name] if alone else None for name in MEASURED},
        "model": row["final_size"],
        "latency_s": kept,
        "latency_source": None if kept is None else "measured",
        "run_id": row["decision_id"],
    }


def _outcome_elsewhere(row: dict[str, Any]) -> dict[str, Any]:
    return {**_identity(row), "model": row["size"], "run_id": f"feedback-{row['id']}"}


def _identity(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "dataset": "history",
        "task": row["task"] or UNTOLD,
        "query_id": row["query_hash"],
        **{name: row[name] for name in ("query", "messages", "score", "created_at")},
        "source": "feedback",
    }


def _utc(time: str | datetime) -> str:
    try:
        moment = datetime.fromisoformat(time) if isinstance(time, str) else time
    except ValueError as e:
        raise InvalidInputError(f"since is '{time}'; give an ISO 8601 time such as '2026-01-31T12:00'.") from e
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).isoformat(timespec="microseconds")

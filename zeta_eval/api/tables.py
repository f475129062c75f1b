"""The verbs on stored answers: grade them again, join tables, and let several attempts vote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeta_eval.exceptions import GenerationError, InvalidInputError
from zeta_eval.files import loaded
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.files import TABLE

if TYPE_CHECKING:
    from zeta_eval.evaluation.reports.rescore_report import RescoreReport
    from zeta_eval.outcomes.merging import MergeReport
    from zeta_eval.outcomes.voting import VoteReport
    from zeta_eval.tasks import Query, Scorer, Task


def rescore(
    outcomes: Outcomes | str | Path,
    *,
    scorer: str | Scorer | None = None,
    tasks: str | Task | Sequence[str | Task] | None = None,
    out: str | Path | None = None,
    changes: str | Path | None = None,
    seed: int = 0,
) -> RescoreReport:
    """Grade the answers of a table again, without asking the sizes, and say what changes.

    Args:
        outcomes: A table, its file, or a benchmark's folder; it stays as it is.
        scorer: What grades every answer: a scorer's name, `FILE.py:NAME` or a function as `task` takes it; None takes
            the scorer of each task, and "auto" where the task is not known; `judge` makes one that asks a model.
        tasks: Where the targets are, for a table that has none of its own: tasks as `benchmark` takes them.
        out: Parquet file of the new table; None writes none.
        changes: File of the changed rows: .parquet, .csv or .jsonl; None writes none.
        seed: Seed of the intervals.

    Raises:
        ZetaError: a table without answers or targets, an unknown scorer or task, or a file that would take the place of
            the table itself.

    Examples:
        >>> import zeta_eval as ze
        >>> table = ze.benchmark("embedded", "copy", limit=5, out="outcomes")
        >>> report = ze.rescore(table, scorer="exact")
        >>> len(report.changes), report.frame()["n_graded"].tolist()
        (0, [5, 5, 5])
    """
    from zeta_eval.evaluation.reports.rescore_report import RescoreReport, by_size, check_changes_path
    from zeta_eval.tasks import get_scorer, get_task, resolve_tasks, task_names
    from zeta_eval.tasks.regrading import Regrading

    if out is not None:
        _check_new(out, outcomes)
    if changes is not None:
        check_changes_path(changes)
    table = loaded(Outcomes, outcomes)
    before = table.attempts
    named = {t.name: t for t in (resolve_tasks(tasks) if tasks else ())}
    n = before.drop_duplicates("query_id")["task"].value_counts()
    queries = {q.query_id: q for t in named.values() for q in _queries(t, int(n.get(t.name, 0)))}
    grading = Regrading(
        scorer=None if scorer is None else get_scorer(scorer),
        tasks={name: get_task(name) for name in task_names()} | named,
        queries=queries,
    )
    made = grading.run(before)
    if not made.graded.any():
        why = "; ".join(f"{n:,} {reason}" for reason, n in made.left.items())
        raise InvalidInputError(
            f"None of {len(before):,} rows can be graded again ({why}); name the tasks that hold the targets."
        )
    if made.frame["score"].isna().all():
        raise GenerationError(
            f"None of {int(made.graded.sum()):,} answers got a score; the first error: "
            f"{made.frame.loc[made.graded, 'error'].iloc[0]}. Mend that, or take another scorer."
        )
    judge: Any = grading.scorer if hasattr(grading.scorer, "use") else None
    report = RescoreReport(
        outcomes=Outcomes.from_frame(made.frame).with_order(table.sizes),
        sizes=by_size(before, made.frame, made.graded, table.sizes, seed=seed),
        changes=made.changes,
        left=made.left,
        scorers=made.scorers,
        judge=None if judge is None else judge.to_dict(),
        remarks=() if judge is None else judged(judge, table.sizes),
    )
    if judge is not None:
        judge.close()
    if out is not None:
        report.outcomes.save(out)
    if changes is not None:
        report.save_changes(changes)
    return report


def merge(
    tables: Sequence[Outcomes | str | Path] | Mapping[str, Outcomes | str | Path],
    *,
    out: str | Path | None = None,
    prefer: str = "error",
) -> MergeReport:
    """Join tables of the same queries, by query_id, size and attempt: other sizes, other tasks, other runs.

    Args:
        tables: At least two tables, their files or benchmarks' folders: in a list, or by name.
        out: Parquet file of the joined table; None writes none.
        prefer: Whose answers are kept where tables give a query and size another score or text: those of the "first" or
            the "last" table; "error" refuses to join.

    Raises:
        ZetaError: fewer than two tables, conflicts that nothing decides, one query_id with two texts, or a file that
            would take the place of a table.

    Examples:
        >>> import zeta_eval as ze
        >>> from zeta_eval.testing import make_outcomes
        >>> table = make_outcomes(100)
        >>> parts = [ze.Outcomes.from_frame(f) for _, f in table.frame.groupby("model")]
        >>> ze.merge(parts).outcomes
        Outcomes(100 queries x 3 sizes: 4B < 7B < 14B)
    """
    from zeta_eval.outcomes.merging import merge_tables

    named = dict(tables) if isinstance(tables, Mapping) else _names(tables)
    for table in named.values():
        if out is not None:
            _check_new(out, table)
    report = merge_tables({name: loaded(Outcomes, table) for name, table in named.items()}, prefer=prefer)
    if out is not None:
        report.outcomes.save(out)
    return report


def vote(
    outcomes: Outcomes | str | Path, *, sizes: Sequence[str] | None = None, out: str | Path | None = None
) -> VoteReport:
    """Add sizes that are asked several times and answer with the majority of their attempts, at the cost of all.

    Args:
        outcomes: A table with several attempts per query, its file, or a benchmark's folder; it stays as it is.
        sizes: The sizes to ask several times; None takes all that have several attempts.
        out: Parquet file of the new table; None writes none.

    Raises:
        ZetaError: an unknown size, a size with one attempt per query, or a file that would take the place of the table.

    Examples:
        >>> import zeta_eval as ze
        >>> config = ze.GenerateConfig(max_new_tokens=24, temperature=0.8, attempts=3)
        >>> table = ze.benchmark("embedded", "copy", limit=5, out="outcomes", config=config)
        >>> report = ze.vote(table, sizes=["17K"])
        >>> report.sizes["size"].tolist(), report.outcomes.matrix("agreement").shape
        (['17K x3'], (5, 4))
    """
    from zeta_eval.outcomes.voting import vote_table

    if out is not None:
        _check_new(out, outcomes)
    report = vote_table(loaded(Outcomes, outcomes), sizes)
    if out is not None:
        report.outcomes.save(out)
    return report


def judged(judge: Any, sizes: Sequence[str], models: Sequence[str] = ()) -> tuple[str, ...]:
    """What to say of a judge: a warning where it judges itself, and what it took."""
    warning = judge.warning(sizes, models)
    return (*([warning] if warning else []), f"{judge.name}: {judge.use.text()}")


def _queries(task: Task, n: int) -> list[Query]:
    """The queries of a task: all of a data set, and of a task that makes its own as many as the table has of it."""
    return task.load(limit=None if task.default_limit is None else max(n, task.default_limit))


def _names(tables: Sequence[Outcomes | str | Path]) -> dict[str, Outcomes | str | Path]:
    """Tables by the names of their files, or by number."""
    if isinstance(tables, Outcomes | str | Path):
        raise InvalidInputError("There is one table to join; give at least two, in a list or by name.")
    names = [f"table {i}" if isinstance(t, Outcomes) else str(t) for i, t in enumerate(tables, start=1)]
    if len(set(names)) < len(names):
        raise InvalidInputError("The same table is there twice; name each table once.")
    return dict(zip(names, tables, strict=True))


def _check_new(out: str | Path, table: Outcomes | str | Path) -> None:
    """Refuse a file to write that is no .parquet file, or that would take the place of the table it is made from."""
    path = Path(out)
    if path.suffix.lower() not in (".parquet", ".pq"):
        raise InvalidInputError(f"The table to write is '{out}'; tables are written as Parquet, give a .parquet file.")
    if not isinstance(table, Outcomes) and path.resolve() in (Path(table).resolve(), Path(table, TABLE).resolve()):
        raise InvalidInputError(
            f"'{out}' is the table that is read; a table is never changed in place, name a new file."
        )

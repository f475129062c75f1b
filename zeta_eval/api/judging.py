"""The verbs about judges: make a scorer of a model, and compare scores with people's labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.files import loaded
from zeta_eval.models import Ladder, ModelSpec
from zeta_eval.outcomes import Outcomes

if TYPE_CHECKING:
    from zeta_eval.evaluation.reports.agree_report import AgreeReport
    from zeta_eval.inference.judging import Judge, PairJudge


def judge(
    model: str,
    *,
    ladder: Ladder | str | Path | None = None,
    rubric: str | Path | None = None,
    cache: str | Path | None = None,
    against: tuple[Outcomes | str | Path, str] | None = None,
) -> Judge | PairJudge:
    """Make a scorer that asks a model: for `benchmark`, `rescore` or a task of your own.

    The model grades each answer on a scale of whole numbers with their meanings, against the query's target where there
    is one. A reply without a grade in the form asked for leaves the answer unscored, and is counted. Tokens and costs
    of the judge are in its `use`, and never among those of the sizes.

    Args:
        model: A rung of the ladder, or `MODEL@ADDRESS` for a model behind an OpenAI-compatible server.
        ladder: The ladder that has the rung.
        rubric: TOML file with `instructions` and a table `[scale]`; None asks whether the answer is right.
        cache: SQLite file of what the judge was asked and replied; None asks anew each time.
        against: A table and one of its sizes: then the judge compares each answer with that size's, in both orders,
            and a judge that contradicts itself gives a tie.

    Raises:
        ZetaError: an unknown rung or size, or a rubric that is none.

    Examples:
        >>> import zeta_eval as ze
        >>> ze.judge("qwen3:14b@http://localhost:11434/v1").name
        'judge:qwen3:14b'
    """
    from zeta_eval.inference.judging import Judge, PairJudge, Rubric

    known = None if rubric is None else Rubric.load(rubric)
    made = Judge(_rung(model, ladder), rubric=known, cache=cache)
    if against is None:
        return made
    return PairJudge.of(made, loaded(Outcomes, against[0]), against[1])


def agree(
    outcomes: Outcomes | str | Path, labels: str | Path, *, scale: str | None = None, seed: int = 0
) -> AgreeReport:
    """Compare the scores of a table, such as a judge's, with labels that people gave to the same answers.

    Args:
        outcomes: A table, its file, or a benchmark's folder.
        labels: CSV file with the columns query_id and label, and model where the table has several.
        scale: Lowest and highest label, as "1:5"; None takes numbers in [0, 1], and words such as right and wrong.
        seed: Seed of the intervals.

    Raises:
        ZetaError: a table or labels that can't be used, or that have no answer in common.

    Examples:
        >>> import zeta_eval as ze
        >>> from zeta_eval.testing import make_outcomes
        >>> table = make_outcomes(100)
        >>> rows = table.frame[["query_id", "model", "score"]].rename(columns={"score": "label"})
        >>> rows.to_csv("labels.csv", index=False)
        >>> ze.agree(table, "labels.csv").frame()["kappa"].tolist()
        [1.0, 1.0, 1.0, 1.0]
    """
    from zeta_eval.evaluation.reports.agree_report import AgreeReport
    from zeta_eval.outcomes.labels import labelled, read_labels

    rows, left, remarks = labelled(loaded(Outcomes, outcomes), read_labels(labels, scale=scale))
    return AgreeReport.of(rows, left, remarks, seed=seed)


def _rung(model: str, ladder: Ladder | str | Path | None) -> ModelSpec:
    """The judging rung."""
    name, at, address = model.rpartition("@")
    if at and address.startswith(("http://", "https://")):
        return ModelSpec(size=name, model=name, base_url=address)
    if ladder is None:
        raise InvalidInputError(
            f"Judge '{model}' is a rung, but of no ladder; give the ladder, or MODEL@http://HOST/v1."
        )
    rungs = {spec.size: spec for spec in loaded(Ladder, ladder).generators}
    if model not in rungs:
        raise UnknownNameError("rung to judge", model, rungs, hint="MODEL@http://HOST/v1 is taken too.")
    return rungs[model]

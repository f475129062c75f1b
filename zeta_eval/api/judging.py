"""The verb that makes a scorer of a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.files import loaded
from zeta_eval.models import Ladder, ModelSpec
from zeta_eval.outcomes import Outcomes

if TYPE_CHECKING:
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

"""Brings scores to [0, 1]: by the scale that the user names, never by one that is guessed from the values."""

from typing import Final, NamedTuple

import pandas as pd

from zeta_eval.exceptions import OutcomesError
from zeta_eval.outcomes.importers.account import Account

_USUAL: Final = ((1.0, 5.0), (1.0, 10.0), (0.0, 10.0), (0.0, 100.0))
"""Scales in use; the message names the first that fits, for a person to judge."""


class _Outside(NamedTuple):
    """Scores of a task that leave its scale."""

    task: str
    model: str
    n: int
    least: float
    most: float


def scaled(frame: pd.DataFrame, account: Account) -> pd.DataFrame:
    """Return the rows with every score in [0, 1].

    Left out row by row, scores of another scale would leave the low ones alone, and the best model would look worst.

    Raises:
        OutcomesError: a score is outside the scale of its task; the whole table is refused.
    """
    for task in account.wanted.scale:
        if task and not (frame["task"] == task).any():
            names = ", ".join(map(str, frame["task"].unique()[:5]))
            raise OutcomesError(f"--scale names task '{task}', which isn't there; it has {names}.")
    score = frame["score"].copy()
    outside = []
    for name, its in score.groupby(frame["task"].astype("str"), sort=False):
        task, (low, high) = str(name), account.wanted.bounds(str(name))
        beyond = ((its < low) | (its > high)).to_numpy()
        if beyond.any():
            model = str(frame["model"].loc[its.index].iloc[int(beyond.argmax())])
            outside.append(_Outside(task, model, int(beyond.sum()), float(its.min()), float(its.max())))
        elif (low, high) != (0, 1):
            score[its.index] = (its - low) / (high - low)
            account.note(task, f"scores from {low:g} to {high:g} became 0 to 1")
            _doubt(task, its.groupby(frame["model"].loc[its.index].astype("str")).max(), low, high, account)
    if outside:
        raise OutcomesError(_refusal(outside, account))
    return frame.assign(score=score)


def _doubt(task: str, most: pd.Series, low: float, high: float, account: Account) -> None:
    """Note models whose scores look as if they were on another scale than the one named."""
    small = [str(model) for model, value in most.items() if low <= 0 < value <= 1 < high]
    if small:
        account.note(task, f"no score of {', '.join(small)} is above 1; is {low:g}:{high:g} the scale of these too?")


def _refusal(outside: list[_Outside], account: Account) -> str:
    first, low, high = outside[0], min(o.least for o in outside), max(o.most for o in outside)
    several = f"task '{first.task}'" + (f" and {len(outside) - 1} more" if len(outside) > 1 else "")
    least, most = account.wanted.bounds(first.task)
    usual = next((s for s in _USUAL if s[0] <= low and high <= s[1]), (low, high))
    return (
        f"The scores of {several} reach from {low:g} to {high:g}, and {sum(o.n for o in outside):,} are outside "
        f"[{least:g}, {most:g}] (first that of model '{first.model}'), so none is taken; give the worst and the best, "
        f"as in --scale {usual[0]:g}:{usual[1]:g} (or TASK=LOW:HIGH), or mend these rows."
    )

"""Brings scores to [0, 1]: by the scale that the user names, never by one that is guessed from the values."""

import pandas as pd

from zeta_eval.exceptions import OutcomesError
from zeta_eval.outcomes.importers.account import Account

_USUAL = ((1.0, 5.0), (1.0, 10.0), (0.0, 10.0), (0.0, 100.0))
"""Scales in use; the message names the first that fits, for a person to judge."""


def scaled(frame: pd.DataFrame, account: Account) -> pd.DataFrame:
    """Return the rows with every score in [0, 1].

    Left out row by row, scores of another scale would leave the low ones alone, and the best model would look worst.

    Raises:
        OutcomesError: a score is outside the scale of its task; the whole table is refused.
    """
    for task in account.wanted.scale:
        if task and not (frame["task"] == task).any():
            raise OutcomesError(f"--scale names task '{task}', which isn't there; it has {_names(frame)}.")
    score = frame["score"].copy()
    outside: list[tuple[str, int, float, float]] = []
    for task, its in score.groupby(frame["task"].astype("str"), sort=False):
        low, high = account.wanted.bounds(str(task))
        if n := int(((its < low) | (its > high)).sum()):
            outside.append((str(task), n, float(its.min()), float(its.max())))
        if (low, high) != (0, 1):
            score[its.index] = (its - low) / (high - low)
            account.note(str(task), f"scores from {low:g} to {high:g} became 0 to 1")
            if low <= 0 < its.max() <= 1 < high:
                account.note(
                    str(task), f"no score is above 1, so is {low:g}:{high:g} its scale? (--scale TASK=LOW:HIGH)"
                )
    if outside:
        raise OutcomesError(_refusal(outside, account))
    return frame.assign(score=score)


def _names(frame: pd.DataFrame) -> str:
    return ", ".join(map(str, frame["task"].unique()[:5]))


def _refusal(outside: list[tuple[str, int, float, float]], account: Account) -> str:
    task, low, high = outside[0][0], min(o[2] for o in outside), max(o[3] for o in outside)
    several = f"task '{task}'" + (f" and {len(outside) - 1} more" if len(outside) > 1 else "")
    given = account.wanted.bounds(task)
    usual = next((s for s in _USUAL if s[0] <= low and high <= s[1]), (low, high))
    return (
        f"The scores of {several} reach from {low:g} to {high:g}, and {sum(o[1] for o in outside):,} are outside "
        f"[{given[0]:g}, {given[1]:g}], so none is taken; say what the worst and the best score are, as in --scale "
        f"{usual[0]:g}:{usual[1]:g} (--scale TASK=LOW:HIGH for one task), or mend these rows."
    )

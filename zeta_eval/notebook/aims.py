"""What a user wants of a working point, in words: "keep 95 %", "at most $1 per 1,000"."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import pandas as pd

from zeta_eval.exceptions import InvalidInputError

FORMS: Final = "keep 95 % | at most $1 per 1,000 | at most 30 % | at most 200 ms"
"""What may be said."""

_KEEP: Final = re.compile(r"keep\s+([\d.]+)\s*%(?: .*)?", re.IGNORECASE)
_MONEY: Final = re.compile(r"at most\s+\$\s*([\d.]+)(?:\s*per\s+([\d,]+)(?: queries)?)?", re.IGNORECASE)
_SHARE: Final = re.compile(r"at most\s+([\d.]+)\s*%(?: of .*)?", re.IGNORECASE)
_TIME: Final = re.compile(r"at most\s+([\d.]+)\s*(ms|s)(?: .*)?", re.IGNORECASE)


def aimed(frame: pd.DataFrame, wish: str, *, largest: float, unit: str) -> int:
    """Return the place of the point that a wish asks for.

    Args:
        frame: A row per point: accuracy, cost, cost_ratio, latency_p95_s.
        wish: "keep X %" asks for the cheapest point with that share of the largest size's accuracy; "at most ..." for
            the most accurate one within a cost per queries, a share of the largest size's cost, or a latency p95.
        largest: Accuracy of the largest size.
        unit: Column that costs come from.

    Raises:
        InvalidInputError: a wish of another form, or that no point fulfils.
    """
    said = wish.strip()
    if found := _KEEP.fullmatch(said):
        return _cheapest(frame, _number(found[1]) / 100 * largest, said)
    if found := _MONEY.fullmatch(said):
        if unit != "cost_usd":
            raise InvalidInputError(
                f"'{said}' needs costs in USD; this policy counts {unit}. Say a share: at most 30 %."
            )
        per = _number((found[2] or "1").replace(",", ""))
        return _best(frame, "cost", _number(found[1]) / max(per, 1.0), said)
    if found := _SHARE.fullmatch(said):
        return _best(frame, "cost_ratio", _number(found[1]) / 100, said)
    if found := _TIME.fullmatch(said):
        return _best(frame, "latency_p95_s", _number(found[1]) * (0.001 if found[2].lower() == "ms" else 1), said)
    raise InvalidInputError(f"'{said}' is no target; say one of: {FORMS}.")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as e:
        raise InvalidInputError(f"'{text}' is no number; say one of: {FORMS}.") from e


def _cheapest(frame: pd.DataFrame, accuracy: float, said: str) -> int:
    """Place of the cheapest point that is accurate enough."""
    able = np.flatnonzero(frame["accuracy"] >= accuracy - 1e-12)
    if not able.size:
        most = frame["accuracy"].max()
        raise InvalidInputError(
            f"No point of this policy fulfils '{said}' (accuracy {accuracy:.3f}); the most is {most:.3f}."
        )
    return int(able[frame["cost"].to_numpy()[able].argmin()])


def _best(frame: pd.DataFrame, column: str, most: float, said: str) -> int:
    """Place of the most accurate point within a limit, the cheapest of equals."""
    able = np.flatnonzero(frame[column] <= most * (1 + 1e-12))
    if not able.size:
        raise InvalidInputError(f"No point of this policy fulfils '{said}'; the least is {frame[column].min():.3g}.")
    best = able[np.lexsort((frame["cost"].to_numpy()[able], -frame["accuracy"].to_numpy()[able]))]
    return int(best[0])

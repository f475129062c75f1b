"""Labels that people gave to answers: a CSV file with a row for each label."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pandas as pd

from zeta_eval.exceptions import InvalidInputError, one_line
from zeta_eval.outcomes.attempts import has_attempts, numbers
from zeta_eval.outcomes.table import Outcomes

WORDS: Final = {
    **dict.fromkeys(("right", "correct", "yes", "true", "pass"), 1.0),
    **dict.fromkeys(("wrong", "incorrect", "no", "false", "fail"), 0.0),
}
"""Words that are labels."""


def read_labels(path: str | Path, *, scale: str | None = None) -> pd.DataFrame:
    """Read a CSV file with the columns query_id and label, and model and attempt where it has them.

    Args:
        path: The file.
        scale: Lowest and highest label as "1:5"; None takes labels in [0, 1], and words.

    Returns:
        The columns query_id, label (in [0, 1]), and model and attempt where the file has them.

    Raises:
        InvalidInputError: no such file or columns, or a label that is none.
    """
    try:
        frame = pd.read_csv(path, dtype="str", keep_default_na=False)
    except (OSError, ValueError) as e:  # pandas' own errors are ValueErrors
        raise InvalidInputError(f"{path} can't be read as CSV ({one_line(e)}); give a file of labels.") from e
    if missing := [c for c in ("query_id", "label") if c not in frame.columns]:
        raise InvalidInputError(
            f"{path} lacks the column {missing[0]}; give query_id and label, and model where there are several."
        )
    said = frame["label"].str.strip().str.lower()
    found = pd.to_numeric(said.where(~said.isin(WORDS), said.map(WORDS).astype("str")), errors="coerce")
    low, high = _ends(scale)
    label = ((found - low) / (high - low)).where(~said.isin(WORDS), found)
    wrong = ~label.between(0, 1)
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        advice = f"the scale is {scale}" if scale else "give numbers in [0, 1], right or wrong, or --scale LOW:HIGH"
        raise InvalidInputError(f"{path} has the label '{frame['label'].iloc[row]}' in row {row + 1}; {advice}.")
    kept = [c for c in ("query_id", "model", "attempt") if c in frame.columns]
    return frame[kept].assign(label=label.astype("float64"))


def labelled(outcomes: Outcomes, labels: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int], tuple[str, ...]]:
    """Join labels with the rows of a table that they are about.

    Returns:
        The rows query_id, query, model, score and label; labels that were left out, by reason; remarks.

    Raises:
        InvalidInputError: labels that name no model of several, or none that fits.
    """
    frame, remarks = outcomes.attempts, []
    key = ["query_id", "model"] if "model" in labels.columns else ["query_id"]
    if key == ["query_id"] and frame["model"].nunique() > 1:
        models = ", ".join(frame["model"].unique())
        raise InvalidInputError(f"The labels name no model, and the table has several ({models}); add a column model.")
    if has_attempts(frame) and "attempt" not in labels.columns:
        frame = frame[numbers(frame) == 0]
        remarks.append("The labels name no attempt; they count for the first.")
    elif "attempt" in labels.columns:
        key, frame = [*key, "attempt"], frame.assign(attempt=numbers(frame).astype("str"))
    joined = labels.merge(frame[list(dict.fromkeys([*key, "query", "model", "score"]))], on=key, how="left")
    absent = joined["query"].isna()
    unscored = ~absent & joined["score"].isna()
    left = {"not in the table": int(absent.sum()), "of unscored answers": int(unscored.sum())}
    rows = joined[~absent & ~unscored].reset_index(drop=True)
    if rows.empty:
        raise InvalidInputError(f"None of {len(labels)} labels is about a scored answer of the table; check query_id.")
    return rows, {reason: n for reason, n in left.items() if n}, tuple(remarks)


def _ends(scale: str | None) -> tuple[float, float]:
    """Lowest and highest label."""
    if scale is None:
        return 0.0, 1.0
    found = re.fullmatch(r"(-?\d+(?:\.\d+)?):(-?\d+(?:\.\d+)?)", scale)
    if not found or float(found[1]) >= float(found[2]):
        raise InvalidInputError(f"The scale is '{scale}'; give LOW:HIGH, as 1:5.")
    return float(found[1]), float(found[2])

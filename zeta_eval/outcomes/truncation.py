"""Answers that were cut off at the token limit: a size that was not let to finish looks worse than it is."""

from collections.abc import Sequence

import pandas as pd

NOTED = 0.05
"""Share of a size's answers above which it is said that they were cut off."""


def share(flags: pd.Series) -> float:
    """Share of true values among the known ones; NaN where none is known."""
    return float(flags.dropna().astype("float64").mean())


def truncation_note(model: pd.Series, truncated: pd.Series, sizes: Sequence[str]) -> str | None:
    """Say of which sizes more than 5 % of the answers were cut off; None if of none.

    Args:
        model: size of each row of a table.
        truncated: whether its answer was cut off; a missing value is unknown.
        sizes: the sizes, in the order in which they are told.
    """
    shares = {size: share(truncated[(model == size).to_numpy()]) for size in sizes}
    told = " and ".join(f"{part:.0%} of {size}'s" for size, part in shares.items() if part > NOTED)
    if not told:
        return None
    return f"{told} answers were cut off at the token limit: raise --max-new-tokens, or the ladder's max_new_tokens"

"""What to bear in mind of results on a split of a table."""

import numpy as np
import pandas as pd

from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.split import ENOUGH, families

MUCH = 0.2
"""Share of a table's queries above which a single family is worth a line."""


def cautions(split: str, whole: Outcomes, part: Outcomes) -> list[str]:
    """Say, in a line each, what to bear in mind of results on a split of a table, of which `part` was evaluated."""
    found = []
    if split != "test":
        found.append("a policy looks better on the queries it was tuned on; split 'test' has none of them.")
    if part.n_incomplete:
        found.append(
            f"{part.n_incomplete} queries are left out because a size has no score on them; run `zeta bench` again to "
            "complete them, or mend the table."
        )
    return found + _of_families(whole)


def _of_families(table: Outcomes) -> list[str]:
    """Say whether families of like queries were divided among the splits, or one holds much of the table."""
    member, n = families(table.queries), len(table)
    if member is None or n < ENOUGH:
        return []
    n_splits = pd.Series(table.splits).groupby(member).nunique().to_numpy()
    if (divided := n_splits[member] > 1).any():
        return [
            f"{int((n_splits > 1).sum())} families of like queries ({divided.mean():.0%} of the table) lie in several "
            "splits, for whole they would leave one too small: results hold for queries of these kinds, not for others."
        ]
    if (most := np.bincount(member).max() / n) > MUCH:
        return [
            f"one family of like queries holds {most:.0%} of the table: errors count it as one query, and its split "
            "says little of other queries."
        ]
    return []

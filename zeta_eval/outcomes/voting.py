"""Sizes that are asked several times: their answer is the majority's, and they cost what all attempts cost.

A cascade may read how far attempts agree, but only after all of them are paid for. So a size that is asked five times
is a size of its own beside the one that is asked once, in the table and in use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from zeta_eval.exceptions import OutcomesError, UnknownNameError
from zeta_eval.outcomes.attempts import finals, numbers
from zeta_eval.outcomes.merging import joined_order
from zeta_eval.outcomes.table import Outcomes
from zeta_eval.router.signals.vote import vote, voted_name

SUMMED: Final = ("latency_s", "gpu_s", "prefill_gpu_s", "cost_usd")
"""Columns whose value is the sum over the attempts; unknown where that of one attempt is."""


@dataclass(frozen=True, kw_only=True)
class VoteReport:
    """A table with sizes that answer with the majority of several attempts."""

    outcomes: Outcomes
    """The table: all that it had, and the new sizes."""
    sizes: pd.DataFrame
    """One row per new size: size, of (the size that is asked), attempts, n (queries with all attempts scored), one
    (mean score of one attempt at these), majority (that of the majority's answer), agreement (its mean share)."""

    def text(self) -> str:
        """What the new sizes do, a line each."""
        lines = [
            f"{s['size']}: the majority of {s['attempts']} attempts by {s['of']} scores {s['majority']:.3f}, "
            f"one attempt {s['one']:.3f} (n = {s['n']:,}); mean agreement {s['agreement']:.3f}"
            for s in self.to_dict()["voted"]
        ]
        return "\n".join([*lines, f"Sizes, cheapest first: {', '.join(self.outcomes.sizes)}"])

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON data."""
        return {"voted": self.sizes.to_dict("records"), "sizes": list(self.outcomes.sizes)}


def vote_table(table: Outcomes, sizes: Sequence[str] | None = None) -> VoteReport:
    """Add, for sizes with several attempts, a size that answers with their majority; None takes all of them.

    Its score, text and log-probabilities are those of the first attempt that gives the most frequent final answer, its
    cost and its time those of all attempts, and `agreement` is the share that gives this answer. A query of which some
    attempt is missing or unscored gives no score. New sizes stand where their cost puts them.

    Raises:
        UnknownNameError: the table has no such size.
        OutcomesError: a size has one attempt per query, or no query with all of its attempts.
    """
    frame = table.attempts
    most = (numbers(frame) + 1).groupby(frame["model"]).max()
    chosen = [s for s in table.sizes if most[s] > 1] if sizes is None else list(sizes)
    if unknown := [s for s in chosen if s not in table.sizes]:
        raise UnknownNameError("size", unknown[0], table.sizes)
    if not chosen or any(most[s] < 2 for s in chosen):
        raise OutcomesError(
            f"{next(iter(chosen), 'Every size')} has one attempt per query, which is its own majority; ask several "
            "times: zeta bench --attempts 5 --temperature 0.7."
        )
    parts = {voted_name(s, int(most[s])): (s, int(most[s]), frame[frame["model"] == s]) for s in chosen}
    rows = {name: _voted(part, name, k) for name, (_, k, part) in parts.items()}
    if empty := next((name for name, voted in rows.items() if voted["score"].isna().all()), None):
        size, k, _ = parts[empty]
        raise OutcomesError(
            f"No query has all {k} attempts by {size} with a score, by their numbers 0 to {k - 1}; ask the missing "
            "ones, or number attempts without gaps."
        )
    made = Outcomes.from_frame(pd.concat([frame, *rows.values()], ignore_index=True))
    orders = [table.sizes, *((part[0], name) for name, part in parts.items())]
    made = made.with_order(joined_order(orders, [s for s in made.sizes if s in {*table.sizes, *rows}]))
    told = [_told(rows[name], name, *parts[name]) for name in parts]
    return VoteReport(outcomes=made, sizes=pd.DataFrame(told))


def _voted(rows: pd.DataFrame, name: str, k: int) -> pd.DataFrame:
    """One row per query from the rows of a size's attempts, for a size of this name that makes k attempts."""
    rows = rows.assign(_number=numbers(rows), _final=finals(rows)).sort_values("_number", kind="stable")
    places: list[int] = []
    shares: list[float] = []
    for at in rows.groupby("query_id", sort=False).indices.values():
        place, share = vote(rows["_final"].iloc[at].tolist())
        places.append(int(at[place]))
        shares.append(share)
    kept = rows.iloc[places].assign(agreement=shares).set_index("query_id")
    groups = rows.groupby("query_id", sort=False)
    for column in SUMMED:
        kept[column] = groups[column].sum(min_count=k)
    scored = groups["score"].count().reindex(kept.index)
    kept["score"] = kept["score"].where(scored == k)
    kept["error"] = kept["error"].mask(scored < k, scored.map(lambda n: f"{n} of {k} attempts have a score"))
    kept = kept.reset_index().assign(model=name, ttft_s=np.nan)
    kept["attempt"] = pd.array([pd.NA] * len(kept), dtype="Int64")
    return kept[[c for c in rows.columns if not c.startswith("_")]]


def _told(voted: pd.DataFrame, name: str, size: str, k: int, rows: pd.DataFrame) -> dict[str, Any]:
    """What a new size does, beside one attempt at the same queries."""
    scored = voted[voted["score"].notna()]
    one = rows[rows["query_id"].isin(scored["query_id"])]["score"].mean()
    found = {"size": name, "of": size, "attempts": k, "n": len(scored), "one": float(one)}
    return found | {"majority": float(scored["score"].mean()), "agreement": float(scored["agreement"].mean())}

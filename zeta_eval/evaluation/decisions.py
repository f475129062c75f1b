"""Every decision of a replay as a table, from which anyone can recompute the numbers of the report."""

from pathlib import Path

import numpy as np
import pandas as pd

from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.runs import checked_way, runs_of
from zeta_eval.exceptions import InvalidInputError
from zeta_eval.files import replacing
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.policy import RoutingPolicy


def decisions(
    policy: RoutingPolicy,
    outcomes: Outcomes,
    *,
    cost_weight: float | None = None,
    curve: bool = False,
    way: str | None = None,
) -> pd.DataFrame:
    """Return the sizes that a policy runs for each query of a table, escalations included.

    Arguments as in `zeta_eval.api.replay`; `curve` decides at every point of the cost-quality curve instead of at one.

    Returns:
        One row per cost weight and query: cost_weight, task, query_id, steps (the sizes that ran, in order), final (the
        size whose answer is kept).
    """
    table = outcomes.for_sizes(policy.sizes)
    runs = runs_of(policy, checked_way(policy, way), table, Evaluator(table, policy.cost_unit))
    own = policy.cost_weight if cost_weight is None else cost_weight
    weights = runs.finite_weights() if curve else np.array([own])
    sizes = np.array(policy.sizes, dtype=object)
    frames = []
    for weight in weights:
        kept, ran = runs.at(float(weight))
        frames.append(
            pd.DataFrame(
                {
                    "cost_weight": float(weight),
                    "task": table.tasks,
                    "query_id": table.query_ids,
                    "steps": [list(sizes[row]) for row in ran],
                    "final": sizes[kept],
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def save_decisions(frame: pd.DataFrame, path: str | Path) -> Path:
    """Write decisions as Parquet, whole or not at all; returns the path.

    Raises:
        InvalidInputError: the path is no .parquet file.
    """
    if Path(path).suffix != ".parquet":
        raise InvalidInputError(f"Decisions are written as Parquet; give a .parquet file, not {path}.")
    with replacing(path) as temp:
        frame.to_parquet(temp, index=False)
    return Path(path)

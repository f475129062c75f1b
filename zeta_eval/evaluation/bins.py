"""Mean score of queries in bins of equal size, by chance of success or by complexity: the data of two figures."""

import numpy as np
import pandas as pd

from zeta_eval.arrays import Floats, Sizes
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.predict import expect
from zeta_eval.evaluation.measures.statistics import wilson
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.split import families
from zeta_eval.router.policy import RoutingPolicy


def binned(x: Floats, score: Floats, bins: int, families: Sizes | None = None) -> pd.DataFrame:
    """Cut queries into bins of equal mass by x (Q,), equal values together; there are fewer where x takes few values.

    One row per bin: x (its mean), n, accuracy (mean of the scores (Q,) in [0, 1]) and its 95 % interval (Wilson), for
    which a family of like queries (indices, (Q,)) counts as one.
    """
    edges = np.unique(np.quantile(x, np.linspace(0, 1, bins + 1)[1:-1]))
    rows = []
    which = np.searchsorted(edges, x, side="left")
    for b in np.unique(which):
        inside = which == b
        n = int(inside.sum())
        units = n if families is None else len(np.unique(families[inside]))
        mean = wilson(float(score[inside].mean()) * units, units)
        rows.append({"x": float(x[inside].mean()), "n": n, **mean.named("accuracy")})
    return pd.DataFrame(rows)


def reliability(policy: RoutingPolicy, outcomes: Outcomes, *, split: str = "test", bins: int = 10) -> pd.DataFrame:
    """Return the chance that a policy gives each size (x) and how often that size is right, by bins.

    One row per size and bin, as `binned` gives them. Source of the diagram: Niculescu-Mizil and Caruana 2005.
    """
    table, data = _data(policy, outcomes, split)
    return _by_size(table, data, expect(policy, data.features)[0].T, bins)


def by_complexity(policy: RoutingPolicy, outcomes: Outcomes, *, split: str = "test", bins: int = 8) -> pd.DataFrame:
    """Return each size's accuracy by bins of the complexity of the queries (x): one row per size and bin."""
    table, data = _data(policy, outcomes, split)
    complexity = 1.0 - expect(policy, data.features)[0][:, 0]
    return _by_size(table, data, np.tile(complexity, (len(data.sizes), 1)), bins)


def _data(policy: RoutingPolicy, outcomes: Outcomes, split: str) -> tuple[Outcomes, Evaluator]:
    table = outcomes.for_sizes(policy.sizes).split(split)
    return table, Evaluator(table, policy.cost_unit)


def _by_size(table: Outcomes, data: Evaluator, x: Floats, bins: int) -> pd.DataFrame:
    like = families(table.queries)
    parts = [binned(x[m], data.score[:, m], bins, like).assign(size=size) for m, size in enumerate(data.sizes)]
    return pd.concat(parts, ignore_index=True)

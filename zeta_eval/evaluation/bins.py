"""Mean score of queries in bins of equal size, by chance of success or by difficulty: the data of two figures."""

import numpy as np
import pandas as pd

from zeta_eval.arrays import Floats
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.predict import difficulty, expect
from zeta_eval.evaluation.measures.statistics import wilson
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.policy import RoutingPolicy


def binned(x: Floats, score: Floats, bins: int) -> pd.DataFrame:
    """Cut queries into bins of equal mass by x (Q,), equal values together; there are fewer where x takes few values.

    One row per bin: x (its mean), n, accuracy (mean of the scores (Q,) in [0, 1]) and its 95 % interval (Wilson).
    """
    edges = np.unique(np.quantile(x, np.linspace(0, 1, bins + 1)[1:-1]))
    rows = []
    which = np.searchsorted(edges, x, side="left")
    for b in np.unique(which):
        inside = which == b
        mean = wilson(float(score[inside].sum()), int(inside.sum()))
        rows.append({"x": float(x[inside].mean()), "n": int(inside.sum()), **mean.named("accuracy")})
    return pd.DataFrame(rows)


def reliability(policy: RoutingPolicy, outcomes: Outcomes, *, split: str = "test", bins: int = 10) -> pd.DataFrame:
    """Return the chance that a policy gives each size (x) and how often that size is right, by bins.

    One row per size and bin, as `binned` gives them. Source of the diagram: Niculescu-Mizil and Caruana 2005.
    """
    data = _data(policy, outcomes, split)
    return _by_size(data, expect(policy, data.features)[0].T, bins)


def by_complexity(policy: RoutingPolicy, outcomes: Outcomes, *, split: str = "test", bins: int = 8) -> pd.DataFrame:
    """Return each size's accuracy by bins of the difficulty of the queries (x): one row per size and bin."""
    data = _data(policy, outcomes, split)
    d = difficulty(policy, data.features)
    return _by_size(data, np.tile(d, (len(data.sizes), 1)), bins)


def _data(policy: RoutingPolicy, outcomes: Outcomes, split: str) -> Evaluator:
    return Evaluator(outcomes.for_sizes(policy.sizes).split(split), policy.cost_unit)


def _by_size(data: Evaluator, x: Floats, bins: int) -> pd.DataFrame:
    parts = [binned(x[m], data.score[:, m], bins).assign(size=size) for m, size in enumerate(data.sizes)]
    return pd.concat(parts, ignore_index=True)

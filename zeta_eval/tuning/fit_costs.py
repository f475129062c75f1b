"""Fits what a query will cost on every size, from its features and its task."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from zeta_eval.arrays import Floats
from zeta_eval.router.estimators.linear import CostModel
from zeta_eval.tuning.linear import Standard, task_codes

RIDGE = 10.0
"""Penalty on the squared offset of a task: about as many queries as it takes to believe one."""

FEATURE_SCALE = 0.1
"""Standard deviation given to features, so that the same penalty weighs 100 times as much on them."""

FLOOR = 1e-3
"""Costs below this share of a size's mean count as so much in the logarithm."""


def fit_cost_model(features: Floats, names: Sequence[str], tasks: npt.NDArray[np.object_], cost: Floats) -> CostModel:
    """Fit log cost by ridge regression, shifted so that the mean expected cost of each size is the mean cost.

    The exponential of an expected logarithm is no expected cost: the shift is the smearing of Duan 1983 (JASA 78).
    Features are of shape (Q, F), tasks (Q,), and costs, shares of the largest size's mean cost, (Q, M).
    """
    from scipy import sparse
    from sklearn.linear_model import Ridge

    standard = Standard.of(features)
    known, code = task_codes(tasks)
    one_hot = sparse.csr_matrix((np.ones(len(code)), (np.arange(len(code)), code)), shape=(len(code), len(known) + 1))
    # The last column is that of no task; a query without one gets no offset, now and when it is served.
    x = sparse.hstack([sparse.csr_matrix(standard.x * FEATURE_SCALE), one_hot[:, : len(known)]]).tocsr()
    mean, low, high = cost.mean(axis=0), cost.min(axis=0), cost.max(axis=0)
    logs = np.log(np.maximum(cost, np.where(mean > 0, FLOOR * mean, 1.0)))
    model = Ridge(alpha=RIDGE, solver="sparse_cg", tol=1e-8).fit(x, logs)
    fitted, coef = model.predict(x).reshape(logs.shape), model.coef_.reshape(cost.shape[1], -1).T
    n_features = features.shape[1]
    bias = model.intercept_ + _smearing(fitted, mean, low, high)
    offsets = dict(zip(known, coef[n_features:], strict=True))
    linear = standard.linear(bias, coef[:n_features] * FEATURE_SCALE, names, offsets)
    return CostModel(log_cost=linear, low=tuple(low.tolist()), high=tuple(high.tolist()))


def _smearing(logs: Floats, mean: Floats, low: Floats, high: Floats) -> Floats:
    """Return what to add to log costs (Q, M) so that the clamped costs have the given means, shape (M,).

    Each step adds the log ratio of the means, and falls short of the goal only by what the clamp swallows.
    """
    shift = np.zeros(len(mean))
    for _ in range(50):
        got = np.clip(np.exp(np.minimum(logs + shift, 50.0)), low, high).mean(axis=0)
        step = np.log(np.divide(mean, got, out=np.ones_like(mean), where=mean > 0))
        shift += step
        if abs(step).max() < 1e-12:
            break
    return shift

"""Logistic regression towards a prior: the fit behind looks, and behind the baseline that knows a query's length."""

import numpy as np

from zeta_eval.arrays import Floats, sigmoid


def logistic_toward(x: Floats, y: Floats, prior: Floats, penalty: Floats, *, tolerance: float = 1e-7) -> Floats:
    """Weights (D,) of a logistic regression of scores (Q,) in [0, 1] on columns (Q, D), by Newton's method.

    Each weight is drawn to its `prior` (D,) with a `penalty` (D,), one over the prior's variance. The fit stops where
    the log-likelihood gains less than the tolerance per query; with one below 0 it goes on to the last digit.
    """

    def loss(w: Floats) -> float:
        z = x @ w
        return float((np.logaddexp(0.0, z) - y * z).sum() + penalty @ (w - prior) ** 2 / 2)

    w, value = prior, loss(prior)
    for _ in range(50):
        p = sigmoid(x @ w)
        slope = x.T @ (p - y) + penalty * (w - prior)
        step = np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + np.diag(penalty), slope)
        while (left := loss(w - step)) > value and abs(step).max() > 1e-9:
            step /= 2
        if left > value - tolerance * len(y):
            break
        w, value = w - step, left
    return w

"""Matrix factorisation: a bilinear score of a size's embedding and a query's, as RouteLLM has it."""

from __future__ import annotations

import numpy as np

from routing.problem import Problem
from zeta_eval.arrays import Floats, sigmoid

RANK = 32
"""Length of a size's embedding."""
DECAYS = (1e-3, 1e-2, 3e-2)
"""Weight decays that are tried."""


def matrix_factorisation(data: Problem, decay: float) -> Floats:
    """Predict sigmoid(w2 . (v_m * (W1^T v_q + b))) for the query embedding v_q and a learned v_m per size.

    Source: RouteLLM, section 4.2 (arXiv 2406.18665). There the score's difference of two models is fitted to
    preferences; here outcomes are known, so the score itself is fitted to success, which serves any number of sizes.
    """
    known, new = data.embedding
    scale = np.sqrt(known.shape[1])
    return Factors.fit(known * scale, data.score, decay=decay, seed=data.seed).predict(new * scale)


class Factors:
    """The four parameters, side by side in one vector for the optimiser."""

    def __init__(self, theta: Floats, dimensions: int, sizes: int) -> None:
        """Read W1 (D, R), b (R,), V (M, R) and w2 (R,) from a vector."""
        shapes = ((dimensions, RANK), (RANK,), (sizes, RANK), (RANK,))
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
        parts = np.split(theta, ends[:-1])
        self.project, self.shift, self.size, self.weigh = (
            part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)
        )

    @classmethod
    def fit(cls, x: Floats, score: Floats, *, decay: float, seed: int) -> Factors:
        """Fit to embeddings (N, D) and scores (N, M) in [0, 1]: logistic loss plus weight decay, by L-BFGS."""
        from scipy.optimize import minimize

        shape = x.shape[1], score.shape[1]
        n = (shape[0] + shape[1] + 2) * RANK
        start = np.random.default_rng(seed).normal(0, RANK**-0.5, n)
        found = minimize(loss, start, args=(x, score, decay), jac=True, method="L-BFGS-B", options={"maxiter": 300})
        return cls(found.x, *shape)

    def predict(self, x: Floats) -> Floats:
        """Return p (P, M) for embeddings (P, D)."""
        return sigmoid((x @ self.project + self.shift) @ (self.size * self.weigh).T)


def loss(theta: Floats, x: Floats, score: Floats, decay: float) -> tuple[float, Floats]:
    """Return the mean over queries of the summed logistic loss, plus the decay, and its gradient."""
    f = Factors(theta, x.shape[1], score.shape[1])
    hidden, mixed = x @ f.project + f.shift, f.size * f.weigh
    z = hidden @ mixed.T
    value = (np.logaddexp(0, z) - score * z).sum() / len(x) + decay / 2 * theta @ theta
    error = (sigmoid(z) - score) / len(x)
    back, forth = error @ mixed, error.T @ hidden
    gradient = (x.T @ back, back.sum(axis=0), forth * f.weigh, (forth * f.size).sum(axis=0))
    return float(value), np.concatenate([g.ravel() for g in gradient]) + decay * theta

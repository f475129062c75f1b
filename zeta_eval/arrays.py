"""Array types and the few array functions that many rooms need."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
"""Array of float64."""
Ints: TypeAlias = npt.NDArray[np.int64]
"""Array of int64."""
Sizes: TypeAlias = npt.NDArray[np.intp]
"""Index of a size for each query, shape (Q,)."""
Mask: TypeAlias = npt.NDArray[np.bool_]
"""Which of M sizes something holds of for each of Q queries, shape (Q, M)."""


def sigmoid(z: Floats) -> Floats:
    """Return the logistic function of any finite z: the vectorised twin of the router's own."""
    e = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0, 1.0, e) / (1.0 + e))


def logit(p: Floats) -> Floats:
    """Return the inverse of `sigmoid`, with p held within [1e-6, 1 - 1e-6]."""
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(p / (1 - p)))

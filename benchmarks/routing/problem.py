"""What a baseline may see: queries with their scores, and new ones without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from zeta_eval.arrays import Floats

DIMENSIONS = 100
"""Length of a query's embedding."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """N queries with their scores, and P new ones to predict."""

    queries: npt.NDArray[np.object_]
    """Texts, (N,)."""
    tasks: npt.NDArray[np.object_]
    """Their tasks, (N,)."""
    score: Floats
    """Scores, in [0, 1], shape (N, M)."""
    new_queries: npt.NDArray[np.object_]
    """Texts to predict, (P,)."""
    new_tasks: npt.NDArray[np.object_]
    """Their tasks, (P,)."""
    seed: int
    """Seed of all that is random."""

    @cached_property
    def words(self) -> tuple[Any, Any]:
        """TF-IDF of words and pairs of words, sparse, of the known queries and of the new ones."""
        from scipy.sparse import csr_array
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectors = TfidfVectorizer(
            token_pattern=r"\w+|[^\w\s]", ngram_range=(1, 2), sublinear_tf=True, max_features=50_000
        )
        try:
            known = vectors.fit_transform(map(str, self.queries))
        except ValueError:  # every text is blank
            return csr_array((len(self.queries), 1)), csr_array((len(self.new_queries), 1))
        return known, vectors.transform(map(str, self.new_queries))

    @cached_property
    def embedding(self) -> tuple[Floats, Floats]:
        """Latent semantic embedding of the known queries (N, D) and of the new ones (P, D): unit vectors, or zero.

        A truncated SVD of the TF-IDF vectors stands in for the neural embeddings of the papers.
        """
        from sklearn.decomposition import TruncatedSVD

        known, new = self.words
        n = min(DIMENSIONS, *(side - 1 for side in known.shape))
        if n < 1:
            return np.zeros((known.shape[0], 1)), np.zeros((new.shape[0], 1))
        svd = TruncatedSVD(n, random_state=self.seed).fit(known)
        return _unit(svd.transform(known)), _unit(svd.transform(new))


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A router as published."""

    fit: Callable[[Problem, float], Floats]
    """Predicts the success probabilities (P, M) of the new queries with one value of its hyperparameter."""
    values: tuple[float, ...] = (0.0,)
    """Values of the hyperparameter that are compared out of fold; one only where it has none."""
    needs_task: bool = False
    """Whether it must be told the task of a query."""


def _unit(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 1e-12))

"""What a baseline may see: the outcomes of `tune`, the texts of the queries to predict, and a judge on `validate`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from zeta_eval.arrays import Floats
from zeta_eval.evaluation.batch.estimate import Texts
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.outcomes import Outcomes

DIMENSIONS = 100
"""Length of a query's embedding."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """N queries of `tune` with their outcomes, and P new ones without: V of `validate`, then those of `test`."""

    queries: Texts
    """Texts of `tune`, (N,)."""
    tasks: Texts
    """Tasks of `tune`, (N,)."""
    score: Floats
    """Scores of `tune`, in [0, 1], shape (N, M)."""
    new_queries: Texts
    """Texts to predict, (P,)."""
    new_tasks: Texts
    """Their tasks, (P,)."""
    expected_cost: Floats
    """Cost that every baseline expects of the new queries, as a share of the largest's mean, shape (P, M)."""
    validate: Evaluator
    """Judges the hyperparameters, on the first V of the new queries."""
    seed: int
    """Seed of all that is random."""

    @classmethod
    def of(cls, outcomes: Outcomes, cost: str, *, seed: int, cost_by_length: bool = False) -> Problem:
        """Split a table; its sizes are those of the predictions.

        Baselines expect the mean cost that a size had on `tune`; with `cost_by_length` a line in the characters of the
        query (least squares), for policies, too, may know that long queries cost more.
        """
        tune, validate, test = (outcomes.split(name) for name in ("tune", "validate", "test"))
        spent, queries = Evaluator(tune, cost).cost, np.concatenate([validate.queries, test.queries])
        terms = 2 if cost_by_length else 1
        line = np.linalg.lstsq(_design(tune.queries, terms), spent)[0]
        return cls(
            queries=tune.queries,
            tasks=tune.tasks,
            score=tune.matrix("score"),
            new_queries=queries,
            new_tasks=np.concatenate([validate.tasks, test.tasks]),
            expected_cost=np.maximum(0.0, _design(queries, terms) @ line),
            validate=Evaluator(validate, cost),
            seed=seed,
        )

    def best(self, candidates: Iterable[Floats]) -> Floats:
        """Return the prediction (P, M) whose cost-quality curve on `validate` has the greatest area under it."""
        n = len(self.validate.score)
        return max(candidates, key=lambda p: self.validate.curve_auc(p[:n], self.expected_cost[:n]))

    @cached_property
    def words(self) -> tuple[Any, Any]:
        """TF-IDF of words and pairs of words, sparse, of `tune` and of the new queries."""
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
        """Latent semantic embedding of `tune` (N, D) and of the new queries (P, D): unit vectors, or zero.

        A truncated SVD of the TF-IDF vectors stands in for the neural embeddings of the papers.
        """
        from sklearn.decomposition import TruncatedSVD

        known, new = self.words
        n = min(DIMENSIONS, *(side - 1 for side in known.shape))
        if n < 1:
            return np.zeros((known.shape[0], 1)), np.zeros((new.shape[0], 1))
        svd = TruncatedSVD(n, random_state=self.seed).fit(known)
        return _unit(svd.transform(known)), _unit(svd.transform(new))


Fitter = Callable[[Problem], Floats]
"""A baseline: success probabilities (P, M) of the new queries."""


def _design(queries: Texts, terms: int) -> Floats:
    """Return the first columns of (1, thousands of characters), shape (Q, terms)."""
    return np.array([(1.0, len(text) / 1000)[:terms] for text in queries])


def _unit(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 1e-12))

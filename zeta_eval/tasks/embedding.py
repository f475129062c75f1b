"""Requests for an embedding of a sentence, scored by rank against people's judgements of similarity.

Hub: mteb/stsbenchmark-sts, split test (1,379 pairs; columns sentence1, sentence2, score from 0 to 5); the STS Benchmark
of SemEval-2017 (Cer et al. 2017, arXiv 1708.00055), licence CC BY-SA 4.0;
https://huggingface.co/datasets/mteb/stsbenchmark-sts

A query asks for the embedding of a pair's first sentence. Its target holds the second sentence, which the same model
embeds too, and the similarity that people gave to the pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.tasks.base import Query, Row, Score, Target, hash_id
from zeta_eval.tasks.registry import hub_task
from zeta_eval.tasks.scorers import UNPARSED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

REQUEST = "Embed the following sentence for semantic similarity: "
"""Beginning of every prompt, before the sentence."""


def no_vector(target: Target, response: str) -> Score:
    """A response in words is no embedding: 0, unparsed. Vectors are scored by `score_embeddings`."""
    return UNPARSED


@hub_task(name="embedding", scorer=no_vector, dataset="mteb/stsbenchmark-sts", licence="CC BY-SA 4.0", kind="embed")
def embedding(row: Row) -> Query:
    """Requests for an embedding of a sentence; similarities are ranked against people's.

    Columns sentence1, sentence2 and score; the target is (sentence2, score).
    """
    prompt, other = REQUEST + row["sentence1"].strip(), row["sentence2"].strip()
    # One sentence stands in several pairs, and each pair is a query.
    own = hash_id("mteb/stsbenchmark-sts", f"{prompt}\0{other}")
    return Query(prompt=prompt, target=(other, str(float(row["score"]))), query_id=own)


def sentence_pairs(queries: Sequence[Any]) -> tuple[list[str], list[str], list[float]]:
    """The first sentences, the second ones and the gold similarities of embedding queries."""
    firsts = [q.prompt.removeprefix(REQUEST) for q in queries]
    return firsts, [q.target[0] for q in queries], [float(q.target[1]) for q in queries]


def score_embeddings(first: ArrayLike, second: ArrayLike, gold: ArrayLike) -> NDArray[np.float64]:
    """Score each pair by how near the rank of its similarity comes to the rank that people gave it.

    With r the rank of a pair's cosine similarity and g the rank of its gold similarity among n pairs (ties share
    their mean rank), the score is 1 - |r - g| / (n - 1): 1 is the right rank, 0 the opposite end. Its mean is
    Spearman's footrule, scaled (Diaconis and Graham 1977, doi:10.1111/j.2517-6161.1977.tb01624.x); an order at
    random has mean 2/3 - 1/(3 n), so compare models by differences.

    `first` and `second` are vectors of shape (n, d), by the same model, and `gold` has shape (n,), in any unit. The
    scores, shape (n,), are NaN (unscored) for a single pair, which has no rank, and for every pair that has a vector of
    zeros or of other than finite numbers.
    """
    import numpy as np

    a, b, wanted = (np.asarray(x, dtype=np.float64) for x in (first, second, gold))
    if a.ndim != 2 or a.shape != b.shape or wanted.shape != a.shape[:1]:
        raise InvalidInputError(
            f"Embeddings have shapes {a.shape}, {b.shape} and gold values {wanted.shape}; give (n, d) twice and (n,)."
        )
    scores = np.full(len(a), np.nan)
    with np.errstate(invalid="ignore", over="ignore"):
        norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    usable = np.isfinite(norms) & (norms > 0)
    n = int(usable.sum())
    if n > 1:
        cosine = np.einsum("ij,ij->i", a[usable], b[usable]) / norms[usable]
        distance = np.abs(mean_ranks(cosine) - mean_ranks(wanted[usable]))
        scores[usable] = 1 - distance / (n - 1)
    return scores


def mean_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1 of values, shape (n,); equal values share the mean of their ranks."""
    import numpy as np

    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]

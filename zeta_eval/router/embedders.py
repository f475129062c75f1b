"""Estimators above a sentence-transformers model: linear in a text's vector, or by its nearest tuning queries.

M sizes, D dimensions, N references. Both serve like `Learned`, with a text's vector in place of its n-grams. The
package is imported when the first text is embedded; all else is standard library.
"""

from __future__ import annotations

import base64
import io
import math
import struct
from array import array
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from heapq import nlargest
from operator import mul
from threading import Lock
from typing import TYPE_CHECKING, Any

from zeta_eval.exceptions import HubAccessError, InvalidInputError, PolicyError
from zeta_eval.router.estimators import Learned, Linear, NGrams, logit, sigmoid

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

CHARACTERS = 8000
"""Longer texts are embedded by their first so many characters."""

CACHED = 1 << 16
"""Vectors that a process keeps."""

TIE = 1e-9
"""Similarities that differ by less are equal: sums in another order must find the same neighbours."""

_vectors: dict[tuple[str, str], array[float]] = {}
_lock = Lock()


def embed(model: str, texts: Sequence[str]) -> list[array[float]]:
    """Unit vectors of texts, each of D float32; the last `CACHED` of a process are computed once.

    Args:
        model: name on the Hugging Face hub or local folder of a sentence-transformers model with .safetensors weights.
        texts: the texts.

    Raises:
        InvalidInputError: sentence-transformers is not installed.
        HubAccessError: the model can't be loaded.
    """
    with _lock:
        found = {text: v for text in texts if (v := _vectors.get((model, text))) is not None}
        if new := [text for text in dict.fromkeys(texts) if text not in found]:
            # Tokenizers take no lone surrogates.
            clean = [text[:CHARACTERS].encode("utf-8", "replace").decode("utf-8") for text in new]
            rows = _load(model).encode(clean, normalize_embeddings=True, show_progress_bar=False)
            found |= zip(new, (array("f", row.tolist()) for row in rows), strict=True)
            _vectors.update(((model, text), found[text]) for text in new)
            for key in list(_vectors)[: max(0, len(_vectors) - CACHED)]:
                del _vectors[key]
        return [found[text] for text in texts]


@cache
def _load(model: str) -> SentenceTransformer:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as e:
        raise InvalidInputError(
            f"The embedder '{model}' needs a package that is not installed: pip install 'zeta-eval[embedding]'."
        ) from e
    try:
        with redirect_stderr(io.StringIO()):  # the weights' progress bar
            return SentenceTransformer(model, trust_remote_code=False, model_kwargs={"use_safetensors": True})
    except Exception as e:  # OSError, ValueError and whatever a model's own modules raise
        reason = " ".join(str(e).split())[:160] or type(e).__name__
        raise HubAccessError(
            f"The embedder '{model}' can't be loaded ({reason}). Give a local folder of a sentence-transformers model "
            "with .safetensors weights, or go online."
        ) from e


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedder:
    """A sentence-transformers model, by its name."""

    model: str
    """Name on the Hugging Face hub or local folder."""
    dimension: int
    """Length D of its vectors."""

    def __post_init__(self) -> None:
        if not isinstance(self.model, str) or not self.model or not self.dimension > 0:
            raise PolicyError(f"The embedder {self.model!r} of dimension {self.dimension} is none; tune again.")

    def vectors(self, texts: Sequence[str]) -> list[array[float]]:
        """Unit vectors of texts: see `embed`.

        Raises:
            PolicyError: the model gives vectors of another length than when the policy was tuned.
        """
        made = embed(self.model, texts)
        if made and len(made[0]) != self.dimension:
            raise PolicyError(
                f"The embedder '{self.model}' gives vectors of {len(made[0])} numbers, {self.dimension} when the "
                "policy was tuned; put that model back, or tune the policy again."
            )
        return made


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """Log-odds of success per size, linear in features, the text's vector and, where it is given, the task's name."""

    base: tuple[float, ...]
    """Log-odds of each size over all tuning queries, shape (M,)."""
    linear: Linear
    """What features and task add."""
    embedder: Embedder
    """Where vectors come from."""
    table: str
    """Base64 of little-endian float16 weights of the vector: D rows of M."""

    def __post_init__(self) -> None:
        _check_finite(self.base)
        if len(self.weights) != self.embedder.dimension * len(self.base):
            raise PolicyError("The table of embedding weights has a wrong length; export the policy again.")

    @cached_property
    def weights(self) -> tuple[float, ...]:
        """The weights, D rows of M."""
        return _floats(self.table)

    def logits(self, text: str, features: Mapping[str, float], task: str | None) -> list[float]:
        """Log-odds per size, shape (M,)."""
        (vector,), m = self.embedder.vectors([text]), len(self.base)
        told = [sum(map(mul, self.weights[i::m], vector)) for i in range(m)]
        return [b + x + t for b, x, t in zip(self.base, self.linear.values(features, task), told, strict=True)]


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """Log-odds of success per size from the scores of the nearest tuning queries, features and task."""

    base: tuple[float, ...]
    """Log-odds of each size over all tuning queries, shape (M,)."""
    linear: Linear
    """What features and task add."""
    embedder: Embedder
    """Where vectors come from."""
    table: str
    """Base64 of the little-endian float16 unit vectors of the references, the N queries that may be neighbours."""
    score_table: str
    """Base64 of their scores, N rows of M bytes: 255 is a success."""
    k: int
    """So many of the nearest references count, in [1, N], and those as near as the last."""
    temperature: float
    """A neighbour less similar than the nearest by so much counts 1/e of it; at least 0.001."""
    prior: float
    """So many neighbours' worth of `base` is mixed in; > 0."""
    far: float
    """Similarity to the nearest up to which neighbours say nothing."""
    near: float
    """Similarity from which on they count in full; > far."""
    weight: float
    """What their log-odds then count, above `base`."""

    def __post_init__(self) -> None:
        _check_finite((*self.base, self.temperature, self.prior, self.far, self.near, self.weight))
        if self.temperature < 1e-3 or self.prior <= 0 or not self.far < self.near:
            raise PolicyError("The nearest neighbours have a number that is out of its range; tune the policy again.")
        if len(self.references) != len(self.scores) or {len(r) for r in self.references} != {self.embedder.dimension}:
            raise PolicyError("The tables of the nearest neighbours have a wrong length; export the policy again.")
        if not 1 <= self.k <= len(self.scores):
            raise PolicyError(f"{self.k} neighbours of {len(self.scores)} references are none; tune the policy again.")

    @cached_property
    def references(self) -> list[tuple[float, ...]]:
        """Unit vectors of the references, N rows of D."""
        return _rows(_floats(self.table), self.embedder.dimension)

    @cached_property
    def scores(self) -> list[tuple[float, ...]]:
        """Scores of the references in [0, 1], N rows of M."""
        return _rows(tuple(x / 255 for x in _bytes(self.score_table)), len(self.base))

    def familiarity(self, nearest: float) -> float:
        """How far neighbours count where the nearest has this similarity, in [0, 1]."""
        return min(1.0, max(0.0, (nearest - self.far) / (self.near - self.far)))

    def logits(self, text: str, features: Mapping[str, float], task: str | None) -> list[float]:
        """Log-odds per size, shape (M,)."""
        (vector,) = self.embedder.vectors([text])
        similar = [sum(map(mul, row, vector)) for row in self.references]
        top = nlargest(self.k, similar)
        near = [
            (math.exp((s - top[0]) / self.temperature), y)
            for s, y in zip(similar, self.scores, strict=True)
            if s >= top[-1] - TIE
        ]
        total, factor = sum(w for w, _ in near) + self.prior, self.weight * self.familiarity(top[0])
        logits = []
        for m, (b, x) in enumerate(zip(self.base, self.linear.values(features, task), strict=True)):
            share = (sum(w * y[m] for w, y in near) + self.prior * sigmoid(b)) / total
            logits.append(b + x + factor * (logit(share) - b))
        return logits


Model = Learned | Embedded | Neighbours
"""What may stand beside a policy's heuristic."""

KINDS: Mapping[str, type[Model]] = {"learned": Learned, "embedding": Embedded, "knn": Neighbours}
"""What a policy file calls them."""


def model_to_dict(model: Model) -> dict[str, Any]:
    """A model as JSON values, with its kind."""
    return {"kind": next(kind for kind, known in KINDS.items() if type(model) is known)} | asdict(model)


def model_of(data: Mapping[str, Any]) -> Model:
    """Read a model from JSON values; one without a kind is `Learned`.

    Raises:
        PolicyError: an unknown kind, or inconsistent content.
    """
    parts = {k: v for k, v in data.items() if k != "kind"}
    if (kind := data.get("kind", "learned")) not in KINDS:
        raise PolicyError(f"The policy's model is of kind {kind!r}, not one of {', '.join(KINDS)}; tune it again.")
    parts |= {"base": tuple(parts["base"]), "linear": Linear.of(parts["linear"])}
    if "embedder" in parts:
        parts["embedder"] = Embedder(**parts["embedder"])
    if "ngrams" in parts:
        parts["ngrams"] = NGrams(**parts["ngrams"])
    return KINDS[kind](**parts)


def _check_finite(numbers: Sequence[float]) -> None:
    if not all(isinstance(x, int | float) and math.isfinite(x) for x in numbers):
        raise PolicyError("The learned model has a number that is not finite; tune the policy again.")


def _bytes(table: str) -> bytes:
    try:
        return base64.b64decode(table, validate=True)
    except ValueError as e:
        raise PolicyError("A table of the learned model is no base64; export the policy again.") from e


def _floats(table: str) -> tuple[float, ...]:
    raw = _bytes(table)
    if len(raw) % 2 or not all(map(math.isfinite, numbers := struct.unpack(f"<{len(raw) // 2}e", raw))):
        raise PolicyError("A table of the learned model is no finite float16; export the policy again.")
    return numbers


def _rows(numbers: tuple[float, ...], length: int) -> list[tuple[float, ...]]:
    return [numbers[i : i + length] for i in range(0, len(numbers), length)]

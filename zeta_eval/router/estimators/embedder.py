"""Turns texts into vectors with a sentence-transformers model, for the estimators that read vectors.

The package sentence-transformers is imported when the first text is embedded; all else is standard library.
"""

from __future__ import annotations

import io
from abc import abstractmethod
from array import array
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Self

from zeta_eval.exceptions import HubAccessError, InvalidInputError, PolicyError, in_words, panics_caught
from zeta_eval.router.complexity.view import TextView
from zeta_eval.router.estimators.heuristic import Learned
from zeta_eval.router.estimators.tables import finite

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

CHARACTERS = 8000
"""Longer texts are embedded by their first so many characters."""

CACHED = 1 << 16
"""Vectors that a process keeps."""

_vectors: dict[tuple[str, str], array[float]] = {}
_lock = Lock()


def embed(model: str, texts: Sequence[str]) -> list[array[float]]:
    """Unit vectors of texts, each of D float32; the last `CACHED` of a process are computed once.

    The model is a sentence-transformers model with .safetensors weights: its name on the Hugging Face hub, or a folder.

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
        with redirect_stderr(io.StringIO()), panics_caught():  # the weights' progress bar
            return SentenceTransformer(model, trust_remote_code=False, model_kwargs={"use_safetensors": True})
    except Exception as e:  # OSError, ValueError and whatever a model's own modules raise
        reason = " ".join(str(e).split())[:160] or in_words(e)
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
        """Unit vectors of texts (see `embed`); refuses a model whose vectors have another length than in tuning."""
        made = embed(self.model, texts)
        if made and len(made[0]) != self.dimension:
            raise PolicyError(
                f"The embedder '{self.model}' gives vectors of {len(made[0])} numbers, {self.dimension} when the "
                "policy was tuned; put that model back, or tune the policy again."
            )
        return made


@dataclass(frozen=True, kw_only=True)
class VectorEstimator(Learned):
    """An estimator that reads a text's vector, too: the base class of those with an embedder."""

    embedder: Embedder
    """Where vectors come from: D numbers for each text."""
    share: float
    """How much the vector counts, in [0, 1]; features and words count the rest."""
    table: str
    """Base64 of little-endian float16 numbers, D for each weight vector or each reference."""
    needs_embedder: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (finite(self.share) and 0 <= self.share <= 1):
            raise PolicyError(f"The share of the vector is {self.share!r}, not in [0, 1]; tune the policy again.")

    @abstractmethod
    def told(self, vector: Sequence[float]) -> list[float]:
        """Return each size's chance of success, shape (M,), by a text's vector alone."""

    def mixed(self, p: list[float], view: TextView) -> list[float]:
        """Return the forest's chances, shape (M,), mixed with those of the words and of the vector."""
        (vector,) = self.embedder.vectors([view.text])
        return [a + self.share * (b - a) for a, b in zip(super().mixed(p, view), self.told(vector), strict=True)]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Read from JSON values."""
        return super().of({**data, "embedder": Embedder(**data["embedder"])})

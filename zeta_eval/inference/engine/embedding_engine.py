"""`EmbeddingGenerator`: runs an embedding model, which turns a text into a vector."""

import json
import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from transformers.utils.hub import cached_file

from zeta_eval.exceptions import GenerationError, InvalidInputError, one_line
from zeta_eval.inference.engine.loading import context_length, load, revision_of
from zeta_eval.inference.engine.memory import first_batch_size, out_of_memory
from zeta_eval.models import Completion, ModelSpec
from zeta_eval.tasks.loading import quiet_hub

POOLING_FILE = "1_Pooling/config.json"
"""Where models made with sentence-transformers say how they pool."""


class EmbeddingGenerator:
    """Turns texts into vectors of length 1, made from the last hidden state of one model.

    Pooling is as the model's `1_Pooling/config.json` says, the last token or the mean; without that file it is the
    last token, as documented for Qwen3-Embedding (https://huggingface.co/Qwen/Qwen3-Embedding-4B).
    """

    def __init__(self, spec: ModelSpec) -> None:
        """Load the model's weights."""
        if spec.role != "embed":
            raise InvalidInputError(f"Rung '{spec.size}' has role '{spec.role}'; give a rung with role 'embed'.")
        self.size = spec.size
        self.model, self.tokenizer = load(spec)
        self.context = spec.context or context_length(self.model, self.tokenizer)
        self.revision = revision_of(spec)
        self.batch_size = first_batch_size(self.model, min(self.context, 512))
        """Texts per forward pass, halved when memory runs out."""
        self._mean = _pools_by_mean(spec)

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed N texts as unit vectors (N, D), in their order; a text longer than the context is cut."""
        rows = self._tokenize(texts)
        vectors = np.zeros((len(rows), self.model.config.hidden_size), dtype=np.float32)
        todo = sorted(range(len(rows)), key=lambda i: -len(rows[i]))
        while todo:
            batch = todo[: self.batch_size]
            try:
                vectors[batch] = self._pooled([rows[i] for i in batch])
            except Exception as e:
                if not out_of_memory(e) or len(batch) == 1:
                    raise GenerationError(
                        f"'{self.size}' failed on a text of {len(rows[batch[0]])} tokens ({one_line(e)}); "
                        "shorten the texts or use a larger device."
                    ) from e
                self.batch_size = len(batch) // 2
                continue
            todo = todo[len(batch) :]
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens that are read of each text."""
        return [len(row) for row in self._tokenize(texts)]

    def measure(self, texts: Sequence[str]) -> list[Completion]:
        """Embed texts one by one, after a warm-up; latency_s and ttft_s are the time to the vector."""
        self.embed(texts[:1])
        measured = []
        for text, tokens in zip(texts, self.count_tokens(texts), strict=True):
            start = time.perf_counter()
            self.embed([text])  # the vector comes back to the processor, which waits for the device
            seconds = time.perf_counter() - start
            measured.append(
                Completion(text="", prompt_tokens=tokens, completion_tokens=0, latency_s=seconds, ttft_s=seconds)
            )
        return measured

    def close(self) -> None:
        """Free the weights."""
        self.model = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        if not texts:
            return []
        ids: list[list[int]] = self.tokenizer(list(texts), truncation=True, max_length=self.context)["input_ids"]
        return ids

    @torch.inference_mode()
    def _pooled(self, rows: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
        width = max(1, *map(len, rows))
        device = self.model.device
        ids = torch.tensor([[0] * (width - len(r)) + list(r) for r in rows], device=device)
        lengths = torch.tensor([len(r) for r in rows], device=device)
        mask = torch.arange(width, device=device)[None] >= (width - lengths)[:, None]
        hidden = self.model(input_ids=ids, attention_mask=mask.long(), use_cache=False).last_hidden_state.float()
        weights = mask.to(hidden.device)[..., None]
        pooled = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1) if self._mean else hidden[:, -1]
        unit: npt.NDArray[np.float32] = torch.nn.functional.normalize(pooled, dim=-1).cpu().numpy()
        return unit


def _pools_by_mean(spec: ModelSpec) -> bool:
    """Whether the model's own file asks for the mean of the tokens instead of the last one."""
    with quiet_hub():
        path = cached_file(
            spec.model,
            POOLING_FILE,
            revision=spec.revision or "main",
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
        )
    if path is None:
        return False
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - a path of the hub's cache, as text
        modes = {k for k, v in json.load(file).items() if k.startswith("pooling_mode_") and v is True}
    if modes - {"pooling_mode_lasttoken", "pooling_mode_mean_tokens"} or len(modes) > 1:
        raise InvalidInputError(
            f"Rung '{spec.size}' pools by {', '.join(sorted(modes))}; use a model that pools by last token or mean."
        )
    return modes == {"pooling_mode_mean_tokens"}

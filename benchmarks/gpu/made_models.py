"""Models of published shapes with random weights, in folders as a ladder's rungs are; what they write is noise."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers

from zeta_eval.inference.engine.architectures import architecture
from zeta_eval.inference.engine.memory import free

MEMORY = Path("/dev/shm")
"""A folder in memory, where there is one: models are read from it as from a disk's cache."""
SPARE = 1.1
"""Free bytes that a folder must have, per byte of weights."""
VOCABULARY = {"published": 32_000, "tiny": 500}
"""Most tokens of the tokenizer, which is fitted to the prompts; the models' own tables are as large as published."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A model on the disk."""

    size: str
    folder: Path
    parameters: int
    bytes_per_token: int
    """Bytes of weights that writing a token reads."""
    seconds: float
    """Time to make and write it."""


def made(size: str, scale: str, root: Path, texts: Iterable[str]) -> Made:
    """Build a size on the device, and write it with a tokenizer that is fitted to the texts."""
    start = time.perf_counter()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    shape = architecture(size, tiny=scale == "tiny")
    torch.manual_seed(0)
    model = shape.build(device, torch.bfloat16 if device.type == "cuda" else torch.float32)
    folder = root / size
    model.save_pretrained(folder)
    _tokenizer(texts, VOCABULARY[scale]).save_pretrained(folder)
    found = Made(
        size=size,
        folder=folder,
        parameters=sum(p.numel() for p in model.parameters()),
        bytes_per_token=shape.decode_bytes(model),
        seconds=time.perf_counter() - start,
    )
    del model
    free()
    return found


def fitting(sizes: Iterable[str], scale: str, folder: Path) -> list[str]:
    """The sizes, smallest first, whose weights a folder has room for."""
    left, kept = shutil.disk_usage(folder).free, []
    for size in sizes:
        shape = architecture(size, tiny=scale == "tiny")
        plan = shape.build(torch.device("meta"), torch.bfloat16)
        left -= int(SPARE * sum(p.numel() * p.element_size() for p in plan.parameters()))
        if left > 0:
            kept.append(size)
    return kept


@contextmanager
def room() -> Iterator[Path]:
    """A folder with the most room: in memory, else on the disk."""
    places = [p for p in (MEMORY, Path(tempfile.gettempdir())) if p.is_dir()]
    place = max(places, key=lambda p: (shutil.disk_usage(p).free, p == MEMORY))
    with tempfile.TemporaryDirectory(dir=place) as folder:
        yield Path(folder)


def _tokenizer(texts: Iterable[str], most: int) -> Any:
    core = tokenizers.Tokenizer(tokenizers.models.BPE())
    core.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=most, special_tokens=["<pad>", "<end>"], initial_alphabet=alphabet, show_progress=False
    )
    core.train_from_iterator(texts, trainer)
    fast: Any = transformers.PreTrainedTokenizerFast
    return fast(tokenizer_object=core, pad_token="<pad>", padding_side="left", model_max_length=32_768)

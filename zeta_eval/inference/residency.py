"""Sizes that answer by turns, query by query: all in memory at once where they fit, else one after the other.

A benchmark runs each size's queries at one go, so there every size loads once and has the memory to itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zeta_eval.models import Completion, GenerateConfig, ModelSpec

_log = logging.getLogger(__name__)

SHARE = 0.8
"""Share of the free memory that weights may take; the rest is for the cache."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Residency:
    """Whether the sizes of a ladder are in memory together."""

    together: bool
    """Whether they are."""
    reason: str
    """Why, in one line."""


def residency(specs: Sequence[ModelSpec]) -> Residency:
    """Decide from the weights' files and the memory that is free now; sizes that a server runs need none."""
    needed = {"cuda": 0, "cpu": 0}
    for spec in specs:
        if spec.base_url is None:
            size = weight_bytes(spec)
            if size is None:
                return Residency(together=False, reason=f"'{spec.model}' is not on disk yet, so its size is unknown")
            import torch  # here: a ladder of servers needs none

            on_cuda = torch.cuda.is_available() and spec.device_map not in (None, "cpu")
            needed["cuda" if on_cuda else "cpu"] += size
    for device, size in needed.items():
        free = _free_bytes(device) if size else 0
        if size > SHARE * free:
            return Residency(
                together=False, reason=f"{size / 1e9:.1f} GB of weights, {free / 1e9:.1f} GB free on {device}"
            )
    return Residency(together=True, reason=f"{sum(needed.values()) / 1e9:.1f} GB of weights fit")


def weight_bytes(spec: ModelSpec) -> int | None:
    """Bytes of a rung's weights in memory, or None where its files are not on disk; float32 is taken to be widened."""
    folder = Path(spec.model).expanduser()
    if not folder.is_dir():
        from huggingface_hub import snapshot_download

        try:
            folder = Path(snapshot_download(spec.model, revision=spec.revision, local_files_only=True))
        except (OSError, ValueError):
            return None
    size = sum(f.stat().st_size for f in folder.glob("*.safetensors"))
    return size * (2 if spec.dtype == "float32" else 1) or None


def resident(specs: Sequence[ModelSpec], make: Callable[[ModelSpec], Any]) -> dict[str, Any]:
    """Engines by size, loaded now where all fit, else each when it is asked and the one before has gone."""
    found = residency(specs)
    if found.together:
        return {spec.size: make(spec) for spec in specs}
    _log.warning("Sizes are loaded in turn: %s.", found.reason)
    place = _Place(make)
    return {spec.size: make(spec) if spec.base_url is not None else Turn(spec, place) for spec in specs}


class Turn:
    """A Generator whose weights are in memory from its own call to that of another size."""

    def __init__(self, spec: ModelSpec, place: _Place) -> None:
        """Load nothing yet."""
        self.size = spec.size
        self._spec = spec
        self._place = place

    def generate(self, prompts: Sequence[str], config: GenerateConfig) -> list[Completion]:
        """As the size's engine does."""
        answers: list[Completion] = self._place.engine(self._spec).generate(prompts, config)
        return answers

    def measure(self, prompts: Sequence[str], config: GenerateConfig) -> list[Completion]:
        """As the size's engine does; loading comes before the clock starts."""
        answers: list[Completion] = self._place.engine(self._spec).measure(prompts, config)
        return answers

    def prefill(self, prompts: Sequence[str]) -> list[Completion]:
        """As the size's engine does."""
        answers: list[Completion] = self._place.engine(self._spec).prefill(prompts)
        return answers

    def close(self) -> None:
        """Free the weights if they are this size's."""
        self._place.leave(self._spec)


class _Place:
    """Room for one engine."""

    def __init__(self, make: Callable[[ModelSpec], Any]) -> None:
        self._make = make
        self._held: tuple[ModelSpec, Any] | None = None

    def engine(self, spec: ModelSpec) -> Any:
        if self._held is None or self._held[0] != spec:
            if self._held is not None:
                self.leave(self._held[0])
            self._held = spec, self._make(spec)
        return self._held[1]

    def leave(self, spec: ModelSpec) -> None:
        if self._held is not None and self._held[0] == spec:
            self._held[1].close()
            self._held = None


def _free_bytes(device: str) -> int:
    """Bytes free on all CUDA devices together, or in the machine's memory."""
    if device == "cuda":
        import torch

        return sum(torch.cuda.mem_get_info(i)[0] for i in range(torch.cuda.device_count()))
    import psutil  # type: ignore[import-untyped]  # comes with accelerate

    return int(psutil.virtual_memory().available)

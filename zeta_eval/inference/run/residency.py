"""Whether all sizes of a ladder are in memory at once, or one after the other.

A benchmark runs each size's queries at one go, so every size loads once there either way; what answers query by query
loads a size again whenever its turn comes.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zeta_eval.inference.run.launch import world_size
from zeta_eval.models import Completion, GenerateConfig, ModelSpec

_log = logging.getLogger(__name__)

SHARE = 0.8
"""Share of the free memory that weights may take where queries come one by one; the rest is for the cache."""
BATCH_SHARE = 0.5
"""The same for a benchmark: its batches take as much again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Residency:
    """Whether the sizes of a ladder are in memory together."""

    together: bool
    """Whether they are."""
    reason: str
    """Why, in one line."""

    def __str__(self) -> str:
        """The decision with its reason, for a run's record."""
        return f"{'all at once' if self.together else 'in turn'}: {self.reason}"


def residency(specs: Sequence[ModelSpec], *, share: float = SHARE) -> Residency:
    """Decide from the weights' files and the memory that is free now; sizes that a server runs need none.

    Args:
        specs: the sizes, on the devices of this process.
        share: of the memory that is free for this process, what weights may take.
    """
    loaded = [spec for spec in specs if spec.base_url is None]
    if len(loaded) < 2:
        return Residency(together=True, reason=f"{len(loaded)} of {len(specs)} sizes have weights to load")
    needed: Counter[str] = Counter()
    for spec in loaded:
        if (size := weight_bytes(spec)) is None:
            return Residency(together=False, reason=f"'{spec.model}' is not on disk yet, so its size is unknown")
        needed[_device(spec)] += size
    free = {device: _free_bytes(device) // _sharers(device) for device in needed}
    fits = all(size <= share * free[device] for device, size in needed.items())
    reasons = [f"{size / 1e9:.3g} GB of weights, {free[d] / 1e9:.3g} GB free on {d}" for d, size in needed.items()]
    return Residency(together=fits, reason=f"{'; '.join(reasons)}, of which weights may take {share:.0%}")


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


def _device(spec: ModelSpec) -> str:
    """Where a rung's weights go: one CUDA device, all of them ("cuda"), or the machine's memory."""
    import torch  # here: a ladder of servers needs none

    if spec.device_map in (None, "cpu") or not torch.cuda.is_available():
        return "cpu"
    if spec.device_map == "cuda":
        return "cuda:0"
    return spec.device_map if spec.device_map.startswith("cuda:") else "cuda"


def _sharers(device: str) -> int:
    """Processes of this run that load their weights to a device, as far as the launcher tells."""
    here = int(os.environ.get("LOCAL_WORLD_SIZE", world_size())) if world_size() > 1 else 1
    if not device.startswith("cuda:"):
        return here
    import torch

    return -(-here // torch.cuda.device_count())


def _free_bytes(device: str) -> int:
    """Bytes free on one CUDA device, on all of them together, or in the machine's memory."""
    if device.startswith("cuda"):
        import torch

        which = [int(device[5:])] if device[5:] else range(torch.cuda.device_count())
        return sum(torch.cuda.mem_get_info(i)[0] for i in which)
    import psutil  # type: ignore[import-untyped]  # comes with accelerate

    return int(psutil.virtual_memory().available)

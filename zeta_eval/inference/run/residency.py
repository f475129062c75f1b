"""Whether the sizes of a ladder are in memory all at once or one after the other, and the engines that are.

A benchmark answers all queries of a size before the next size, so it loads every size once either way. Where queries
are answered one by one, a size that was closed is loaded again when a query needs it.
"""

import logging
import os
import platform
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from zeta_eval.inference.run.launch import world_size
from zeta_eval.models import ModelSpec

_log = logging.getLogger(__name__)

SHARE = 0.8
"""Share of the free memory that weights may take where queries are answered one by one; the rest is for the cache."""
BATCH_SHARE = 0.5
"""The same share for a benchmark, whose batches take as much memory again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Residency:
    """Whether the sizes of a ladder are in memory together."""

    together: bool
    """Whether all sizes are in memory at once."""
    reason: str
    """Why, in one line."""

    def __str__(self) -> str:
        """The decision with its reason, for a run's record."""
        return f"{'all at once' if self.together else 'in turn'}: {self.reason}"


def residency(specs: Sequence[ModelSpec], *, share: float = SHARE) -> Residency:
    """Decide from the weights' files and the memory free now, of which weights may take `share`; servers need none."""
    loaded = [spec for spec in specs if not spec.served]
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
    """Bytes of a rung's weights in memory (float32 counts twice its 16-bit files); None if they are not on disk."""
    folder = Path(spec.model).expanduser()
    if not folder.is_dir():
        from huggingface_hub import snapshot_download

        try:
            folder = Path(snapshot_download(spec.model, revision=spec.revision, local_files_only=True))
        except (OSError, ValueError):
            return None
    size = sum(f.stat().st_size for f in folder.glob("*.safetensors"))
    return size * (2 if spec.dtype == "float32" else 1) or None


class EnginePool:
    """The engines of a ladder's sizes in memory: all of them where they fit together, else one at a time."""

    def __init__(self, specs: Sequence[ModelSpec], make: Callable[[ModelSpec], Any]) -> None:
        """Load nothing yet; `make` starts the engine of a size."""
        self._specs = {spec.size: spec for spec in specs}
        self._make = make
        self._held: dict[str, Any] = {}
        self._loading = threading.Lock()

    @cached_property
    def residency(self) -> Residency:
        """Whether the sizes fit together, decided when the first one is asked for; a warning tells if they don't."""
        found = residency(tuple(self._specs.values()))
        if not found.together:
            _log.warning("Sizes are loaded in turn: %s.", found.reason)
        return found

    @property
    def loaded(self) -> tuple[str, ...]:
        """Sizes that are in memory."""
        return tuple(self._held)

    def engine(self, size: str) -> Any:
        """The engine of a size; its weights are loaded if they are not in memory, and may take another size's place."""
        with self._loading:  # an interrupted cell of a notebook may still be loading
            if size not in self._held:
                if not self.residency.together and not self._specs[size].served:
                    self._close([other for other in self._held if not self._specs[other].served])
                self._held[size] = self._make(self._specs[size])
            return self._held[size]

    def load(self) -> None:
        """Start every engine that needs no other one's place: all where the sizes fit together, else the servers'."""
        for size, spec in self._specs.items():
            if self.residency.together or spec.served:
                self.engine(size)

    def close(self) -> None:
        """Free the memory; a size that is asked for later is loaded again."""
        with self._loading:
            self._close(self.loaded)

    def _close(self, sizes: Sequence[str]) -> None:
        for size in sizes:
            self._held.pop(size).close()


def device_name(spec: ModelSpec) -> str:
    """What answers a rung's queries: its server's address, the name of a GPU, or the processor."""
    if spec.served:
        return " and ".join(spec.addresses) or f"a server started on {platform.node()}"
    if _device(spec) == "cpu":
        return f"processor ({platform.machine()})"
    import torch

    return torch.cuda.get_device_name()


def revision_now(spec: ModelSpec) -> str | None:
    """The commit of a rung's weights that would be loaded now; for a server what the rung says."""
    if spec.served:
        return spec.revision
    from zeta_eval.inference.engine.loading import revision_of

    return revision_of(spec)


def _device(spec: ModelSpec) -> str:
    """Where a rung's weights go: one CUDA device, all of them ("cuda"), or the machine's memory."""
    import torch  # here: a ladder of servers needs none

    if spec.device_map in (None, "cpu") or not torch.cuda.is_available():
        return "cpu"
    if spec.device_map == "cuda":
        return "cuda:0"
    return spec.device_map if spec.device_map.startswith("cuda:") else "cuda"


def _sharers(device: str) -> int:
    """Number of processes of this run that share a device, as far as the launcher tells."""
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

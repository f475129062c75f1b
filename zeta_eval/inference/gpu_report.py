"""The figures of `zeta gpu-check`, as text and as JSON data."""

from dataclasses import asdict, dataclass, field
from typing import Any

LATENCIES = ("decode_ms", "ttft_ms")
"""Times of a single query that are compared between sizes; `floor_` before a name is the least the hardware allows."""
WARNING = "ACCURACY IS NOT MEASURED: the weights are random. These figures are about speed and nothing else."


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """The work that is measured."""

    prompt_tokens: int = 512
    """Tokens of the prompt of a single query; the many have an eighth of it to all of it."""
    new_tokens: int = 128
    """Tokens written for each query."""
    repeats: int = 5
    """Measured repetitions of a single query, after two that warm up."""
    concurrent: int = 256
    """Queries at once under continuous batching."""
    batch: int = 16
    """Queries per batch of `generate`, the baseline of continuous batching."""
    batches: int = 2
    """Batches of `generate`."""
    matrix: int = 8192
    """Side of the matrices whose product gives the matrix rate."""
    copied_bytes: int = 1 << 30
    """Bytes of the buffer whose copying gives the bandwidth."""


SMALL = Work(
    prompt_tokens=32, new_tokens=6, repeats=2, concurrent=8, batch=4, batches=1, matrix=128, copied_bytes=1 << 20
)
"""The work of --scale tiny."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeSpeed:
    """The speed of one size: times in milliseconds, rates in tokens written per second; None where it failed."""

    size: str
    """Name of the size."""
    source: str
    """Where its architecture is published."""
    parameters: int
    """Number of weights."""
    floor_decode_ms: float
    """Bytes of the weights read per token over the measured bandwidth."""
    floor_ttft_ms: float
    """Floating-point operations of the prompt over the measured matrix rate."""
    decode_ms: float | None = None
    """Batch-1 time per token after the first, static cache and CUDA graphs: median of the repetitions."""
    decode_p95_ms: float | None = None
    """95th percentile of the repetitions."""
    ttft_ms: float | None = None
    """Time to the first token: median of the repetitions."""
    generate_ms: float | None = None
    """Batch-1 time per token of transformers' `generate` with a static cache: median over tokens."""
    continuous: float | None = None
    """Rate of continuous batching."""
    static: float | None = None
    """Rate of plain batches of `generate`."""
    failures: dict[str, str] = field(default_factory=dict)
    """Measurements that failed, with the reason."""

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON data, with shares of what the hardware allows (None where a figure is missing).

        `decode_bandwidth_share` and `ttft_matrix_share` are 1 at the hardware's limit; `continuous_over_static` is the
        rate of continuous batching over that of plain batches.
        """
        return asdict(self) | {
            "decode_bandwidth_share": _over(self.floor_decode_ms, self.decode_ms),
            "ttft_matrix_share": _over(self.floor_ttft_ms, self.ttft_ms),
            "continuous_over_static": _over(self.continuous, self.static),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuCheck:
    """Speeds of all sizes on one device."""

    device: str
    """Name of the device."""
    date: str
    """Time of the check, in UTC."""
    scale: str
    """"published", or "tiny" for widths that say nothing about real models."""
    bandwidth: float
    """Bytes per second of a copy, read and written ones counted."""
    matrix_rate: float
    """Floating-point operations per second of a matrix product."""
    versions: dict[str, str]
    """Versions of the packages that the figures depend on."""
    flash_attention: bool
    """Whether flash attention is installed; without it continuous batching is 3 to 5 times slower."""
    work: Work
    """The work that was measured."""
    sizes: list[SizeSpeed]
    """The figures."""

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON data."""
        sizes = [s.to_dict() for s in self.sizes]
        return {"warning": WARNING, **asdict(self), "sizes": sizes, "ratios": self.ratios()}

    def ratios(self) -> dict[str, dict[str, float | None]]:
        """By size, times and floors as multiples of the first size's: both alike where latency follows size."""
        names = [name for time in LATENCIES for name in (time, f"floor_{time}")]
        return {
            s.size: {name: _over(getattr(s, name), getattr(self.sizes[0], name)) for name in names} for s in self.sizes
        }

    def text(self) -> str:
        """The figures as plain text, each beside the least time the hardware allows."""
        flash = "" if self.flash_attention else "not "
        lines = [
            f"!!! {WARNING} !!!",
            f"{self.device}, scale {self.scale}: copies {self.bandwidth / 1e9:,.0f} GB/s, matrix products "
            f"{self.matrix_rate / 1e12:,.2f} TFLOP/s, flash attention {flash}installed",
        ]
        for s in self.sizes:
            lines += [f"{s.size}  {s.parameters / 1e9:.2f} billion weights", *_lines(s, self.work)]
        if len(self.sizes) > 1:
            lines += [f"{' : '.join(s.size for s in self.sizes)}, each over the first", *self._compared()]
        return "\n".join([*lines, f"!!! {WARNING} !!!"])

    def _compared(self) -> list[str]:
        """Ratios of the sizes' latencies, and of their floors."""
        ratios = self.ratios().values()

        def row(name: str) -> str:
            return " : ".join("?" if (r := found[name]) is None else f"{r:.2f}" for found in ratios)

        named = zip(("decoding, batch 1", "first token"), LATENCIES, strict=True)
        return [f"  {title}: {row(time)}, their floors {row(f'floor_{time}')}" for title, time in named]


def _over(part: float | None, whole: float | None) -> float | None:
    """A ratio; None where a side is missing."""
    return None if part is None or whole is None else part / whole


def _lines(s: SizeSpeed, work: Work) -> list[str]:
    lines = []
    if s.decode_ms is not None and s.decode_p95_ms is not None and s.ttft_ms is not None:
        lines += [
            f"  decoding, batch 1: {s.decode_ms:.3f} ms/token (p95 {s.decode_p95_ms:.3f}), floor "
            f"{s.floor_decode_ms:.3f}: {s.floor_decode_ms / s.decode_ms:.0%} of the bandwidth",
            f"  first token of {work.prompt_tokens}: {s.ttft_ms:.2f} ms, floor {s.floor_ttft_ms:.2f}: "
            f"{s.floor_ttft_ms / s.ttft_ms:.0%} of the matrix rate",
        ]
    if s.generate_ms is not None:
        lines.append(f"  the same by `generate`: {s.generate_ms:.3f} ms/token")
    if s.continuous is not None:
        lines.append(f"  continuous batching, {work.concurrent} queries: {s.continuous:,.0f} tokens/s")
    if s.static is not None:
        ratio = "" if s.continuous is None else f", continuous batching {s.continuous / s.static:.1f} times that"
        lines.append(f"  generate, batches of {work.batch}: {s.static:,.0f} tokens/s{ratio}")
    return lines + [f"  {name} failed: {why}" for name, why in s.failures.items()]

"""The range of every number of an outcomes table, and what becomes of a number from outside that leaves it.

A table that someone hands over is refused where a number leaves its range (`zeta_eval.outcomes.schema`). Where a
server, another tool's log or a journal holds one, the answer beside it is still worth keeping: the number becomes
unknown, and is counted.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from zeta_eval.files import LARGEST, is_unicode

COUNTS: Final = ("attempt", "context", "prompt_tokens", "completion_tokens")
"""Columns of whole numbers."""

MOST: Final = 2**53
"""Largest whole number: from there on a float can't tell neighbours apart."""

ROUNDING: Final = 1e-3
"""How far above 0 the rounding of a server may lift a log-probability."""

BOUNDS: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {"score": (0, 1), "confidence": (0, 1), "agreement": (0, 1)}
    | dict.fromkeys(("latency_s", "ttft_s", "prefill_gpu_s", "gpu_s", "cost_usd"), (0, LARGEST))
    | dict.fromkeys(("mean_logprob", "min_logprob"), (-LARGEST, ROUNDING))
    | dict.fromkeys(("prefill_margin", "prefill_entropy"), (-LARGEST, LARGEST))
    | dict.fromkeys(COUNTS, (0, MOST))
    | {"context": (1, MOST)}
)
"""Smallest and largest value of every column of numbers."""


def fits(name: str, value: Any) -> bool:
    """Whether a value can stand in a column: unknown, or a number in its range; any value where it has none."""
    if value is None or name not in BOUNDS or value != value:
        return True
    low, high = BOUNDS[name]
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return low <= value <= high and (name not in COUNTS or value % 1 == 0)


def _whole(value: Any) -> Any:
    """A value whose text holds no halves of characters, which no file takes."""
    return value if not isinstance(value, str) or is_unicode(value) else value.encode(errors="replace").decode()


def bounded(row: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A row with its numbers that don't fit made unknown, and their columns; without its score it is an error row.

    >>> bounded({"score": 1.0, "prompt_tokens": -5})
    ({'score': 1.0, 'prompt_tokens': None}, ['prompt_tokens'])
    """
    odd = [name for name, value in row.items() if not fits(name, value)]
    made = {name: _whole(value) for name, value in row.items()} | dict.fromkeys(odd)
    if "score" in odd:
        made["error"] = made.get("error") or "The score is no number in [0, 1]"
    return made, odd

"""What a response says of the routing: headers, and the field "zeta" in its body."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from zeta_eval.router import Decision, Step

Told = Sequence[tuple[Step, str]]
"""Steps, each with the reason for stopping or going on after it."""

DIGITS = 4
"""Decimals of chances, costs and seconds."""


def headers(decision_id: str, decision: Decision, size: str) -> list[tuple[bytes, bytes]]:
    """Headers that say which size answers, how hard the query looks, and under which id it is recorded."""
    return [
        (b"x-zeta-size", _plain(size)),
        (b"x-zeta-complexity", b"%.4f" % decision.complexity.score),
        (b"x-zeta-label", decision.complexity.label.encode()),
        (b"x-zeta-decision-id", decision_id.encode()),
        (b"x-zeta-policy", _plain(decision.policy)),
    ]


def rung_headers(answer_id: str, size: str) -> list[tuple[bytes, bytes]]:
    """Headers where the caller chose the rung."""
    return [(b"x-zeta-size", _plain(size)), (b"x-zeta-decision-id", answer_id.encode())]


@lru_cache(maxsize=1024)
def _plain(name: str) -> bytes:
    """A name as a header can hold it."""
    return quote(name, safe=" @").encode()


def field(decision_id: str, decision: Decision, size: str, told: Told) -> bytes:
    """The field "zeta" as JSON: the size that answers and the one chosen before, why, and every call."""
    data: dict[str, Any] = {
        "id": decision_id,
        "size": size,
        "chosen": decision.size,
        "complexity": {"score": round(decision.complexity.score, DIGITS), "label": decision.complexity.label},
        "p": _rounded(decision.p),
        "cost": _rounded(decision.cost),
        "cost_weight": decision.cost_weight,
        "reasons": [*decision.reasons],
        "steps": [_step(step, why) for step, why in told],
        "policy": decision.policy,
    }
    return json.dumps(data).encode()


def rung_field(answer_id: str, size: str) -> bytes:
    """The field where the caller chose the rung; its id is in no history."""
    return json.dumps({"id": answer_id, "size": size}).encode()


def _rounded(values: Any) -> dict[str, float]:
    return {size: round(value, DIGITS) for size, value in values.items()}


def _step(step: Step, why: str) -> dict[str, Any]:
    told = {"size": step.size, "latency_s": round(step.latency_s, DIGITS), "p_right": round(step.p_right, DIGITS)}
    return told | ({"reason": why} if step.error is None else {"reason": why, "error": step.error})

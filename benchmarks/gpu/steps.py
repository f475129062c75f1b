"""The steps of a whole run: a command each, with the most time that it may take."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A part of the run, which a process of its own does."""

    name: str
    """Name of the step, and of its JSON file."""
    limit_s: float
    """Most seconds that it may take."""
    arguments: Sequence[str]
    """What the interpreter is given: a script or a module with its arguments; {scale}, {out} and {gsm8k} are filled."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that are set for it."""

    def command(self, scale: str, out: Path, gsm8k: Path | None) -> list[str]:
        """The command line."""
        given = {"scale": scale, "out": str(out), "gsm8k": "" if gsm8k is None else str(gsm8k.resolve())}
        return [sys.executable, *(argument.format(**given) for argument in self.arguments)]


def _check(size: str, limit_s: float) -> Step:
    check = ("-m", "zeta_eval.cli", "gpu-check", "--sizes", size, "--scale", "{scale}", "--out", "{out}")
    return Step(name=f"check-{size}", limit_s=limit_s, arguments=check)


def _script(name: str, limit_s: float, *more: str) -> Step:
    script = str(HERE / f"{name.replace('-', '_')}.py")
    return Step(name=name, limit_s=limit_s, arguments=(script, "--scale", "{scale}", "--out", "{out}", *more))


STEPS = (
    _script("tests", 75),
    _check("4B", 110),
    _script("main-job", 90),
    _script("ladder", 240, "--gsm8k", "{gsm8k}"),
    _check("7B", 110),
    _check("14B", 130),
    _script("two-processes", 60),
    _script("profiled", 60),
)
"""All steps, the most telling first: those behind get the time that is left."""

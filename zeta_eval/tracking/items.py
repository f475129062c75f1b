"""Items to log as plain data: settings, numbers, words, files, figures and tables. MLflow plays no part here."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure as MatplotlibFigure

_PACKAGES: Final = ("zeta-eval", "torch", "transformers")
"""Packages whose version goes with every run."""


@dataclass(frozen=True, slots=True)
class Param:
    """A setting of a run."""

    name: str
    value: object


@dataclass(frozen=True, slots=True)
class Metric:
    """A measured number of a run."""

    name: str
    value: float
    step: int = 0


@dataclass(frozen=True, slots=True)
class Tag:
    """A word on a run to search by."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file to keep with a run."""

    path: Path


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure to keep with a run as NAME.png, drawn when it is kept."""

    name: str
    draw: Callable[[], MatplotlibFigure]


@dataclass(frozen=True, slots=True)
class Page:
    """A report to keep with a run as NAME.html."""

    name: str
    html: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table that MLflow's page shows with a run."""

    name: str
    frame: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Data:
    """Data that a run read."""

    name: str
    """Name of the data set."""
    digest: str
    """Hash of its content, cut to what MLflow takes."""
    rows: int
    """Number of queries."""
    context: str
    """What the run used it for, in a word."""
    hub: bool = False
    """Whether the name is an id on the Hugging Face hub."""


LogItem = Param | Metric | Tag | Artifact | Figure | Page | Table | Data


def iter_versions() -> Iterator[Tag]:
    """Yield the versions of what ran, without importing it."""
    yield Tag("version/python", platform.python_version())
    for name in _PACKAGES:
        try:
            yield Tag(f"version/{name}", version(name))
        except PackageNotFoundError:
            continue

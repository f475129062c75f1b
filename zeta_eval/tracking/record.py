"""Runs as they are kept on disk until MLflow has them: plain data and files, so that work outlives a server."""

from __future__ import annotations

import json
import math
import shutil
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from zeta_eval.exceptions import InvalidInputError, masked
from zeta_eval.files import write_json
from zeta_eval.tracking.items import Artifact, Data, Figure, LogItem, Metric, Page, Param, Table, Tag

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION: Final = 1
"""Version of a kept record's layout; a reader takes no other."""
NAME: Final = "record.json"
"""File of a kept record."""
POLICY: Final = "policy.json"
"""File of a run that is registered as a version."""
_ROWS: Final = 10_000
"""Most rows of a table that MLflow's page shows; `decisions` gives all of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One run: what it is called, and all that it holds but its files."""

    key: str
    """Its name among the runs that are recorded together."""
    name: str
    """Name that people read; `{version}` stands for the number of the version that it registers."""
    kind: str
    """What it is of: benchmark, size, tuning or policy."""
    note: str = ""
    """Description in Markdown."""
    parent: str | None = None
    """Key of the run that it is a part of."""
    sources: tuple[str, ...] = ()
    """Keys of the runs that it was made from."""
    outcomes: str | None = None
    """Hash of the table of outcomes that it was made from; the benchmark with that table is a source, too."""
    parent_policy: str | None = None
    """Hash of the policy file that this run's policy was learned from."""
    params: Mapping[str, str] = field(default_factory=dict)
    """Settings."""
    metrics: Sequence[tuple[str, float, int]] = ()
    """Name, value and step of each number."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Words to search and sort by."""
    data: tuple[Data, ...] = ()
    """What it read."""
    registers: bool = False
    """Whether its policy.json becomes a version of the registered model."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """Runs that are recorded together, in a folder with their files."""

    folder: Path
    """Where they are kept."""
    id: str
    """Tells the record from every other; MLflow's runs have it as a tag, so that nothing is sent twice."""
    experiment: str
    """Experiment that they belong to."""
    time_ms: int
    """When they were made, in milliseconds since 1970."""
    runs: tuple[Run, ...]
    """The runs, parents and sources first."""

    @classmethod
    def start(cls, below: Path, experiment: str) -> Record:
        """Make the folder of a new record."""
        made = uuid.uuid4().hex
        folder = below / f"{time.strftime('%Y%m%d-%H%M%S')}-{made[:8]}"
        folder.mkdir(parents=True)
        return cls(folder=folder, id=made, experiment=experiment, time_ms=int(time.time() * 1000), runs=())

    def adding(self, run: Run, items: Iterable[LogItem], *, policy: Path | None = None) -> Record:
        """Add a run with its items, the files among them copied; `policy` is registered as a version."""
        files = self.files(len(self.runs))
        files.mkdir()
        if policy is not None:
            shutil.copyfile(policy, files / POLICY)
        params, metrics, tags, data = dict(run.params), list(run.metrics), dict(run.tags), list(run.data)
        for item in items:
            match item:
                case Metric(name, value, step) if math.isfinite(value):
                    metrics.append((name, float(value), step))
                case Metric():  # not known, so not recorded
                    pass
                case Param(name, value):
                    params[name] = masked(str(value))
                case Tag(name, value):
                    tags[name] = masked(str(value))
                case Data():
                    data.append(item)
                case _:
                    self._file(item, len(self.runs))
        full = replace(
            run, params=params, metrics=tuple(metrics), tags=tags, data=tuple(data), registers=policy is not None
        )
        return replace(self, runs=(*self.runs, full))

    def save(self) -> Record:
        """Write record.json; without it the folder is not a record."""
        data = {"id": self.id, "experiment": self.experiment, "time_ms": self.time_ms}
        runs = [asdict(run) for run in self.runs]
        write_json(self.folder / NAME, {"schema_version": SCHEMA_VERSION} | data | {"runs": runs})
        return self

    @classmethod
    def load(cls, folder: Path) -> Record:
        """Read a kept record.

        Raises:
            InvalidInputError: it is no record, or of another version.
        """
        try:
            found: dict[str, Any] = json.loads((folder / NAME).read_text(encoding="utf-8"))
            if found.pop("schema_version") != SCHEMA_VERSION:
                raise InvalidInputError(
                    f"{folder / NAME} was written by another version of zeta-eval; send it by that."
                )
            runs = tuple(Run(**run | {"data": tuple(Data(**d) for d in run["data"])}) for run in found.pop("runs"))
            return cls(folder=folder, runs=runs, **found)
        except (OSError, ValueError, TypeError, KeyError) as e:
            if isinstance(e, InvalidInputError):
                raise
            raise InvalidInputError(
                f"{folder} holds no run that was kept; give the folder that the warning named."
            ) from e

    def files(self, number: int) -> Path:
        """Folder with the files of a run, by its place among the runs."""
        return self.folder / str(number)

    def tables(self, number: int) -> dict[str, pd.DataFrame]:
        """Tables of a run by name."""
        import pandas as pd

        folder = self.folder / f"{number}-tables"
        return {p.stem: pd.read_parquet(p) for p in sorted(folder.glob("*.parquet"))}

    def remove(self) -> None:
        """Delete the folder; record.json first, so that half a folder is no record."""
        (self.folder / NAME).unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, item: LogItem, number: int) -> None:
        files = self.files(number)
        match item:
            case Artifact(path):
                shutil.copyfile(path, files / path.name)
            case Figure(name, draw):
                draw().savefig(files / f"{name}.png", dpi=110)
            case Page(name, text):
                (files / f"{name}.html").write_text(text, encoding="utf-8")
            case Table(name, frame):
                folder = self.folder / f"{number}-tables"
                folder.mkdir(exist_ok=True)
                frame.head(_ROWS).to_parquet(folder / f"{name}.parquet", index=False)


def records(folder: Path) -> list[Record]:
    """The records that are kept in a folder, or that the folder is, oldest first.

    Raises:
        InvalidInputError: there is no such folder, or it is no place of kept records.
    """
    if (folder / NAME).is_file():
        return [Record.load(folder)]
    if not folder.is_dir():
        raise InvalidInputError(f"There is no folder {folder}; give the one that the warning named.")
    found = [Record.load(path.parent) for path in sorted(folder.glob(f"*/{NAME}"))]
    if not found and any(path.is_file() for path in folder.iterdir()):  # a benchmark's folder, say
        raise InvalidInputError(f"{folder} holds no run that was kept; give the folder that the warning named.")
    return found

"""Where the rows of a task lie: a file, a folder, a data set that was saved to disk, or a hub id."""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.files import is_folder, is_there
from zeta_eval.tasks.files.reader import READERS, ending, read_file
from zeta_eval.tasks.files.table import Table, joined
from zeta_eval.tasks.loading import hub_splits, saved_splits

SPLIT = re.compile(
    r"(?<![a-z])(train|training|test|testing|validation|valid|val|dev|eval|evaluation)(?![a-z])", re.IGNORECASE
)
"""Name of a split in the name of a file or folder."""
PREFERRED = ("test", "testing", "validation", "valid", "val", "dev", "eval", "evaluation", "train", "training")
"""Splits in the order in which one is taken where none is named."""
SPLITS = frozenset(PREFERRED)
HUB_ID = re.compile(r"(?P<hub>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?(:(?P<config>[^:]*))?(:(?P<split>[^:]+))?")
"""A hub id with @revision, :config and :split."""
NOTES = {"dataset_infos.json", "dataset_info.json", "state.json", "dataset_dict.json"}
"""Files that describe a data set and hold no rows."""

Splits = Mapping[str, Callable[[], Table]]
"""By split, a function that reads its table."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A place of rows."""

    hub: str = ""
    """Hub id, where the rows come from the hub or from a local copy of a data set there."""
    path: Path | None = None
    """File or folder; None reads the hub."""
    revision: str | None = None
    """Commit, branch or tag on the hub."""
    config: str | None = None
    """Configuration of the data set, or sub-folder."""
    split: str | None = None
    """Split; None takes the test split where there is one."""

    @property
    def name(self) -> str:
        """Name of the task: the hub id or the file's name, with configuration and split where they are named."""
        own = self.path.absolute().name if self.path and not self.hub else self.hub
        own = re.sub(r"(\.gz)?$", "", own, flags=re.IGNORECASE)
        own = own[: -len(Path(own).suffix)] if not self.hub and Path(own).suffix.lower() in READERS else own
        parts = [own, *(part for part in (self.config, self.split) if part)]
        return ".".join(re.sub(r"[^\w.-]+" if not self.hub else r"[^\w./-]+", "_", part) for part in parts)

    @property
    def dataset(self) -> str:
        """Hub id or the file's name, which ids of queries are made of."""
        return self.hub or (self.path.absolute().name if self.path else "")

    def __str__(self) -> str:
        return str(self.path or self.hub)


def find_place(text: str) -> Place | None:
    """The place that a word of the command line names: a path that exists, or a hub id; None for any other word."""
    if is_there(text):
        return Place(path=Path(text))
    head, *tail = text.split(":")
    if head and len(tail) in (1, 2) and is_there(head):
        return _selected(Place(path=Path(head)), tail)
    name, sign, local = text.partition("=")
    found = HUB_ID.fullmatch(name)
    if found is None or (not sign and _is_path(text)):
        return None
    if sign and not is_there(local):
        raise missing(local)
    made = Place(hub=found["hub"], revision=found["revision"], path=Path(local) if sign else None)
    return _selected(made, [part for part in (found["config"], found["split"]) if part is not None])


def missing(text: str) -> InvalidInputError:
    """The error of a path where nothing lies, with the nearest name beside it."""
    path = Path(text)
    folder = path.parent
    if not folder.is_dir():
        nearest = next(p for p in (*folder.parents, Path.cwd()) if p.is_dir())
        return InvalidInputError(f"No file or folder {text}: {folder} is not there; the nearest is {nearest}.")
    names = sorted(f.name for f in folder.iterdir() if f.is_dir() or ending(f) in READERS)
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.6)
    same = [n for n in names if Path(n).name.split(".")[0] == path.name.split(".")[0]]
    hint = (same or near)[:1]
    advice = f"did you mean {folder / hint[0]}?" if hint else "check the path."
    return InvalidInputError(f"No file or folder {text}; {advice}")


def splits_of(place: Place) -> Splits:
    """What reads each split of a place."""
    if place.path is None:
        return hub_splits(place.hub, place.config, place.revision)
    path = place.path / place.hub if place.hub and is_folder(place.path / place.hub) else place.path
    if path.is_file():
        return _file_splits(path)
    if (path / "state.json").is_file() or (path / "dataset_dict.json").is_file():
        return saved_splits(path)
    return _folder_splits(path, place.config)


def default_split(names: Sequence[str]) -> str:
    """The split that is taken where none is named: test, else validation, else train, else the first."""
    low = {name.lower(): name for name in reversed(names)}
    return next((low[name] for name in PREFERRED if name in low), names[0])


def _selected(place: Place, tail: Sequence[str]) -> Place:
    """The place with configuration and split; one alone is the split where it has the name of one."""
    config, split = (*tail, None)[:2] if tail else (None, None)
    if config and split is None and config.lower() in SPLITS:
        config, split = None, config
    return Place(hub=place.hub, path=place.path, revision=place.revision, config=config or None, split=split or None)


def _is_path(text: str) -> bool:
    """Whether a word that looks like a hub id is meant as a path: by its ending, or by a folder here."""
    return ending(Path(text)) in READERS or is_folder(text.partition("/")[0]) or text.startswith((".", "~"))


def _file_splits(path: Path) -> Splits:
    """Splits of a file: those that it names itself, and files beside it that differ in the split's name alone."""
    own = SPLIT.search(path.name)
    tables = read_file(path)
    if len(tables) > 1 or own is None:
        return {split: lambda split=split: tables[split] for split in tables}  # type: ignore[misc]
    found: dict[str, Callable[[], Table]] = {own[1]: lambda: joined(list(tables.values()))}
    for beside in sorted(path.parent.iterdir()):
        match = SPLIT.search(beside.name)
        if match and beside != path and SPLIT.sub("*", beside.name, 1) == SPLIT.sub("*", path.name, 1):
            found[match[1]] = _reader([beside])
    return found


def _folder_splits(path: Path, config: str | None) -> Splits:
    """Splits of a folder of data files, by the names of files and sub-folders."""
    base = next((b for b in ((path / config, path / "data" / config) if config else (path,)) if b.is_dir()), None)
    inner = sorted(f.name for f in path.iterdir() if f.is_dir() and not f.name.startswith("."))
    if base is None:
        raise InvalidInputError(f"{path} has no folder '{config}'; it has: {', '.join(inner) or 'none'}.")
    files = sorted(f for f in base.rglob("*") if _is_data(f, base))
    if not files:
        raise InvalidInputError(f"{base} has no data files; give files that end in {', '.join(READERS)}.")
    tops = {f.relative_to(base).parts[0] for f in files if len(f.relative_to(base).parts) > 1}
    configs = sorted(top for top in tops if not SPLIT.search(top) and top != "data")
    if len(configs) > 1:
        raise InvalidInputError(
            f"{base} holds several data sets; name one, as {path}:{configs[0]} ({', '.join(configs)})."
        )
    groups: dict[str, list[Path]] = {}
    for file in files:
        groups.setdefault(_split_of(file, base), []).append(file)
    if len(groups) > 1:
        groups.pop("", None)
    for split, members in groups.items():
        if len({ending(f) for f in members}) > 1:
            raise InvalidInputError(
                f"{base} holds {split or 'its rows'} as {members[0].name} and {members[-1].name}; name one of them."
            )
    return {split: _reader(members) for split, members in groups.items()}


def _is_data(file: Path, base: Path) -> bool:
    parts = file.relative_to(base).parts
    hidden = any(part.startswith(".") for part in parts)
    return file.is_file() and ending(file) in READERS and not hidden and len(parts) <= 3 and file.name not in NOTES


def _split_of(file: Path, base: Path) -> str:
    """The split that a file's name, or else the folder's in which it lies, names; "" for none."""
    for part in reversed(file.relative_to(base).parts):
        if match := SPLIT.search(part):
            return match[1].lower()
    return ""


def _reader(files: Sequence[Path]) -> Callable[[], Table]:
    return lambda: joined([table for file in files for table in read_file(file).values()])

"""Loads the rows of a data set from the Hugging Face hub or a local copy; the only file that imports `datasets`."""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zeta_eval.exceptions import HubAccessError, InvalidInputError, one_line
from zeta_eval.tasks.files.reader import READERS, ending, read_whole
from zeta_eval.tasks.files.table import Table


def load_rows(
    dataset: str, config: str | None, split: str, *, task: str, local: Path | None, revision: str | None = None
) -> list[dict[str, Any]]:
    """Read a split's rows in the source's order, from the hub or a local copy (`find_files`); errors name the task."""
    if local is not None:
        files = find_files(local, dataset, config, split)
        return [dict(row) for file in files for row in read_whole(file, split).rows]
    from datasets import load_dataset

    try:
        with quiet_hub():
            return list(load_dataset(dataset, config, split=split, revision=revision))
    except Exception as e:  # the hub's client raises OSError, ValueError and its own HTTP errors
        where = f"{dataset}{f', config {config}' if config else ''}, split {split}"
        advice = f"Use a local copy with the hub's columns: {task}=FOLDER_OR_FILE as the task's name."
        raise HubAccessError(f"Can't load {where} from the Hugging Face hub ({one_line(e)}). {advice}") from e


def hub_splits(dataset: str, config: str | None, revision: str | None) -> Mapping[str, Callable[[], Table]]:
    """What reads each split of a data set on the hub; no code of the data set is run.

    Raises:
        HubAccessError: the hub or the data set is out of reach.
        InvalidInputError: a configuration that is not there, or none where there are several.
    """
    from datasets import get_dataset_split_names, load_dataset

    def read(split: str) -> Table:
        with _explained(dataset, config, revision):
            return _table(load_dataset(dataset, config, split=split, revision=revision))

    with _explained(dataset, config, revision):
        names = get_dataset_split_names(dataset, config, revision=revision)
    return {name: lambda name=name: read(name) for name in names}  # type: ignore[misc]


def saved_splits(folder: Path) -> Mapping[str, Callable[[], Table]]:
    """What reads each split of a data set that `save_to_disk` wrote; one without splits has ""."""
    from datasets import DatasetDict, load_from_disk

    try:
        saved = load_from_disk(str(folder))
    except Exception as e:  # pyarrow and json raise their own errors
        raise HubAccessError(f"Can't read {folder} ({one_line(e)}). Save the data set again, or name another.") from e
    parts = dict(saved) if isinstance(saved, DatasetDict) else {"": saved}
    return {str(name): lambda part=part: _table(part) for name, part in parts.items()}  # type: ignore[misc]


def _table(data: Any) -> Table:
    """Rows of a data set, and the names of its classes."""
    named = {name: getattr(feature, "names", None) for name, feature in data.features.items()}
    return Table(rows=list(data), classes={name: tuple(names) for name, names in named.items() if names})


@contextmanager
def _explained(dataset: str, config: str | None, revision: str | None) -> Iterator[None]:
    """Turn any error of loading from the hub into one line."""
    try:
        with quiet_hub():
            yield
    except Exception as e:  # the hub's client raises OSError, ValueError and its own HTTP errors
        known = re.search(r"(?:available configs|Available):? *(\[.*?\])", str(e), re.DOTALL)
        names = re.findall(r"'(.+?)'", known[1]) if known else []
        if names and config not in names:
            wrong = f"no configuration '{config}'" if config else "several configurations"
            listed = ", ".join(names[:20])
            raise InvalidInputError(f"{dataset} has {wrong}; name one, as {dataset}:{names[0]} ({listed}).") from e
        at = f"{f'@{revision}' if revision else ''}{f', config {config}' if config else ''}"
        raise HubAccessError(
            f"Can't load {dataset}{at} from the Hugging Face hub ({one_line(e)}), and no file or folder has that name. "
            f"Check the id, or use a local copy: {dataset}=FOLDER_OR_FILE."
        ) from e


@contextmanager
def quiet_hub() -> Iterator[None]:
    """Silence the hub client's warnings about retries; a failure in the end is an error of one line."""
    from huggingface_hub.utils import logging as hub

    level = hub.get_verbosity()
    hub.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        hub.set_verbosity(level)


def find_files(local: Path, dataset: str, config: str | None, split: str) -> list[Path]:
    """Find a split's files in a local copy.

    A file stands for itself. In a folder the first of these that exists is taken, `<split>` being `<split>.parquet`
    (or another ending that is read) or shards like `test-00000-of-00002.parquet`: `<hub id>/<config>/<split>`,
    `<hub id>/<split>`, `<config>/<split>`, `<split>`, each with or without a folder `data/` between, so that a folder
    of many data sets, one repository's snapshot and one folder of files all work.
    """
    if local.is_file():
        return [local]
    if not local.exists():
        raise HubAccessError(f"No file or folder {local}; check the path of the local copy of {dataset}.")
    bases = [local / dataset, local]
    if config:
        bases = [p for base in bases for p in (base / config, base)]
    for folder in (f for base in bases for f in (base, base / "data") if f.is_dir()):
        pattern = rf"{re.escape(split)}(-\d+-of-\d+)?"
        found = sorted(
            f for f in folder.iterdir() if ending(f) in READERS and re.fullmatch(pattern, f.name.partition(".")[0])
        )
        if found:
            return [f for f in found if ending(f) == ending(found[0])]
    wanted = "/".join(part for part in (dataset, config, f"{split}.parquet") if part)
    others = sorted({f for base in bases if base.is_dir() for f in base.glob("*") if ending(f) in READERS})
    hint = f"it holds {others[0].relative_to(local)}; name" if others else "name"
    raise HubAccessError(f"No {wanted} or {split}.parquet in {local}; {hint} a data file itself to use it.")

"""Loads the rows of a data set from the Hugging Face hub or a local copy; the only file that imports `datasets`."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zeta_eval.exceptions import HubAccessError, one_line

BUILDERS = {".parquet": "parquet", ".jsonl": "json", ".json": "json", ".csv": "csv"}
"""Endings of the data files that can be read (all but Parquet also with .gz), and the format's name in `datasets`."""

TEXT_COLUMNS = ("prompt", "target", "id")
"""Columns of a user's CSV file that stay text: "007" is no 7 and "NA" is no gap."""


def load_rows(dataset: str, config: str | None, split: str, *, task: str, local: Path | None) -> list[dict[str, Any]]:
    """Read a split's rows in the source's order, from the hub or a local copy (`find_files`); errors name the task."""
    from datasets import load_dataset
    from datasets.utils import logging as datasets_logging

    advice = f"Use a local copy with the hub's columns: {task}=FOLDER_OR_FILE as the task's name, or local=."
    if local is None:
        try:
            with quiet_hub():
                return list(load_dataset(dataset, config, split=split))
        except Exception as e:  # the hub's client raises OSError, ValueError and its own HTTP errors
            where = f"{dataset}{f', config {config}' if config else ''}, split {split}"
            raise HubAccessError(f"Can't load {where} from the Hugging Face hub ({one_line(e)}). {advice}") from e
    files = find_files(local, dataset, config, split)
    builder = BUILDERS[_ending(files[0])]
    options = {"converters": dict.fromkeys(TEXT_COLUMNS, str), "keep_default_na": False} if builder == "csv" else {}
    logged = datasets_logging.get_verbosity()
    datasets_logging.set_verbosity(logging.CRITICAL)  # the error below says what is wrong with a file
    try:
        # Streaming reads the files where they lie instead of copying them into the hub's cache.
        return list(load_dataset(builder, data_files=[str(f) for f in files], split="train", streaming=True, **options))
    except Exception as e:
        raise HubAccessError(f"Can't read {files[0]} ({one_line(e)}). Export it again, or name another file.") from e
    finally:
        datasets_logging.set_verbosity(logged)


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
    (or .jsonl, .json, .csv) or shards like `test-00000-of-00002.parquet`: `<hub id>/<config>/<split>`,
    `<hub id>/<split>`, `<config>/<split>`, `<split>`, each with or without a folder `data/` between, so that a folder
    of many data sets, one repository's snapshot and one folder of files all work.
    """
    if local.is_file():
        if _ending(local) not in BUILDERS:
            raise HubAccessError(f"Can't read {local}: use a file that ends in {', '.join(BUILDERS)}.")
        return [local]
    if not local.exists():
        raise HubAccessError(f"No file or folder {local}; check the path of the local copy of {dataset}.")
    bases = [local / dataset, local]
    if config:
        bases = [p for base in bases for p in (base / config, base)]
    for folder in (f for base in bases for f in (base, base / "data") if f.is_dir()):
        pattern = rf"{re.escape(split)}(-\d+-of-\d+)?"
        found = sorted(
            f for f in folder.iterdir() if _ending(f) in BUILDERS and re.fullmatch(pattern, f.name.partition(".")[0])
        )
        if found:
            return [f for f in found if _ending(f) == _ending(found[0])]
    wanted = "/".join(part for part in (dataset, config, f"{split}.parquet") if part)
    others = sorted({f for base in bases if base.is_dir() for f in base.glob("*") if _ending(f) in BUILDERS})
    hint = f"it holds {others[0].relative_to(local)}; name" if others else "name"
    raise HubAccessError(f"No {wanted} or {split}.parquet in {local}; {hint} a data file itself to use it.")


def _ending(path: Path) -> str:
    """Ending of a file's name without .gz."""
    return Path(path.name.removesuffix(".gz")).suffix

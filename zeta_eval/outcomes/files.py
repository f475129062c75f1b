"""Reads and writes outcomes tables as files: Parquet, CSV, JSONL."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from zeta_eval.exceptions import OutcomesError, one_line
from zeta_eval.files import from_json, is_unicode, read_bytes, replacing
from zeta_eval.outcomes.schema import COLUMNS, READABLE, SCHEMA_VERSION

JOURNAL: Final = "rows.jsonl"
"""Name of the journal in a benchmark's folder."""
TABLE: Final = "outcomes.parquet"
"""Name of the finished table in a benchmark's folder."""

MOST_TABLE: Final = 1 << 34
"""Most bytes of a table in lines of JSON."""

Parse = Callable[[bytes], Any]
"""Text of JSON -> its data; a ValueError where it is none."""

EMPTY: Final = ["", "NA", "N/A", "NaN", "nan", "None", "null"]
"""What stands for "no number" in a CSV file."""


def read_table(path: str | Path, *, parse: Parse = from_json) -> tuple[pd.DataFrame, tuple[str, ...] | None]:
    """Read a file or a benchmark's folder: the frame as it is stored, and the stored order of sizes if there is one.

    `parse` reads a line of JSON.
    """
    path = Path(path)
    if path.is_dir():
        path, folder = next((p for n in (TABLE, JOURNAL) if (p := path / n).is_file()), path), path
        if path == folder:
            raise OutcomesError(f"Folder {folder} holds neither {TABLE} nor {JOURNAL}; give a benchmark's folder.")
    if not path.is_file():
        raise OutcomesError(f"No outcomes table at {path}; give a Parquet, CSV or JSONL file or a benchmark's folder.")
    match path.suffix.lower():
        case ".parquet" | ".pq":
            return _read_parquet(path)
        case ".csv":
            return _read_csv(path), None
        case ".jsonl" | ".ndjson":
            # As objects: pandas can't hold half of a surrogate pair as text, and `conform` names the row that has one.
            rows = read_rows(path, torn=path.name == JOURNAL, parse=parse)
            return pd.DataFrame([{n: x for n, x in row.items() if is_unicode(n)} for row in rows], dtype=object), None
    raise OutcomesError(f"{path} is no outcomes table by its name; give a .parquet, .csv or .jsonl file.")


def write_parquet(frame: pd.DataFrame, path: str | Path, *, sizes: Sequence[str]) -> None:
    """Write a checked frame with schema version and order of sizes; the file is there whole or not at all."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    extra = {"schema_version": str(SCHEMA_VERSION), "sizes": json.dumps(list(sizes))}
    with replacing(path) as temp:
        pq.write_table(
            table.replace_schema_metadata({**(table.schema.metadata or {}), **extra}), temp, compression="zstd"
        )


def read_rows(path: Path, *, torn: bool = False, parse: Parse = from_json) -> list[dict[str, Any]]:
    """Read the rows of a JSONL file; with `torn`, leave out a last line that a killed run didn't finish."""
    data = read_bytes(path, MOST_TABLE)
    if torn:
        data = data[: data.rfind(b"\n") + 1]
    rows = []
    for number, line in enumerate(data.split(b"\n"), start=1):
        if line.strip():
            try:
                row = parse(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                raise OutcomesError(f"Line {number} of {path} is no JSON object; mend or delete that line.")
            rows.append(row)
    return rows


def _read_parquet(path: Path) -> tuple[pd.DataFrame, tuple[str, ...] | None]:
    try:
        with pq.ParquetFile(path) as file:
            metadata = file.schema_arrow.metadata or {}
            version = metadata.get(b"schema_version", str(SCHEMA_VERSION).encode()).decode()
            if version not in map(str, READABLE):
                raise OutcomesError(
                    f"{path} has outcomes schema version {version}, this release reads "
                    f"{' and '.join(map(str, READABLE))}; re-export the "
                    "table with the release that wrote it (CSV or JSONL), or install that release."
                )
            frame = file.read(columns=[c for c in file.schema_arrow.names if c in COLUMNS]).to_pandas()
            stored = _sizes(metadata.get(b"sizes"))
    except OutcomesError:
        raise
    except (pa.ArrowException, OSError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as e:
        raise OutcomesError(f"{path} can't be read as Parquet ({one_line(e)}); write it again.") from e
    if b"schema_version" in metadata and "attempt" in frame and "agreement" not in frame:
        several = frame["attempt"].gt(0).any()  # then `confidence` held their agreement, which costs all of them
        frame = frame.assign(confidence=float("nan")) if several else frame
    return frame, stored


def _sizes(stored: bytes | None) -> tuple[str, ...] | None:
    """The order of sizes that a table's metadata hold; a ValueError where that is none."""
    if not stored:
        return None
    sizes = from_json(stored)
    if not isinstance(sizes, list) or not all(isinstance(size, str) for size in sizes):
        raise ValueError("its order of sizes is no list of names")
    return tuple(sizes)


def _read_csv(path: Path) -> pd.DataFrame:
    # Texts are kept as they are: a query may be "NA", an id "007". Numbers may be empty in several spellings.
    texts = [c for c, kind in COLUMNS.items() if kind == "string"]
    try:
        frame = pd.read_csv(
            path,
            dtype=dict.fromkeys(texts, "str"),
            keep_default_na=False,
            na_values={c: EMPTY for c in COLUMNS if c not in texts},
        )
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    except (pd.errors.ParserError, ValueError, OverflowError) as e:
        raise OutcomesError(f"{path} can't be read as CSV ({one_line(e)}); write it again as UTF-8.") from e
    nullable = [c for c in texts if c in frame.columns and c != "response"]
    return frame.assign(**{c: frame[c].mask(frame[c] == "") for c in nullable})

"""Reads one data file into tables: CSV, TSV, JSON, JSON lines, Parquet and Arrow, each also packed by gzip."""

import csv
import gzip
import io
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zeta_eval.exceptions import HubAccessError, InvalidInputError, one_line
from zeta_eval.files import read_bytes
from zeta_eval.tasks.files.json_rows import read_json, read_lines
from zeta_eval.tasks.files.table import Row, Table, joined

MOST_BYTES = 1 << 32
"""Most bytes of a file, unpacked."""
RATIO, FEW_BYTES = 200, 1 << 26
"""Most bytes that a byte of a gzip file may unpack to, beyond the first few; tables come to 50."""

DELIMITERS = {".csv": ",;\t|", ".tsv": "\t"}
"""Signs that may part the fields of a text table; the one that parts its first line most is taken."""


def ending(path: Path) -> str:
    """Ending of a file's name in small letters, without .gz."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def read_file(path: Path) -> dict[str, Table]:
    """Read a file's tables by split; the split is "" where the file names none.

    Every field of a CSV or TSV file is a text: "007" is no 7 and "NA" is no gap.

    Raises:
        HubAccessError: an ending that is not known, or a file that can't be read.
        InvalidInputError: a file without rows.
    """
    if ending(path) not in READERS:
        raise HubAccessError(f"Can't read {path}: use a file that ends in {', '.join(READERS)} (or these with .gz).")
    try:
        content = read_bytes(path, MOST_BYTES)
        content = _unpacked(content) if path.name.lower().endswith(".gz") else content
        tables = READERS[ending(path)](content) if content.strip() else {}
    except Exception as e:  # pandas, pyarrow and gzip raise their own errors
        why = str(e) if type(e) is InvalidInputError else one_line(e)
        raise HubAccessError(f"Can't read {path} ({why}). Export it again, or name another file.") from e
    if not any(table.rows for table in tables.values()):
        raise InvalidInputError(f"{path} has no rows; give a file with a row for each query.")
    return tables


def _unpacked(packed: bytes) -> bytes:
    """What a gzip file holds; an InvalidInputError where that is too much."""
    most = min(MOST_BYTES, FEW_BYTES + RATIO * len(packed))
    with gzip.open(io.BytesIO(packed)) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise InvalidInputError(f"it unpacks to more than {most >> 20} MiB; unpack it, or give a part of it")
    return content


def read_whole(path: Path, split: str) -> Table:
    """Read a file's table of a split, or all its rows where the file names no such split."""
    tables = read_file(path)
    return tables[split] if split in tables else joined(list(tables.values()))


def decoded(content: bytes) -> str:
    """Text of a file in UTF-8, with a mark at its beginning or without, or in UTF-16 with one."""
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return content.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as e:
        raise InvalidInputError(f"it is no UTF-8 text, see byte {e.start}; save it as UTF-8") from e


def _delimited(signs: str) -> Callable[[bytes], dict[str, Table]]:
    """A reader of text tables whose first line names the columns."""

    def read(content: bytes) -> dict[str, Table]:
        import pandas as pd

        text = decoded(content)
        head = text.lstrip().partition("\n")[0]
        sign = max(signs, key=lambda s: len(next(csv.reader([head], delimiter=s), [])))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", pd.errors.ParserWarning)  # pandas would drop the fields
                frame = pd.read_csv(io.StringIO(text), sep=sign, dtype=str, keep_default_na=False, index_col=False)
        except pd.errors.ParserWarning as e:
            raise InvalidInputError(
                f"its rows have more fields than its first line; put texts that hold {sign!r} in quotes"
            ) from e
        names = [str(name).strip() for name in frame.columns]
        rows: list[Row] = [
            {n: v if isinstance(v, str) else None for n, v in zip(names, row, strict=True)}
            for row in frame.itertuples(index=False, name=None)
        ]
        return {"": Table(rows=rows)}

    return read


def _json(content: bytes) -> dict[str, Table]:
    return {split: Table(rows=rows) for split, rows in read_json(decoded(content)).items()}


def _lines(content: bytes) -> dict[str, Table]:
    return {"": Table(rows=read_lines(decoded(content)))}


def _parquet(content: bytes) -> dict[str, Table]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    return {"": _columnar(pq.read_table(pa.BufferReader(content)))}


def _arrow(content: bytes) -> dict[str, Table]:
    import pyarrow as pa

    opened = pa.ipc.open_file if content.startswith(b"ARROW1") else pa.ipc.open_stream
    return {"": _columnar(opened(pa.BufferReader(content)).read_all())}


def _columnar(table: Any) -> Table:
    """Rows of an Arrow table; names of classes stand where `datasets` notes them."""
    noted = json.loads((table.schema.metadata or {}).get(b"huggingface", b"{}"))
    features = noted.get("info", {}).get("features", {})
    classes = {
        name: tuple(feature["names"])
        for name, feature in features.items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and feature.get("names")
    }
    return Table(rows=table.to_pylist(), classes=classes)


READERS: dict[str, Callable[[bytes], dict[str, Table]]] = {
    ".parquet": _parquet,
    ".jsonl": _lines,
    ".json": _json,
    ".csv": _delimited(DELIMITERS[".csv"]),
    ".tsv": _delimited(DELIMITERS[".tsv"]),
    ".arrow": _arrow,
}
"""What reads a file's content, by the ending of its name."""

import csv
import io
import json
import math
import random

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attacks import attack
from mutations import BYTES, ODD, bitten, mutated

from zeta_eval.exceptions import OutcomesError
from zeta_eval.outcomes import Journal, Outcomes, summary
from zeta_eval.outcomes.importers import import_outcomes
from zeta_eval.outcomes.schema import COLUMNS
from zeta_eval.testing import make_outcomes


@pytest.fixture(scope="module")
def rows():
    """Rows of a valid table, as JSON data."""
    frame = make_outcomes(6, seed=1).frame.assign(prompt_tokens=12, mean_logprob=-0.3, truncated=False, attempt=0)
    return json.loads(frame.to_json(orient="records"))


def used(outcomes):
    """Read what a report reads of a table; every number must be one."""
    try:
        scores = outcomes.matrix("score")
    except OutcomesError:  # no query with a score on every size
        return
    assert ((scores >= 0) & (scores <= 1)).all()
    assert all(math.isfinite(x) for x in summary(outcomes)["accuracy"].dropna())
    assert outcomes.sizes and len(outcomes.frame)


def csv_of(rows):
    out = io.StringIO()
    names = list(dict.fromkeys(str(name) for row in rows for name in row))
    writer = csv.DictWriter(out, [n.encode("utf-8", "replace").decode() for n in names], extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode("utf-8", "surrogatepass")


def parquet_of(rng, rows):
    """A Parquet file of rows, whose columns may have any type, with its own metadata or others."""
    columns = {}
    for name in dict.fromkeys(str(n) for row in rows for n in row):
        values = [row.get(name) for row in rows]
        try:
            columns[name] = pa.array(values)
        except (pa.ArrowException, OverflowError, ValueError, TypeError):
            columns[name] = pa.array([None if v is None else str(v).encode("utf-8", "replace") for v in values])
    table = pa.table({name.encode("utf-8", "replace").decode(): column for name, column in columns.items()})
    odd = [b"", b"\xff", b"9", b"2", b"[", b'["16K"]', b"{}", b"[1]", b'{"index_columns": 3}', *BYTES]
    keys = (b"schema_version", b"sizes", b"pandas", b"ARROW:schema", b"huggingface")
    noted = {k: rng.choice(odd) for k in keys if rng.random() < 0.4}
    out = pa.BufferOutputStream()
    try:
        pq.write_table(table.replace_schema_metadata(noted or None), out)
    except pa.ArrowException:  # a column of objects without fields
        return b"PAR1"
    return out.getvalue().to_pybytes()


def hostile(rng, rows, path):
    """A table in one of the formats, with odd rows, or with odd bytes."""
    made = mutated(rng, rows, changes=rng.choice((1, 3)))
    made = [row for row in made if isinstance(row, dict)] if isinstance(made, list) and rng.random() < 0.8 else made
    kind = rng.choice(("csv", "jsonl", "parquet"))
    path = path / f"table.{kind}"
    lines = made if isinstance(made, list) else [made]
    objects = [row for row in lines if isinstance(row, dict)]
    if kind == "csv":
        raw = csv_of(objects)
    elif kind == "jsonl":
        raw = b"\n".join(json.dumps(line).encode() for line in lines)
    else:
        raw = parquet_of(rng, objects)
    path.write_bytes(bitten(rng, raw) if rng.random() < 0.3 else raw)
    return path


def test_a_table_is_refused_in_one_line_or_used(rows, tmp_path):
    def load(rng):
        used(Outcomes.load(hostile(rng, rows, tmp_path)))
        return True

    attack("tables", load, usual=250)


def test_an_imported_table_is_refused_in_one_line_or_used(rows, tmp_path):
    def load(rng):
        used(import_outcomes("tidy", hostile(rng, rows, tmp_path)).outcomes)
        return True

    attack("imported tables", load, usual=150)


def test_a_journal_with_odd_numbers_is_read_and_others_are_refused_in_one_line(rows, tmp_path):
    def finish(rng):
        lines = [dict.fromkeys(COLUMNS) | row for row in rows]
        for _ in range(rng.randint(1, 3)):
            lines[rng.randrange(len(lines))][rng.choice(list(COLUMNS))] = rng.choice(ODD)
        raw = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        (tmp_path / "rows.jsonl").write_bytes(bitten(rng, raw) if rng.random() < 0.3 else raw)
        with Journal(tmp_path) as journal:
            used(journal.finish())
        return True

    attack("journals", finish, usual=150)


def test_odd_cells_of_numbers_never_keep_a_journal_from_its_table(rows, tmp_path):
    numbers = [name for name, kind in COLUMNS.items() if kind in ("float", "int") and name not in ("score", "attempt")]
    rng = random.Random(0)
    for odd in [value for value in ODD if not isinstance(value, str)]:
        lines = [dict.fromkeys(COLUMNS) | row for row in rows]
        lines[0] |= dict.fromkeys(rng.sample(numbers, 4), odd)
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        with Journal(tmp_path) as journal:
            assert len(journal.finish().frame) == len(pd.DataFrame(lines))

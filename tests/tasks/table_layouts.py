"""One small table in the layouts in which people keep tables: what writes each into a folder, and what names it."""

import csv
import gzip
import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

CAPITALS = {"Peru": "Lima", "France": "Paris", "Norway": "Oslo", "Japan": "Tokyo", "Cuba": "Havana", "Egypt": "Cairo"}
ROWS = [{"question": f"What is the capital of {c}, please?", "answer": a} for c, a in CAPITALS.items()]
CITIES = tuple(CAPITALS.values())


def renamed(question, answer):
    return [{question: row["question"], answer: row["answer"]} for row in ROWS]


def delimited(path, rows=ROWS, sign=",", encoding="utf-8"):
    with path.open("w", newline="", encoding=encoding) as f:
        writer = csv.DictWriter(f, rows[0], delimiter=sign)
        writer.writeheader()
        writer.writerows(rows)
    return path


def lines(path, rows=ROWS):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


def whole(path, data):
    path.write_text(json.dumps(data, indent=1), encoding="utf-8")
    return path


def pandas(path, orient):
    frame = pd.DataFrame(ROWS)
    frame.to_json(path, orient=orient)
    return path


def parquet(path, rows=ROWS):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def arrow(path, rows=ROWS):
    table = pa.Table.from_pylist(rows)
    with pa.ipc.new_file(path, table.schema) as f:
        f.write_table(table)
    return path


def shards(folder):
    for i in range(2):
        parquet(folder / "data" / f"test-{i:05}-of-00002.parquet", ROWS[3 * i : 3 * i + 3])
    parquet(folder / "data" / "train-00000-of-00001.parquet", [{"question": "No?", "answer": "no"}])
    (folder / "README.md").write_text("notes")
    return folder


def split_folders(folder):
    lines(folder / "test" / "part.jsonl")
    lines(folder / "train" / "part.jsonl", [{"question": "No?", "answer": "no"}])
    return folder


def saved(folder, *, split):
    from datasets import Dataset, DatasetDict

    data = Dataset.from_list(ROWS)
    (DatasetDict({"train": Dataset.from_list(ROWS[:1]), "test": data}) if split else data).save_to_disk(folder)
    return folder


def classes(path):
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"text": Value("string"), "label": ClassLabel(names=sorted(CITIES))})
    rows = [{"text": row["question"], "label": sorted(CITIES).index(row["answer"])} for row in ROWS]
    Dataset.from_list(rows, features=features).to_parquet(path)
    return path


def chat(path):
    rows = [
        {
            "messages": [
                {"role": "system", "content": "Be short."},
                {"role": "user", "content": row["question"]},
                {"role": "assistant", "content": row["answer"]},
            ]
        }
        for row in ROWS
    ]
    return lines(path, rows)


LAYOUTS = {
    "comma": (lambda d: delimited(d / "capitals.csv"), ""),
    "semicolon and mark": (lambda d: delimited(d / "capitals.csv", sign=";", encoding="utf-8-sig"), ""),
    "tabs": (lambda d: delimited(d / "capitals.tsv", renamed("prompt", "target"), sign="\t"), ""),
    "UTF-16 tabs": (lambda d: delimited(d / "capitals.tsv", sign="\t", encoding="utf-16"), ""),
    "a name with a comma and spaces": (lambda d: delimited(d / "my capitals, 2nd.csv"), ""),
    "lines": (lambda d: lines(d / "capitals.jsonl", renamed("instruction", "output")), ""),
    "lines, packed": (lambda d: lines(d / "capitals.jsonl.gz", renamed("query", "reference")), ""),
    "lines that end in .json": (lambda d: lines(d / "capitals.json", renamed("problem", "solution")), ""),
    "a list": (lambda d: whole(d / "capitals.json", renamed("input", "target")), ""),
    "a list under a name": (lambda d: whole(d / "capitals.json", {"version": 1, "data": ROWS}), ""),
    "splits in one file": (lambda d: whole(d / "capitals.json", {"train": ROWS[:2], "test": ROWS}), ""),
    "pandas columns": (lambda d: pandas(d / "capitals.json", "columns"), ""),
    "pandas split": (lambda d: pandas(d / "capitals.json", "split"), ""),
    "pandas index": (lambda d: pandas(d / "capitals.json", "index"), ""),
    "lists of columns": (lambda d: whole(d / "c.json", {k: [r[k] for r in ROWS] for k in ROWS[0]}), ""),
    "Parquet": (lambda d: parquet(d / "capitals.parquet"), ""),
    "Arrow": (lambda d: arrow(d / "capitals.arrow"), ""),
    "classes": (lambda d: classes(d / "capitals.parquet"), ""),
    "shards in a folder": (lambda d: shards(d / "capitals"), ""),
    "folders of splits": (lambda d: split_folders(d / "capitals"), ""),
    "saved to disk": (lambda d: saved(d / "capitals", split=False), ""),
    "saved with splits": (lambda d: saved(d / "capitals", split=True), ""),
    "messages": (lambda d: chat(d / "capitals.jsonl"), ""),
    "columns of other names": (
        lambda d: delimited(d / "capitals.csv", renamed("the question, as asked", "capital")),
        "prompt=the question, as asked,target=capital",
    ),
    "nested": (
        lambda d: lines(d / "c.jsonl", [{"doc": {"q": r["question"]}, "gold": {"text": [r["answer"]]}} for r in ROWS]),
        "prompt=doc.q,target=gold.text",
    ),
}
"""By name of the layout: what writes it into a folder and returns its path, and the value of --columns."""

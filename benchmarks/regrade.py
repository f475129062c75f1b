"""Grade the answers of a stored table again, and say where the product's scorer and the table's score differ.

    python benchmarks/regrade.py TABLE TARGETS [--task gsm8k] [--scorer number] [--show 20]

TABLE is a parquet file with the columns task, model, query, response, score; TARGETS one with the columns question and
answer (the hub's openai/gsm8k: the target follows "####"). A row is joined to the target with its question.
"""

import argparse
from collections import Counter

import pandas as pd

from zeta_eval.tasks.scorers import get_scorer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("table")
    parser.add_argument("targets")
    parser.add_argument("--task", default="gsm8k")
    parser.add_argument("--scorer", default="number")
    parser.add_argument("--show", type=int, default=20)
    args = parser.parse_args()
    targets = pd.read_parquet(args.targets)
    golds = {_key(q): a.rpartition("####")[2].strip() for q, a in zip(targets.question, targets.answer, strict=True)}
    rows = pd.read_parquet(args.table).query("task == @args.task")
    grade = get_scorer(args.scorer)
    counts: Counter[str] = Counter()
    for row in rows.itertuples():
        gold = golds.get(_key(row.query))
        if gold is None or not isinstance(row.response, str):
            counts["not joined"] += 1
            continue
        score = grade(gold, row.response)
        same = score.value == float(row.score >= 0.5)
        counts["agrees" if same else "differs"] += 1
        counts["unparsed"] += score.unparsed
        if not same and counts["differs"] <= args.show:
            print(f"{row.model}: target {gold}, here {score.value:.0f}, table {row.score}")
            print(row.response[-400:], "-" * 60, sep="\n")
    n = counts["agrees"] + counts["differs"]
    print(f"{n} answers: {counts['agrees'] / n:.4f} agree; {dict(counts)}")


def _key(question: str) -> str:
    """A question without spaces and case, from its last "Q:" on."""
    return "".join(question.rpartition("Q:")[2].split()).lower()


if __name__ == "__main__":
    main()

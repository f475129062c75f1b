import pandas as pd

from zeta_eval.evaluation.cautions import cautions
from zeta_eval.outcomes import Outcomes, split_name


def table(queries):
    rows = {"query_id": [f"id{i}" for i in range(len(queries))], "query": queries, "task": "t"}
    sizes = [pd.DataFrame(rows | {"model": size, "score": 1.0}) for size in ("4B", "7B")]
    return Outcomes.from_frame(pd.concat(sizes)).with_order(["4B", "7B"])


def letters(n):
    return ["".join(chr(97 + int(d)) for d in f"{i:04d}") for i in range(n)]


def said(queries):
    outcomes = table(queries)
    return cautions("test", outcomes, outcomes.split("test"))


def test_a_table_of_all_different_queries_needs_no_caution():
    assert said(letters(200)) == []


def test_a_family_that_holds_much_of_a_table_is_told():
    template = next(t for t in letters(50) if split_name(f"{t} 100") == "tune")
    [note] = said([*letters(300), *(f"{template} {i}" for i in range(100, 200))])
    assert note.startswith("one family of like queries holds 25% of the table")


def test_families_that_had_to_be_divided_are_told():
    [note] = said([f"add {i}" for i in range(100, 350)])
    assert note.startswith("1 families of like queries (100% of the table) lie in several splits")

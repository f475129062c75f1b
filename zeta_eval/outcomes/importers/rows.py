"""Steps that all formats share: dropping rows that can't be used, setting costs, reading wide tables."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from zeta_eval.exceptions import InvalidInputError, OutcomesError, UnknownNameError, one_line
from zeta_eval.files import from_foreign_json
from zeta_eval.outcomes.bounds import BOUNDS, COUNTS
from zeta_eval.outcomes.files import EMPTY, read_rows
from zeta_eval.outcomes.importers.account import Account
from zeta_eval.outcomes.importers.scale import scaled
from zeta_eval.outcomes.importers.values import as_score
from zeta_eval.outcomes.schema import REQUIRED, as_numbers


def usable(frame: pd.DataFrame, account: Account) -> pd.DataFrame:
    """Return the rows that an outcomes table takes, `score` as a number in [0, 1]; count the others.

    A row without a score stays: it is unscored, which the table counts itself.

    Raises:
        OutcomesError: a score is outside its task's scale.
    """
    read = [as_score(value) for value in frame["score"].astype(object).where(frame["score"].notna(), None)]
    wrong = {f"without {c}": frame[c].isna() | (frame[c].astype("str") == "") for c in REQUIRED[:-1]}
    wrong["whose score is no number"] = pd.Series([x is None for x in read], index=frame.index)
    frame = frame.assign(score=pd.Series(read, index=frame.index, dtype="float64"))
    left = pd.Series(True, index=frame.index)
    for reason, bad in wrong.items():
        if n := int((left & bad).sum()):
            account.skipped[reason] += n
            left &= ~bad
    frame = known(scaled(frame[left], account), account)
    # The text belongs to the key: two texts under one query_id are a mistake to report, not a repetition.
    key = frame[[c for c in ("query_id", "query", "model", "run_id", "attempt") if c in frame.columns]].astype("str")
    again = key.duplicated()
    if again.any():
        account.skipped["that repeat a query and model (the first is kept)"] += int(again.sum())
    return frame[~again].reset_index(drop=True)


def known(frame: pd.DataFrame, account: Account) -> pd.DataFrame:
    """Return the rows with numbers that can't be those of their columns left empty; count these."""
    for name in BOUNDS:
        if name == "score" or name not in frame.columns:
            continue
        numbers = as_numbers(frame[name]).to_numpy(dtype="float64", na_value=math.nan)
        given = frame[name].notna() & ~frame[name].astype("str").isin(EMPTY)
        fitting = (numbers >= BOUNDS[name][0]) & (numbers <= BOUNDS[name][1])
        odd = given & ~(fitting & ((np.floor(numbers) == numbers) | (name not in COUNTS)))
        if n := int(odd.sum()):
            account.odd[name] += n
            frame = frame.assign(**{name: frame[name].astype("object").mask(odd, None)})
    return frame


def priced(frame: pd.DataFrame, cost: Mapping[str, float | str]) -> pd.DataFrame:
    """Return the rows with `cost_usd` set for the models that a cost is given for."""
    if not cost:
        return frame
    models = frame["model"].astype("str")
    known = models.unique()
    numbers = {
        c: pd.to_numeric(frame[c], errors="coerce").astype("float64")
        if c in frame.columns
        else pd.Series(math.nan, index=frame.index)
        for c in ("prompt_tokens", "completion_tokens", "cost_usd")
    }
    tokens, usd = numbers["prompt_tokens"] + numbers["completion_tokens"], numbers["cost_usd"]
    for name, value in cost.items():
        if name not in known:
            raise UnknownNameError("model", name, known)
        price, per_token = _price(name, value)
        rows = models == name
        missing = int((rows & frame["score"].notna() & tokens.isna()).sum())
        if per_token and missing:
            raise InvalidInputError(
                f"{missing} of {int(rows.sum())} rows of model '{name}' have no token counts to price at {value}; "
                f"give USD per query: {name}=0.002."
            )
        usd = usd.mask(rows, price * tokens / 1e6 if per_token else price)
    return frame.assign(cost_usd=usd)


def _price(name: str, value: float | str) -> tuple[float, bool]:
    """Return a price in USD and whether it is per million tokens."""
    number, slash, unit = str(value).partition("/")
    try:
        price = float(number)
    except ValueError:
        price = math.nan
    if not 0 <= price < math.inf or (slash and unit != "Mtok"):
        raise InvalidInputError(
            f"The cost of model '{name}' is '{value}'; give USD per query, as in {name}=0.002, or per million tokens, "
            f"as in {name}=0.24/Mtok."
        )
    return price, bool(slash)


def read_wide(path: Path) -> pd.DataFrame:
    """Read a table whose columns depend on its models: CSV (all texts), Parquet or JSONL; a pickle may run code."""
    suffix = path.suffix.lower()
    if suffix in (".pkl", ".pickle"):
        raise OutcomesError(
            f"{path} is a pickle, which can run code when it is loaded; where you trust it, convert it with "
            f"pandas.read_pickle('{path.name}').to_parquet('{path.stem}.parquet') and import that."
        )
    try:
        if suffix in (".parquet", ".pq"):
            frame: pd.DataFrame = pq.read_table(path).to_pandas()
            return frame
        if suffix == ".csv":
            return pd.read_csv(path, dtype="str", keep_default_na=False)
        if suffix in (".jsonl", ".ndjson"):
            return pd.DataFrame(read_rows(path, parse=from_foreign_json), dtype=object)
    except (pa.ArrowException, pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError) as e:
        raise OutcomesError(f"{path} can't be read ({one_line(e)}); write it again.") from e
    raise OutcomesError(f"{path} is no table by its name; give a .csv, .parquet or .jsonl file.")

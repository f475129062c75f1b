"""Importers: make an outcomes table from another tool's tables or logs, one file per format.

A format's reader takes a path and a counter. It returns the rows with columns of the outcomes table, and counts each
row that it leaves out by the reason. Checks, costs and repeated runs are the same for all formats and handled here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import pandas as pd

from zeta_eval.exceptions import OutcomesError, UnknownNameError
from zeta_eval.outcomes.importers import inspect_ai, lm_eval, routellm, routerbench, tidy
from zeta_eval.outcomes.importers.report import ImportReport, reasons
from zeta_eval.outcomes.importers.rows import priced, usable
from zeta_eval.outcomes.schema import REQUIRED
from zeta_eval.outcomes.table import Outcomes

__all__ = ["FORMATS", "ImportReport", "import_outcomes"]

FORMATS: Final[Mapping[str, Callable[[Path, Counter[str]], pd.DataFrame]]] = MappingProxyType(
    {
        "tidy": tidy.read,
        "lm-eval": lm_eval.read,
        "inspect": inspect_ai.read,
        "routerbench": routerbench.read,
        "routellm": routellm.read,
    }
)
"""Reader of each format: (path, counter of left out rows) -> rows."""


def import_outcomes(format: str, path: str | Path, *, cost: Mapping[str, float | str] | None = None) -> ImportReport:
    """Read another tool's table or log; rows that can't be used are counted by the reason.

    Args:
        format: A name in `FORMATS`.
        path: The file or folder of that format.
        cost: By model, USD per query (0.002), or USD per million tokens ("0.24/Mtok", prompt and completion tokens
            alike). It becomes `cost_usd`, in place of the source's own cost of that model.

    Raises:
        UnknownNameError: no such format, or a cost for a model that isn't there.
        InvalidInputError: a cost that is no number, or is per token where the source has no token counts.
        OutcomesError: a source that can't be read, no usable row, or no query with a score for every model.
    """
    if format not in FORMATS:
        raise UnknownNameError("format", format, FORMATS)
    path = Path(path)
    if not path.exists():
        raise OutcomesError(f"Nothing at {path}; give the file or folder to import.")
    skipped: Counter[str] = Counter()
    try:
        frame = FORMATS[format](path, skipped)
    except (AttributeError, KeyError, TypeError) as e:  # a foreign file may have anything anywhere
        raise OutcomesError(f"{path} is not laid out as format '{format}' ({type(e).__name__}: {e}).") from e
    n_rows = len(frame) + skipped.total()
    if set(REQUIRED) <= set(frame.columns):
        frame = usable(frame, skipped)
    if n_rows and frame.empty:
        raise OutcomesError(f"None of the {n_rows} rows of {path} can be used ({reasons(skipped)}).")
    if set(REQUIRED) <= set(frame.columns):
        frame = priced(frame, cost or {})
    try:
        outcomes = Outcomes.from_frame(frame)
        outcomes.matrix("score")  # refuses models that share no query
    except OutcomesError as e:
        raise OutcomesError(f"{path}: {e}") from e
    if replaced := len(frame) - len(outcomes.frame):
        skipped["an older run of the same query and model"] = replaced
    return ImportReport(outcomes=outcomes, n_rows=n_rows, skipped=dict(skipped.most_common()))

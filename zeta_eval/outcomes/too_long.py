"""Which errors of a table say that a query, or the query with its answer, is too long for a model's context."""

import pandas as pd

from zeta_eval.router.too_long import is_too_long


def too_long(errors: pd.Series) -> pd.Series:
    """Return which of some errors (N,), null where there is none, say that the context is too small."""
    found = pd.Series(False, index=errors.index)
    there = errors.notna()
    found[there] = errors[there].map(is_too_long).astype(bool)
    return found

"""Estimators: what gives every size's chance of success for a query. Standard library only.

"heuristic" reads named features of the text; "learned" reads its words too; "embedding" and "knn" read the vector that
a sentence-transformers model makes of it; "seed" is a guess for a start. The files of this folder are read for them.
"""

from importlib import import_module
from pkgutil import iter_modules

from zeta_eval.router.estimators.base import (
    ESTIMATORS,
    Estimator,
    estimator,
    estimator_choices,
    estimator_of,
    estimator_to_dict,
    needs_embedder,
)

for _found in iter_modules(__path__, f"{__name__}."):
    import_module(_found.name)

__all__ = [
    "ESTIMATORS",
    "Estimator",
    "estimator",
    "estimator_choices",
    "estimator_of",
    "estimator_to_dict",
    "needs_embedder",
]

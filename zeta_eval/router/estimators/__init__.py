"""Estimators: what gives every size's chance of success for a query. Standard library only.

"learned" reads words; "embedding" and "knn" read the vector that a sentence-transformers model makes of the query. Each
has a file in this folder, where it is found. The heuristic, which every policy has, stands in the policy itself.
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

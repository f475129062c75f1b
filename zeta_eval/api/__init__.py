"""The verbs for Python: they compose the rooms below and do nothing else."""

from zeta_eval.api.pipeline import answerers, benchmark, compare, import_table, replay, route, run, tune
from zeta_eval.api.versions import learn, promote, rollback

__all__ = [
    "answerers",
    "benchmark",
    "compare",
    "import_table",
    "learn",
    "promote",
    "replay",
    "rollback",
    "route",
    "run",
    "tune",
]

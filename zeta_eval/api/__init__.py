"""The verbs for Python: they compose the rooms below and do nothing else."""

from zeta_eval.api.answering import answerers, majority
from zeta_eval.api.harness_logs import log_samples
from zeta_eval.api.judging import agree, judge
from zeta_eval.api.pipeline import benchmark, compare, import_table, replay, route, tune
from zeta_eval.api.tables import merge, rescore, vote
from zeta_eval.api.versions import learn, promote, rollback, track
from zeta_eval.api.whole_job import run

__all__ = ["agree", "answerers", "benchmark", "compare", "import_table", "judge", "learn"]
__all__ += ["log_samples", "majority", "merge", "promote", "replay", "rescore", "rollback", "route", "run", "track"]
__all__ += ["tune", "vote"]

"""The outcomes table: the score, cost and time of every size on every query; checked, stored and split."""

from zeta_eval.outcomes.journal import Journal
from zeta_eval.outcomes.schema import COLUMNS, REQUIRED, SCHEMA_VERSION
from zeta_eval.outcomes.split import SPLITS, split_name
from zeta_eval.outcomes.summary import summary
from zeta_eval.outcomes.table import COSTS, Outcomes

__all__ = ["COLUMNS", "COSTS", "REQUIRED", "SCHEMA_VERSION", "SPLITS", "Journal", "Outcomes", "split_name", "summary"]

"""Tasks: sets of queries with their right answers, and the scorers that grade a model's answers.

The embedded tasks and `everyday` need no download; others load a data set from the Hugging Face hub or a local copy.
A task of your own is a table as you have it, a hub id, a task file, or a function under @task.
"""

from zeta_eval.tasks.base import Query, Score, Scorer, Task
from zeta_eval.tasks.harness import HarnessSettings
from zeta_eval.tasks.registry import get_task, groups, register, task, task_names
from zeta_eval.tasks.resolving import resolve_tasks
from zeta_eval.tasks.scorers import SCORERS, get_scorer

# The shipped tasks register themselves.
from zeta_eval.tasks import (  # noqa: F401  isort: skip
    arc_challenge,
    bbh,
    embedded,
    embedding,
    everyday,
    follow_ups,
    gsm8k,
    math_500,
    mmlu,
    mmlu_pro,
    truthfulqa_mc,
)

__all__ = [
    "SCORERS",
    "HarnessSettings",
    "Query",
    "Score",
    "Scorer",
    "Task",
    "get_scorer",
    "get_task",
    "groups",
    "register",
    "resolve_tasks",
    "task",
    "task_names",
]

"""Tasks of EleutherAI's lm-evaluation-harness: its prompts, examples, filters and metrics, answered by our engines.

The package `lm_eval` is imported when one of its tasks is asked for, and never before.
"""

from zeta_eval.tasks.harness.settings import HarnessSettings

__all__ = ["HarnessSettings"]

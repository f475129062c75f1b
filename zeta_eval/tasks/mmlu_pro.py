"""MMLU-Pro: harder, up to ten-way questions in 14 subjects (Wang et al. 2024, arXiv 2406.01574).

Hub: TIGER-Lab/MMLU-Pro, split test (12,032 queries); licence MIT; https://huggingface.co/datasets/TIGER-Lab/MMLU-Pro
"""

from zeta_eval.tasks.base import Query, Row
from zeta_eval.tasks.prompts import choice_prompt
from zeta_eval.tasks.registry import hub_task
from zeta_eval.tasks.scorers import choice_match


@hub_task(name="mmlu_pro", scorer=choice_match, dataset="TIGER-Lab/MMLU-Pro", licence="MIT")
def mmlu_pro(row: Row) -> Query:
    """Ten-way questions in 14 subjects that need reasoning.

    Columns question_id, question, options (list), answer (letter) and category.
    """
    return Query(
        prompt=choice_prompt(row["question"], row["options"], subject=row["category"]),
        target=str(row["answer"]),
        query_id=str(row["question_id"]),
        max_new_tokens=2048,
        options=len(row["options"]),
    )

"""MATH-500: 500 competition problems drawn from MATH (Hendrycks et al. 2021; Lightman et al. 2023, arXiv 2305.20050).

Hub: HuggingFaceH4/MATH-500, split test (500 queries); licence of MATH: MIT;
https://huggingface.co/datasets/HuggingFaceH4/MATH-500
"""

from zeta_eval.tasks.base import Query, Row
from zeta_eval.tasks.prompts import math_prompt
from zeta_eval.tasks.registry import hub_task
from zeta_eval.tasks.scorers import math_match


@hub_task(name="math_500", scorer=math_match, dataset="HuggingFaceH4/MATH-500", licence="MIT")
def math_500(row: Row) -> Query:
    """Competition mathematics; the answer is a LaTeX expression.

    Columns problem, answer (LaTeX) and unique_id.
    """
    return Query(
        prompt=math_prompt(row["problem"]),
        target=str(row["answer"]),
        query_id=str(row["unique_id"]),
        max_new_tokens=2048,
    )

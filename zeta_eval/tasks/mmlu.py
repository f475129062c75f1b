"""MMLU: four-way questions in 57 subjects (Hendrycks et al. 2021, arXiv 2009.03300).

Hub: cais/mmlu, config all, split test (14,042 queries, a few of them twice); licence MIT;
https://huggingface.co/datasets/cais/mmlu
"""

from zeta_eval.tasks.base import Query, Row
from zeta_eval.tasks.prompts import choice_prompt, letter
from zeta_eval.tasks.registry import hub_task
from zeta_eval.tasks.scorers import choice_match


@hub_task(name="mmlu", scorer=choice_match, dataset="cais/mmlu", config="all", licence="MIT")
def mmlu(row: Row) -> Query:
    """Four-way questions in 57 subjects of school, university and professions.

    Columns question, subject, choices (list) and answer (index).
    """
    return Query(
        prompt=choice_prompt(row["question"], row["choices"], subject=row["subject"]),
        target=letter(int(row["answer"])),
        options=len(row["choices"]),
    )

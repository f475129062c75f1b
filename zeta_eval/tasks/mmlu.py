"""MMLU: four-way questions in 57 subjects (Hendrycks et al. 2021, arXiv 2009.03300).

Hub: cais/mmlu, config all, split test (14,042 queries, a few of them twice); licence MIT;
https://huggingface.co/datasets/cais/mmlu
"""

from __future__ import annotations

from zeta_eval.tasks.base import Query, Row, Task
from zeta_eval.tasks.prompts import choice_prompt, letter
from zeta_eval.tasks.registry import register
from zeta_eval.tasks.scorers import choice_match


def build(row: Row) -> Query:
    """Columns question, subject, choices (list) and answer (index)."""
    return Query(
        prompt=choice_prompt(row["question"], row["choices"], subject=row["subject"]),
        target=letter(int(row["answer"])),
        options=len(row["choices"]),
    )


register(
    Task(
        name="mmlu",
        scorer=choice_match,
        build=build,
        dataset="cais/mmlu",
        config="all",
        source="https://huggingface.co/datasets/cais/mmlu",
        licence="MIT",
        description="Four-way questions in 57 subjects of school, university and professions.",
        group="hub",
    )
)

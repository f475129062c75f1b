"""ARC-Challenge: school science questions that retrieval fails on (Clark et al. 2018, arXiv 1803.05457).

Hub: allenai/ai2_arc, config ARC-Challenge, split test (1,172 queries); licence CC BY-SA 4.0;
https://huggingface.co/datasets/allenai/ai2_arc
"""

from zeta_eval.tasks.base import Query, Row
from zeta_eval.tasks.prompts import choice_prompt, letter
from zeta_eval.tasks.registry import hub_task
from zeta_eval.tasks.scorers import choice_match


@hub_task(
    name="arc_challenge", scorer=choice_match, dataset="allenai/ai2_arc", config="ARC-Challenge", licence="CC BY-SA 4.0"
)
def arc_challenge(row: Row) -> Query:
    """School science questions with three to five options.

    Columns id, question, choices (text and label) and answerKey; labels 1, 2, ... become A, B, ...
    """
    choices = row["choices"]
    return Query(
        prompt=choice_prompt(row["question"], choices["text"]),
        target=letter(list(choices["label"]).index(row["answerKey"])),
        query_id=str(row["id"]),
        options=len(choices["text"]),
    )

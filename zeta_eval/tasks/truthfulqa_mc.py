"""TruthfulQA, multiple choice with one right option (MC1; Lin et al. 2022, arXiv 2109.07958).

Hub: truthfulqa/truthful_qa, config multiple_choice, split validation (817 queries, the only split); licence Apache-2.0;
https://huggingface.co/datasets/truthfulqa/truthful_qa
"""

import random

from zeta_eval.tasks.base import Query, Row
from zeta_eval.tasks.prompts import choice_prompt, letter
from zeta_eval.tasks.registry import hub_task
from zeta_eval.tasks.scorers import choice_match

SHUFFLE_SEED = 0
"""Seed of the options' order; with the question it fixes the prompt, and so the query's id."""


@hub_task(
    name="truthfulqa_mc",
    scorer=choice_match,
    dataset="truthfulqa/truthful_qa",
    config="multiple_choice",
    split="validation",
    licence="Apache-2.0",
)
def truthfulqa_mc(row: Row) -> Query:
    """Questions that invite common misconceptions, one right option.

    Columns question and mc1_targets (choices, labels); shuffled, because the source lists the right option first.
    """
    question, options = row["question"], row["mc1_targets"]
    pairs = list(zip(options["choices"], options["labels"], strict=True))
    random.Random(f"{SHUFFLE_SEED} {question}").shuffle(pairs)
    right = [int(label) for _, label in pairs].index(1)
    prompt = choice_prompt(question, [text for text, _ in pairs])
    return Query(prompt=prompt, target=letter(right), options=len(pairs))

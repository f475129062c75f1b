"""GSM8K: grade-school mathematics word problems (Cobbe et al. 2021, arXiv 2110.14168).

Hub: openai/gsm8k, config main, split test (1,319 queries); licence MIT; https://huggingface.co/datasets/openai/gsm8k
"""

from zeta_eval.tasks.base import Query, Row
from zeta_eval.tasks.prompts import math_prompt
from zeta_eval.tasks.registry import hub_task
from zeta_eval.tasks.scorers import math_match


@hub_task(name="gsm8k", scorer=math_match, dataset="openai/gsm8k", config="main", licence="MIT")
def gsm8k(row: Row) -> Query:
    """Grade-school mathematics word problems; the answer is a number.

    Columns question and answer; the target is the number after "####", without thousands separators.
    """
    answer = row["answer"].rpartition("####")[2]
    return Query(prompt=math_prompt(row["question"]), target=answer.replace(",", "").strip())

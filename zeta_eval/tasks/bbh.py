"""BIG-Bench Hard: 27 sets of reasoning queries (Suzgun et al. 2022, arXiv 2210.09261).

Hub: lukaemon/bbh, one config per set, split test (146 to 250 queries each, 6,511 in all); licence MIT;
https://huggingface.co/datasets/lukaemon/bbh

Each set is a task of its own, "bbh/<set>", and "bbh" names all 27; a limit counts per set.
"""

from zeta_eval.tasks.base import Query, Row, Task
from zeta_eval.tasks.registry import register
from zeta_eval.tasks.scorers import auto_match

NAMES = """
boolean_expressions causal_judgement date_understanding disambiguation_qa dyck_languages formal_fallacies
geometric_shapes hyperbaton logical_deduction_five_objects logical_deduction_seven_objects
logical_deduction_three_objects movie_recommendation multistep_arithmetic_two navigate object_counting
penguins_in_a_table reasoning_about_colored_objects ruin_names salient_translation_error_detection snarks
sports_understanding temporal_sequences tracking_shuffled_objects_five_objects tracking_shuffled_objects_seven_objects
tracking_shuffled_objects_three_objects web_of_lies word_sorting
"""
SETS = tuple(NAMES.split())
"""The hub's configs."""


def build(row: Row) -> Query:
    """Columns input and target ("(B)", "True", "24", "] )", words), which also chooses the scorer."""
    prompt = (
        "Answer this question. Think step by step, then end with a line "
        f'"The answer is ...", with nothing but the answer after "is".\n\n{row["input"].strip()}'
    )
    return Query(prompt=prompt, target=str(row["target"]).strip(), max_new_tokens=1024)


for name in SETS:
    register(
        Task(
            name=f"bbh/{name}",
            scorer=auto_match,
            build=build,
            dataset="lukaemon/bbh",
            config=name,
            source="https://huggingface.co/datasets/lukaemon/bbh",
            licence="MIT",
            description=f"BIG-Bench Hard: {name.replace('_', ' ')}.",
            group="bbh",
        )
    )

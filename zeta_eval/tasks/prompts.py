"""Prompts that several tasks share: multiple choice and mathematics."""

import string
from collections.abc import Sequence


def letter(index: int) -> str:
    """Letter of an option: 0 is A."""
    return string.ascii_uppercase[index]


def choice_prompt(question: str, options: Sequence[str], *, subject: str = "") -> str:
    """Prompt of a question with lettered options; it asks for the form of answer that `scorers.choice_match` reads."""
    about = f" about {subject.replace('_', ' ')}" if subject else ""
    lines = "\n".join(f"{letter(i)}. {option}" for i, option in enumerate(options))
    return (
        f"Answer this multiple-choice question{about}. Think step by step, then end with a line "
        f'"The answer is (X)", where X is the letter of the right option.\n\n{question.strip()}\n\n{lines}'
    )


def math_prompt(problem: str) -> str:
    r"""Prompt of a problem; it asks for the form of answer that `scorers.math_match` reads first: `\boxed{}`."""
    request = "Solve this problem. Reason step by step, then give the final answer alone in \\boxed{}."
    return f"{request}\n\n{problem.strip()}"

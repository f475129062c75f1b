"""What the load asks: short everyday requests, every other one below a longer text."""

from __future__ import annotations

from zeta_eval.tasks.everyday_queries import QUERIES

LONG = (
    "A train leaves the station at 60 miles per hour and another follows two hours later at 80 miles per hour along "
    "the same track. How many hours will it take the second train to catch the first one, and how far from the "
    "station will they be when they meet? Explain every step of your reasoning, state the equation that you solve, "
    "check the result by putting it back into the equation, and say what would change if the second train left only "
    "one hour later while the first one were slowed to 45 miles per hour by rain."
)


def texts() -> list[str]:
    """The texts, none twice; of 10 to 550 characters."""
    short = [line.partition("|")[0].strip() for line in QUERIES["en"].strip().splitlines()]
    return [text if i % 2 else f"{LONG[: 60 + 7 * i % 430]}\n\n{text}" for i, text in enumerate(dict.fromkeys(short))]

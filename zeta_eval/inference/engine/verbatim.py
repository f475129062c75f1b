"""Token ids of what is asked word for word, by the rules of lm-evaluation-harness, so that figures can be compared.

A start token is written where the tokenizer writes one, unless the text begins with it; a text that leaves no room for
the answer loses its beginning; blanks before a given answer belong to the answer. Source: `tok_encode` and
`tok_batch_encode` in `lm_eval/models/huggingface.py`, `_encode_pair` and `loglikelihood` in `lm_eval/api/model.py`,
release 0.4.13. A chat template is told what the rung says, and nothing else than to leave thinking off.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from zeta_eval.tasks.asked import Asked, Piece

_log = logging.getLogger(__name__)

THINKING: Final = "enable_thinking"
"""Setting of a chat template that turns thinking on or off."""


def unthinking(tokenizer: Any) -> dict[str, bool]:
    """What turns thinking off in a tokenizer's chat template; nothing where it has no switch."""
    return {THINKING: False} if THINKING in str(tokenizer.chat_template) else {}


def read_text(tokenizer: Any, asked: Asked, told: Mapping[str, Any]) -> list[int]:
    """Token ids of what is read before an answer is written; the chat template is told some values."""
    text = rendered(tokenizer, asked.pieces(chat=bool(tokenizer.chat_template))[0], told)
    start = tokenizer.bos_token
    own = bool(start and text.startswith(start))
    ids: list[int] = tokenizer(text, add_special_tokens=not own, verbose=False)["input_ids"]
    return ids


def warn_of_cuts(n: int, of: int) -> None:
    """Say how many texts lose their beginning."""
    if n:
        _log.warning("%d of %d texts are too long for the context; they lose their beginning, as in lm-eval.", n, of)


def weighed_pairs(tokenizer: Any, asked: Asked, told: Mapping[str, Any]) -> list[tuple[list[int], list[int]]]:
    """Token ids of each context and of the given answer behind it; the chat template is told some values."""
    pieces = asked.pieces(chat=bool(tokenizer.chat_template))
    return [_pair(tokenizer, rendered(tokenizer, piece, told), piece.ending) for piece in pieces]


def rendered(tokenizer: Any, piece: Piece, told: Mapping[str, Any]) -> str:
    """The text of a piece, in the chat template where it has turns; a system turn that the template refuses is left."""
    if not piece.turns:
        return piece.text
    chat = [{"role": role, "content": text} for role, text in piece.turns]
    begun = piece.turns[-1][0] == "assistant"
    how: dict[str, Any] = {"add_generation_prompt": not begun, "continue_final_message": begun, **told}
    try:
        return str(tokenizer.apply_chat_template(chat, tokenize=False, **how))
    except Exception:  # a template raises errors of its own
        rest = [turn for turn in chat if turn["role"] != "system"]
        if len(rest) == len(chat):
            raise
        return str(tokenizer.apply_chat_template(rest, tokenize=False, **how))


def _pair(tokenizer: Any, context: str, ending: str) -> tuple[list[int], list[int]]:
    """Token ids of a context and its ending, as the whole text is split into tokens."""
    start = tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
    if not context:
        alone: list[int] = tokenizer.encode(ending, add_special_tokens=False)
        return (alone[:1], alone[1:]) if alone[:1] == [start] else ([start], alone)
    kept = context.rstrip()
    ending, context = context[len(kept) :] + ending, kept
    own: list[Sequence[int]] = [
        tokenizer.encode(text, add_special_tokens=start is None or not text.startswith(tokenizer.decode(start)))
        for text in (context, context + ending)
    ]
    return list(own[0]), list(own[1][len(own[0]) :])

r"""What chat templates leave in an answer's text: thinking blocks, which are no answer, and end tokens.

The one list of both, for graders, signals and the notebook. A block may be opened by the template, so that the text
begins inside it; a block that is opened and never closed ends nothing, so that there is no answer.
Sources: the chat templates of Qwen 3 and DeepSeek R1 (`<think>`), Mistral's Magistral (`[THINK]`), Seed-OSS
(`<seed:think>`), Kimi (`◁think▷`), Command A (`<|START_THINKING|>`), and OpenAI's harmony format (channels).
"""

import re
from collections.abc import Iterable

THINKING = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<thoughts>", "</thoughts>"),
    ("<reasoning>", "</reasoning>"),
    ("<reflection>", "</reflection>"),
    ("<scratchpad>", "</scratchpad>"),
    ("<seed:think>", "</seed:think>"),
    ("<longcat_think>", "</longcat_think>"),
    ("[THINK]", "[/THINK]"),
    ("\u25c1think\u25b7", "\u25c1/think\u25b7"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
)
"""Tags that open and close a thinking block; in angle brackets case does not count."""


def _any_of(tags: Iterable[str]) -> re.Pattern[str]:
    """Pattern of any of the tags."""
    return re.compile("|".join(f"(?i:{re.escape(tag)})" if tag[0] == "<" else re.escape(tag) for tag in tags))


_OPEN, _CLOSE = (_any_of(tags) for tags in zip(*THINKING, strict=True))
_FINAL = re.compile(r"<\|channel\|>\s*final\b[^<>]*(?:<\|constrain\|>[^<>]*)?<\|message\|>|(?<=\S)assistantfinal")
_CHANNEL = re.compile(r"<\|channel\|>\s*(?:analysis|commentary)\b|\A\s*analysis(?=[A-Z\"'(])")
_END = re.compile(
    r"<[|\uff5c](?!channel|start|message|constrain)[\w\u2581-]{1,40}[|\uff5c]>"  # <|im_end|>, <|eot_id|>
    r"|</s>|<(?:end_of_turn|eos|eot|EOS)>|\[/?INST\]|<\|(?:start|channel)\|>"
)


def without_thinking(text: str) -> str:
    """The text after the last thinking block, or before one that nothing follows; "" where a block never ends.

    >>> without_thinking("<think>Is it A?</think>B")
    'B'
    >>> without_thinking("Is it A?</think>B")
    'B'
    >>> without_thinking("<think>Is it A? Or")
    ''
    """
    if finals := list(_FINAL.finditer(text)):
        return text[finals[-1].end() :]
    if _CHANNEL.search(text):
        return ""
    closes = list(_CLOSE.finditer(text))
    after = text[closes[-1].end() :] if closes else text
    opening = _OPEN.search(after)
    after = after[: opening.start()] if opening else after
    first = _OPEN.search(text)
    return after if after.strip() or not (closes and first) else text[: first.start()]


def last_opening(text: str) -> str:
    r"""The tag with which a text ends, if that opens a thinking block; else "".

    >>> last_opening("<|assistant|><think>\n")
    '<think>'
    """
    found = list(_OPEN.finditer(text))
    return found[-1][0] if found and not text[found[-1].end() :].strip() else ""


def without_end(text: str) -> str:
    """The text before the first end token that follows any of it; tokens before it are dropped.

    >>> without_end("Paris.<|im_end|>")
    'Paris.'
    """
    return next((piece for piece in _END.split(text) if piece.strip()), "")


def answer_text(text: str) -> str:
    """The part of a model's text that is its answer: without thinking blocks and end tokens."""
    return without_end(without_thinking(text))

"""Turns prompts into token ids and token ids into text: chat template, longest context, option letters, stop texts."""

import string
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

from zeta_eval.exceptions import InvalidInputError, one_line, panics_caught
from zeta_eval.inference.engine.verbatim import THINKING, read_text, unthinking, warn_of_cuts
from zeta_eval.models import GenerateConfig, ModelSpec
from zeta_eval.router.complexity import Conversation, messages_of
from zeta_eval.router.signals.template import last_opening
from zeta_eval.tasks.asked import Asked

StopCheck = Callable[[list[list[int]]], list[bool]]
"""Tokens of each row so far -> whether the row ends here."""

LEAD = "The answer is ("
"""Beginning of an answer, handed to a model that is to choose an option's letter."""


class TextCodec:
    """Turns prompts into the token ids of one model, and token ids into text.

    Prompts go through the chat template where the tokenizer has one (thinking off where the template can), a
    `Conversation` with all its turns; else as plain text. What is asked word for word is read as `verbatim` has it.
    """

    def __init__(self, tokenizer: Any, context: int, values: Mapping[str, Any] | None = None) -> None:
        """Take a tokenizer of transformers, the longest sequence in tokens, and what its chat template is told."""
        self.tokenizer = tokenizer
        self.context = context
        self.values = values
        """Values for the chat template; None turns thinking off where the template has a switch."""

    @cached_property
    def told(self) -> Mapping[str, Any]:
        """What the chat template is told."""
        return unthinking(self.tokenizer) if self.values is None else self.values

    def decode(self, tokens: Sequence[int], config: GenerateConfig, end: Collection[int]) -> str:
        """The answer that written tokens stand for, up to the first stop text; `end` are tokens that end one.

        Where the template opens a thinking block, the answer begins with its tag, so that what is cut off within the
        block is known for thinking.
        """
        text: str = self.tokenizer.decode([t for t in tokens if t not in end], skip_special_tokens=True)
        cuts = [at for s in config.stop if (at := text.find(s)) >= 0]
        return ("" if config.options else self._opening) + text[: min(cuts, default=None)]

    def letters(self, n: int) -> list[int]:
        """Token ids of the first n letters; a ValueError where the tokenizer has no token of its own for each."""
        ids = [self.tokenizer(c, add_special_tokens=False)["input_ids"] for c in string.ascii_uppercase[:n]]
        if len(ids) < n or any(len(i) != 1 for i in ids) or len({i[0] for i in ids}) < n:
            raise ValueError(f"the tokenizer has no {n} tokens for option letters; leave out `--mcq logits`")
        return [i[0] for i in ids]

    def encode(self, prompts: Sequence[str | Asked], config: GenerateConfig) -> list[tuple[list[int], str | None]]:
        """Token ids of each prompt, and why it can't be run (None where it can)."""
        if not prompts:
            return []
        try:
            with panics_caught():
                return [(ids, self._refusal(ids)) for ids in self._read(prompts, config)]
        except Exception as e:
            if len(prompts) == 1:
                return [([], one_line(e))]
            return [pair for p in prompts for pair in self.encode([p], config)]

    def _read(self, prompts: Sequence[str | Asked], config: GenerateConfig) -> list[list[int]]:
        texts = [p for p in prompts if isinstance(p, str)]
        if len(texts) == len(prompts):
            return self._tokenize(texts, config.system, lead=config.options > 0)
        room = self.context - config.max_new_tokens
        if room < 1:
            raise ValueError(f"the answer may take {config.max_new_tokens} tokens, the model's context {self.context}")
        read = [read_text(self.tokenizer, p, self.told) for p in prompts if isinstance(p, Asked)]
        warn_of_cuts(sum(len(ids) > room for ids in read), len(read))
        return [ids[-room:] for ids in read]

    def _tokenize(self, prompts: Sequence[str], system: str, *, lead: bool) -> list[list[int]]:
        template = self.tokenizer.chat_template
        texts = self._asked(prompts, system)
        if lead:
            texts = [text + (LEAD if template else f"\n{LEAD}") for text in texts]
        # A template writes its own start token.
        ids: list[list[int]] = self.tokenizer(texts, add_special_tokens=not template, verbose=False)["input_ids"]
        return ids

    def _asked(self, prompts: Sequence[str], system: str = "") -> list[str]:
        """The prompts in the chat template, if there is one; one that takes no system message gets it in the prompt."""
        template = self.tokenizer.chat_template
        if not template:
            return [_plain(p, system) for p in prompts]
        chats = [_chat(p, system) for p in prompts]
        apply = partial(self.tokenizer.apply_chat_template, tokenize=False, add_generation_prompt=True, **self.told)
        try:
            return list(apply(chats))
        except Exception:  # a template may refuse a system message
            if all(chat[0]["role"] != "system" for chat in chats):
                raise
            return list(apply([_without_system(chat) for chat in chats]))

    @cached_property
    def _opening(self) -> str:
        """The tag of the thinking block that the template opens for the answer; "" where it opens none."""
        return last_opening(self._asked(["?"])[0]) if self.tokenizer.chat_template else ""

    def _refusal(self, encoded: Sequence[int]) -> str | None:
        """Why an encoded prompt can't be run, or None."""
        if not encoded:
            return "The prompt is empty; give it some text"
        if len(encoded) >= self.context:
            return f"The prompt has {len(encoded)} tokens, the model's context {self.context}; shorten it"
        return None

    def stop_check(self, stop: Sequence[str]) -> StopCheck | None:
        """A check of answers for stop texts, or None where there are none."""
        if not stop:
            return None
        tail = max(map(len, stop)) + 4  # a token is a character at least, but for a few of a split character's bytes

        def stopped(rows: list[list[int]]) -> list[bool]:
            texts = self.tokenizer.batch_decode([r[-tail:] for r in rows], skip_special_tokens=True)
            return [any(s in text for s in stop) for text in texts]

        return stopped


def _chat(prompt: str, system: str) -> list[dict[str, Any]]:
    """The messages of a prompt; a ValueError where one holds more than text."""
    if isinstance(prompt, Conversation) and not all(m.plain for m in prompt.messages):
        raise ValueError("a message has a part that is no text; ask a size that a server answers")
    return messages_of(prompt, system)


def _without_system(chat: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A chat whose system message stands before the user's first text instead."""
    if chat[0]["role"] != "system":
        return list(chat)
    first = next(i for i, m in enumerate(chat) if m["role"] == "user")
    said = {**chat[first], "content": f"{chat[0]['content']}\n\n{chat[first]['content']}"}
    return [*chat[1:first], said, *chat[first + 1 :]]


def _plain(prompt: str, system: str) -> str:
    """A prompt without a template: its text, of several turns up to the assistant's next one."""
    text = prompt
    if isinstance(prompt, Conversation):
        system = "\n\n".join(filter(None, (system, prompt.system)))
        spoken = prompt.without_system
        text = f"{spoken}\n\nAssistant:" if isinstance(spoken, Conversation) and len(spoken.messages) > 1 else spoken
    return f"{system}\n\n{text}" if system else text


def template_values(spec: ModelSpec, tokenizer: Any) -> dict[str, Any] | None:
    """What a rung's settings tell its model's chat template; None where they tell it nothing.

    Raises:
        InvalidInputError: the template has no switch for what is asked.
    """
    if spec.thinking is None and not spec.chat_template_kwargs:
        return None
    template = str(tokenizer.chat_template or "")
    values: dict[str, Any] = {}
    if THINKING in template:
        values[THINKING] = bool(spec.thinking)
    elif spec.thinking is not None:
        raise InvalidInputError(
            f"Rung '{spec.size}' has thinking {str(spec.thinking).lower()}, and the chat template of '{spec.model}' no "
            "switch for it; leave it out, or give the template's own by chat_template_kwargs."
        )
    if not template:
        raise InvalidInputError(
            f"Rung '{spec.size}' has chat_template_kwargs, and '{spec.model}' no chat template; leave them out."
        )
    if unknown := [name for name in spec.chat_template_kwargs if name not in template]:
        raise InvalidInputError(
            f"Rung '{spec.size}' has '{unknown[0]}' in chat_template_kwargs, which the chat template of '{spec.model}' "
            "does not read; mend the name."
        )
    return values | dict(spec.chat_template_kwargs)


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Token ids that end an answer: the model's (one, several or none) and the tokenizer's."""
    own = model.generation_config.eos_token_id
    ends = own if isinstance(own, list) else [own]
    return frozenset(int(t) for t in [*ends, tokenizer.eos_token_id] if t is not None)

"""Counts an answer's tokens where its server doesn't: by the model's tokenizer, or about, from the text's length."""

from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from zeta_eval.exceptions import panics_caught
from zeta_eval.models import Completion
from zeta_eval.router.context import characters

ASCII_PER_TOKEN: Final = 4.0
"""ASCII characters per token, about: https://help.openai.com/en/articles/4936856."""
BYTES_PER_TOKEN: Final = 3.0
"""UTF-8 bytes of other characters per token, about: one CJK character."""


class TokenCounter:
    """Fills in what a server does not count; `how` says by what, once that was needed."""

    def __init__(self, model: str) -> None:
        """Take the model's name on the server, which may be that of a tokenizer on this machine."""
        self._model = model
        self._tokenizer: Any = None
        self.how = ""
        """What counted, in words; "" where the server counted everything."""

    def filled(self, answer: Completion, asked: str, thought: str) -> Completion:
        """The answer with both its counts; `asked` is the text of all messages, `thought` its reasoning.

        Of an answer that is cut at a stop text, what is kept counts.
        """
        if answer.prompt_tokens is not None and answer.completion_tokens is not None:
            return answer
        read, written = answer.prompt_tokens, answer.completion_tokens
        return replace(
            answer,
            prompt_tokens=self.count(asked) if read is None else read,
            completion_tokens=self.count(thought + answer.text) if written is None else written,
        )

    def _load(self) -> None:
        """Take the model's own tokenizer if its files are on this machine."""
        from transformers import AutoTokenizer

        try:
            with panics_caught():
                self._tokenizer = AutoTokenizer.from_pretrained(
                    self._model, local_files_only=True, trust_remote_code=False
                )
        except Exception:  # no such files, or none that transformers reads
            self.how = "estimated from the texts' lengths, since the server counts none"
        else:
            self.how = f"counted by the tokenizer of {self._model}, since the server counts none"

    def count(self, text: str) -> int:
        """Count a text's tokens."""
        if not self.how:
            self._load()
        if self._tokenizer is not None:
            with suppress(Exception), panics_caught():  # a damaged tokenizer may load, and break down on a text
                return len(self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
        letters, signs, other = characters(text)
        return max(1, round((letters + signs) / ASCII_PER_TOKEN + other / BYTES_PER_TOKEN))

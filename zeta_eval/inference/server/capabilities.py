"""What a server takes of a request, found out by asking, and how a request that it refuses is mended.

Servers differ in the optional parameters that they take, in the name of the longest answer, and in how long it may be.
What they refuse is named in their reply, or found by leaving everything out and adding one thing at a time.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from zeta_eval.inference.server.failures import Fault, Refusal

OPTIONAL: Mapping[str, Mapping[str, Any]] = {
    "logprobs": {"logprobs": True, "top_logprobs": 2},
    "seed": {"seed": 0},
    "penalty": {"repeat_penalty": 1.0, "repetition_penalty": 1.0},
    "chat_template": {"chat_template_kwargs": {"enable_thinking": False}},
    "stream_options": {"stream_options": {"include_usage": True}},
}
"""Request parameters that some servers refuse, by the word with which a refusal names them.

Without the penalties of 1 (llama.cpp's name, and that of vLLM and SGLang) servers penalise what an answer repeats: by
1.1 as llama-cpp-python does, or as a checkpoint says. The likeliest token is then not taken.
"""

LIMITS: Final = ("max_tokens", "max_completion_tokens")
"""Names of the longest answer: the usual one, and that of OpenAI's newer models."""

_AT_MOST: Final = re.compile(
    r"at most (\d+)|> (\d+), which is the maximum|less than or equal to `?(\d+)|\[\d+, ?(\d+)\]", re.IGNORECASE
)
_CONTEXT: Final = re.compile(r"(?:context length|model length|must be <=)\D{0,20}?(\d+)", re.IGNORECASE)
_READ: Final = re.compile(
    r"(\d+) (?:in the messages|input tokens|`?inputs`? tokens|prompt tokens)"
    r"|(\d+) tokens (?:from|in) the (?:input|prompt)",
    re.IGNORECASE,
)


@dataclass(kw_only=True, slots=True)
class Capabilities:
    """What one server takes, as far as it was asked."""

    whole: dict[str, Mapping[str, Any]] = field(
        default_factory=lambda: {k: v for k, v in OPTIONAL.items() if k != "stream_options"}
    )
    """Optional parameters of a request whose answer comes whole."""
    streamed: dict[str, Mapping[str, Any]] = field(default_factory=lambda: dict(OPTIONAL))
    """The same for a request whose answer comes in pieces."""
    limit: str = LIMITS[0]
    """Its name for the longest answer."""
    temperature: bool = True
    """Whether it takes a temperature; without one it uses its own."""
    most: int | None = None
    """Longest answer that it allows, in tokens; None where it has not complained."""
    streams: bool = True
    """Whether an answer asked for in pieces comes in pieces."""
    dropped: set[str] = field(default_factory=set)
    """Optional parameters that it refuses."""

    def optional(self, *, stream: bool) -> dict[str, Mapping[str, Any]]:
        """Optional parameters of a request, by their names in `OPTIONAL`."""
        return self.streamed if stream else self.whole

    def mend(self, failed: Refusal | Fault, *, stream: bool) -> bool:
        """Leave out or rename what a reply names, and return whether anything changed."""
        if failed.status in (0, 401, 429):
            return False
        optional = self.optional(stream=stream)
        if named := [name for name in optional if name in failed.body]:
            self.drop(named, stream=stream)
            return True
        if LIMITS[1] in failed.body and self.limit == LIMITS[0]:
            self.limit = LIMITS[1]
            return True
        if "temperature" in failed.body and self.temperature:
            self.temperature = False
            return True
        return False

    def forget(self, name: str) -> None:
        """Take a parameter off the optional ones, since a request has it anyway."""
        self.whole.pop(name, None)
        self.streamed.pop(name, None)

    def drop(self, names: list[str], *, stream: bool) -> None:
        """Leave optional parameters out from now on."""
        self.dropped |= {name for name in names if self.optional(stream=stream).pop(name, None)}

    def shorter(self, refused: Refusal, asked: int) -> int | None:
        """The longest answer that a reply allows where that is less than was asked, in tokens; else None.

        What the model allows at all is kept for the requests to come; what a long prompt leaves is not.
        """
        fits, lasting = longest_answer(refused.body)
        if fits is None or not 1 <= fits < asked:
            return None
        if lasting:
            self.most = fits
        return fits

    def notes(self) -> dict[str, str]:
        """What was found, in words, for the record of a run."""
        found = {}
        if not self.streams:
            found["stream"] = "the server sends answers whole: their first token arrives with the last"
        if self.limit != LIMITS[0]:
            found["limit"] = f"the longest answer is asked for as {self.limit}"
        if not self.temperature:
            found["temperature"] = "the server takes none and uses its own"
        if self.most is not None:
            found["longest answer"] = f"at most {self.most} tokens by the server's word"
        return found


def longest_answer(body: str) -> tuple[int | None, bool]:
    """The longest answer that a refusal allows, in tokens, and whether that holds for every prompt.

    >>> longest_answer("max_tokens is too large: 9999. This model supports at most 4096 completion tokens.")
    (4096, True)
    >>> longest_answer("maximum context length is 128 tokens. However, you requested 150 (100 in the messages, ...)")
    (28, False)
    >>> longest_answer("The model is overloaded")
    (None, False)
    """
    context, read = _CONTEXT.search(body), _READ.search(body)
    if context and read:
        return int(context[1]) - int(read[1] or read[2]), False
    if any(name in body for name in (*LIMITS, "max_new_tokens")) and (found := _AT_MOST.search(body)):
        return int(next(group for group in found.groups() if group)), True
    return None, False

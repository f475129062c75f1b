"""Which errors say that a query, or the query with its answer, is too long for a model's context.

Such an error is the model's own failure at that length, unlike a server that breaks off, which says nothing about it.
"""

import re
from typing import Final

_WORDINGS: Final = re.compile(
    r"the model's context \d"  # zeta_eval.inference.engine
    r"|context[_ ]length[_ ]exceeded|exceed_context_size|ContextWindowExceeded"  # codes of OpenAI, llama.cpp, LiteLLM
    r"|maximum context length"  # OpenAI, vLLM, SGLang, Mistral
    r"|maximum model length|prompt \(.*\) is too long"  # vLLM
    r"|longer than the model's context|maximum allowed length"  # SGLang
    r"|exceeds? (the )?(available )?context|context size has been exceeded"  # llama.cpp, Anthropic, Ollama, OpenAI
    r"|max_new_tokens`? must be <=|`?inputs`? must have less than"  # TGI
    r"|prompt is too long|input is too long|input token count .* exceeds"  # Anthropic, Bedrock, Gemini
    r"|(prompt|input) tokens? exceeds?",
    re.IGNORECASE,
)


def is_too_long(error: str | None) -> bool:
    """Whether an error says that the context is too small.

    >>> is_too_long("HTTP 400: This model's maximum context length is 4096 tokens. However, you requested 5000")
    True
    >>> is_too_long("HTTP 503: no free worker"), is_too_long(None)
    (False, False)
    """
    return error is not None and _WORDINGS.search(error) is not None

"""The chat completions API of OpenAI-compatible servers: requests as data, without network.

Reference: https://platform.openai.com/docs/api-reference/chat, as vLLM, SGLang, TGI, llama.cpp and Ollama serve it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from zeta_eval.inference.server.capabilities import Capabilities
from zeta_eval.models import UNBOUNDED, GenerateConfig, ModelSpec
from zeta_eval.models.served import demanded
from zeta_eval.router.complexity import messages_of
from zeta_eval.tasks.asked import Asked

CONTEXT = ("max_model_len", "n_ctx", "context_length", "context_window")
"""What lists of models call the context that is served: vLLM and SGLang, llama.cpp, OpenRouter, Groq."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request for an answer."""

    prompt: str | Asked
    """The user's message, a `Conversation` with all turns, or what is asked word for word in turns."""
    config: GenerateConfig
    """How it is answered."""
    stream: bool = False
    """Whether the answer comes piece by piece, and is timed."""
    on_text: Callable[[str], None] | None = None
    """Called with the answer so far."""


def context_of(listed: Any, model: str) -> int | None:
    """Context of a model, in tokens, from a server's list of models; None where it names none."""
    models = listed.get("data") if isinstance(listed, dict) else None
    for entry in models if isinstance(models, list) else []:
        if isinstance(entry, dict) and entry.get("id") == model:
            told = entry | (entry["meta"] if isinstance(entry.get("meta"), dict) else {})
            found = next((told[n] for n in CONTEXT if isinstance(told.get(n), int) and 1 < told[n] < UNBOUNDED), None)
            return found
    return None


def request(rung: ModelSpec, call: Call, taken: Capabilities) -> dict[str, Any]:
    """Body of a request for an answer by a rung's settings, with what its server takes."""
    limit = call.config.max_new_tokens
    body: dict[str, Any] = {
        "model": rung.model,
        "messages": _messages(call),
        taken.limit: limit if taken.most is None else min(limit, taken.most),
        "stream": call.stream,
    }
    if taken.temperature:
        body["temperature"] = call.config.temperature
    if rung.top_p is not None:
        body["top_p"] = rung.top_p
    if call.config.stop:
        body["stop"] = list(call.config.stop)
    for extra in taken.optional(stream=call.stream).values():
        body |= extra
    if "seed" in body:
        body["seed"] = call.config.seed
    return body | demanded(rung)


def _messages(call: Call) -> list[dict[str, Any]]:
    """The messages of a request."""
    if isinstance(call.prompt, Asked):
        return [{"role": role, "content": text} for role, text in call.prompt.chat[0].turns]
    return messages_of(call.prompt, call.config.system)

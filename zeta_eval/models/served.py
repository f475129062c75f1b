"""What a rung's server is asked, and where: addresses of its OpenAI-compatible API, and what the rung demands of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from zeta_eval.models.rung import ModelSpec


def chat_url(base_url: str) -> str:
    """Address of the chat completions of a server; a base address without a path gets the usual /v1."""
    base = base_url.rstrip("/")
    return f"{base}{'' if urlsplit(base).path else '/v1'}/chat/completions"


def embeddings_url(base_url: str) -> str:
    """Address of the embeddings of a server."""
    return chat_url(base_url).replace("/chat/completions", "/embeddings")


def models_url(base_url: str) -> str:
    """Address where a server lists its models."""
    return chat_url(base_url).replace("/chat/completions", "/models")


def demanded(rung: ModelSpec) -> dict[str, Any]:
    """Parameters that the ladder asks for by name: a server that refuses them can't run the rung.

    A thinking budget goes by the names of vLLM (`thinking_token_budget`) and of templates (`thinking_budget`).
    """
    body: dict[str, Any] = {}
    if rung.thinking is not None or rung.chat_template_kwargs:
        body["chat_template_kwargs"] = {"enable_thinking": bool(rung.thinking)}
    if budget := rung.thinking_budget:
        body["thinking_token_budget"] = budget
        body["chat_template_kwargs"]["thinking_budget"] = budget
    if rung.chat_template_kwargs:
        body["chat_template_kwargs"] |= dict(rung.chat_template_kwargs)
    return body | dict(rung.extra_body)

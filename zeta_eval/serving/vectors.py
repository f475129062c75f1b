"""Embeddings: passed on to the rung that embeds, and the answer to a chat that asks for one."""

from __future__ import annotations

import json
import time
from typing import Any

from zeta_eval.models import Completion
from zeta_eval.router.complexity import request_of
from zeta_eval.serving.errors import PassedOverError
from zeta_eval.serving.rung import Rung, Whole


async def vector(rung: Rung, query: str) -> Whole:
    """The answer to a chat that asks for an embedding: its vector as JSON text.

    Raises:
        PassedOverError: the model can't be asked now, or gives no vector.
    """
    data = json.loads(await rung.embeddings({"input": [request_of(query)]}))
    try:
        found = [float(x) for x in data["data"][0]["embedding"]]
    except (LookupError, TypeError, ValueError) as e:
        raise PassedOverError("the reply holds no vector") from e
    text, usage = json.dumps(found), data.get("usage") or {}
    made = whole_of(text, rung.spec.model, usage)
    read = usage.get("prompt_tokens")
    completion = Completion(text=text, embedding=tuple(found), prompt_tokens=read if isinstance(read, int) else None)
    return Whole(raw=json.dumps(made).encode(), data=made, completion=completion)


def whole_of(text: str, model: str, usage: Any, *, kind: str = "chat", finish: str = "stop") -> dict[str, Any]:
    """A whole answer in OpenAI's form, as data."""
    said = {"message": {"role": "assistant", "content": text}} if kind == "chat" else {"text": text}
    return {
        "id": "zeta",
        "object": "chat.completion" if kind == "chat" else "text_completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "finish_reason": finish, "logprobs": None, **said}],
        "usage": usage,
    }

"""Keys and headers of a rung's server: from the environment into requests, and into nothing else."""

import json
import os
from dataclasses import replace

from zeta_eval.exceptions import InvalidInputError, hidden, masked
from zeta_eval.models import API_KEY_ENV, Completion, ModelSpec

ANSWERED = 12
"""Characters of the shortest key that is looked for in answers, where a short one may be a word."""


class Secrets:
    """Keys and headers of a rung, read from the environment each time and written nowhere."""

    def __init__(self, spec: ModelSpec) -> None:
        """Take the names of the variables."""
        self._spec = spec

    def headers(self) -> dict[str, str]:
        """Headers of every request: the key, and those that the ladder takes from the environment.

        Raises:
            InvalidInputError: a variable is not set, or holds what can't be sent.
        """
        headers = {"Content-Type": "application/json"}
        if key := self._read(self._spec.api_key_env, "the api_key_env", optional=API_KEY_ENV):
            headers["Authorization"] = f"Bearer {key}"
        for header, variable in self._spec.headers_env.items():
            headers[header] = self._read(variable, f"{header} in headers_env")
        return headers

    def masked(self, text: str) -> str:
        """What a server says of a failure, without keys that it may have repeated."""
        return masked(text, *self._values())

    def unrepeated(self, answer: Completion) -> Completion:
        """An answer without keys that stand in it as a whole."""
        text = answer.text
        for secret in self._values():
            text = hidden(text, secret) if len(secret) >= ANSWERED else text
        return answer if text == answer.text else replace(answer, text=text)

    def sought(self) -> tuple[bytes, ...]:
        """What is looked for in the JSON text of answers: the keys, as they are and as JSON writes them."""
        keys = [secret for secret in self._values() if len(secret) >= ANSWERED]
        texts = [
            text for key in keys for text in (key, json.dumps(key)[1:-1], json.dumps(key)[1:-1].replace("/", r"\/"))
        ]
        return tuple(dict.fromkeys(text.encode() for text in texts))

    def _values(self) -> list[str]:
        names = (self._spec.api_key_env, *self._spec.headers_env.values())
        return [value for name in names if (value := os.environ.get(name, "").strip())]

    def _read(self, variable: str, role: str, *, optional: str = "") -> str:
        """What an environment variable holds; nothing where it is not set and need not be."""
        text = os.environ.get(variable, "").strip()
        if not text and variable != optional:
            raise InvalidInputError(
                f"Environment variable {variable}, {role} of rung '{self._spec.size}', is not set; export the key in "
                "it."
            )
        if not text.isascii() or not text.isprintable() or (" " in text and role == "the api_key_env"):
            raise InvalidInputError(f"Environment variable {variable} holds no key: it has blanks or odd characters.")
        return text

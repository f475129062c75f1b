"""Keys and headers of a rung's server: from the environment into requests, and into nothing else."""

import json
import os

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.models import API_KEY_ENV, ModelSpec


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
        """The text of a server without keys that it may have repeated."""
        for name in (self._spec.api_key_env, *self._spec.headers_env.values()):
            if secret := os.environ.get(name, "").strip():
                text = text.replace(secret, "***").replace(json.dumps(secret)[1:-1], "***")
        return text

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

"""Refuses settings of a rung that can't be used, each in one line; messages never repeat a text that may hold a key."""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.models.numbers import UNBOUNDED, is_count, is_number

API_KEY_ENV: Final = "OPENAI_API_KEY"
"""Environment variable of a server's key, unless a rung names another."""


def check(rung: Any) -> None:
    """Refuse a rung (`ModelSpec`) with a setting that can't be used.

    Raises:
        InvalidInputError: names the setting, its value, and what to give instead.
    """
    _check_model(rung)
    _check_answers(rung)
    _check_prices(rung)
    _check_server(rung)


def _check_model(rung: Any) -> None:
    """Refuse a rung without a model, or with a kind of it that there is not."""
    if not str(rung.size).strip() or not rung.model:
        raise InvalidInputError("A rung needs a `size` and a `model`, neither empty; add both to the ladder file.")
    for name in ("size", "model", "revision", "dtype", "device_map"):
        value = getattr(rung, name)
        if not isinstance(value, str) and (value is not None or name not in ("revision", "device_map")):
            raise InvalidInputError(f"Rung '{rung.size}' has {name} {value!r}; give a text in quotes.")
    if rung.role not in ("generate", "embed"):
        raise InvalidInputError(f"Rung '{rung.size}' has role '{rung.role}'; use 'generate' or 'embed'.")
    if rung.context is not None and not (is_count(rung.context) and 2 <= rung.context <= UNBOUNDED):
        raise InvalidInputError(
            f"Rung '{rung.size}' has context {rung.context!r}; give a whole number of tokens from 2 to {UNBOUNDED}, or "
            "leave it out."
        )
    for name in ("compile", "continuous"):
        value = getattr(rung, name)
        if value is not None and not isinstance(value, bool):
            raise InvalidInputError(f"Rung '{rung.size}' has {name} {value!r}; give true or false, or neither.")


_RESERVED = ("model", "messages", "stream", "max_tokens", "max_completion_tokens", "temperature", "top_p", "stop")
"""Parameters of a request that have a setting of their own."""


def _check_answers(rung: Any) -> None:
    """Refuse settings of a rung's answers that can't be used."""
    who = f"Rung '{rung.size}' has"
    stop: Any = rung.stop  # a list in a ladder file
    if not isinstance(stop, list | tuple) or not all(isinstance(text, str) and text for text in stop):
        raise InvalidInputError(f"{who} stop {stop!r}; give a list of texts, none of them empty.")
    object.__setattr__(rung, "stop", tuple(stop))
    if not isinstance(rung.system, str):
        raise InvalidInputError(f"{who} system {rung.system!r}; give a text in quotes.")
    if not isinstance(rung.thinking, int | None) or (rung.thinking is not None and rung.thinking < 0):
        raise InvalidInputError(f"{who} thinking {rung.thinking!r}; give true, false or the most tokens, as 1024.")
    if rung.max_new_tokens is not None and not is_count(rung.max_new_tokens):
        raise InvalidInputError(f"{who} max_new_tokens {rung.max_new_tokens!r}; give a whole number of at least 1.")
    if rung.thinking_budget and rung.max_new_tokens and rung.thinking_budget >= rung.max_new_tokens:
        raise InvalidInputError(
            f"{who} thinking {rung.thinking} and max_new_tokens {rung.max_new_tokens}, which leaves no token for the "
            "answer; raise max_new_tokens."
        )
    if rung.temperature is not None and not (is_number(rung.temperature) and 0 <= rung.temperature < math.inf):
        raise InvalidInputError(f"{who} temperature {rung.temperature!r}; give 0, or a number above as 0.7.")
    if rung.top_p is not None and not (is_number(rung.top_p) and 0 < rung.top_p <= 1):
        raise InvalidInputError(f"{who} top_p {rung.top_p!r}; give a number above 0 and at most 1, as 0.95.")
    for name in ("chat_template_kwargs", "extra_body", "headers_env"):
        if not isinstance(getattr(rung, name), Mapping):
            raise InvalidInputError(f"{who} {name} {getattr(rung, name)!r}; give a table, as {{ name = value }}.")
        try:
            json.dumps(dict(getattr(rung, name)), allow_nan=False)
        except (TypeError, ValueError) as e:
            raise InvalidInputError(
                f"{who} a value in {name} that JSON can't hold ({e}); give numbers, or texts in quotes."
            ) from e
    if rung.quantization not in (None, "8bit", "4bit"):
        raise InvalidInputError(f"{who} quantization {rung.quantization!r}; give '8bit' or '4bit'.")
    if rung.adapter is not None and not (isinstance(rung.adapter, str) and rung.adapter.strip()):
        raise InvalidInputError(f"{who} adapter {rung.adapter!r}; give a hub id or a folder.")
    served = {"extra_body": rung.extra_body, "headers_env": rung.headers_env}
    local = {"adapter": rung.adapter, "quantization": rung.quantization}
    for name, value in (local if rung.served else served).items():
        if value:
            where = "a server, which decides that" if rung.served else "no base_url, so it asks no server"
            raise InvalidInputError(f"{who} {name} and {where}; leave one of the two out.")


def _check_prices(rung: Any) -> None:
    """Refuse prices that are no amounts, or that contradict each other."""
    names = ("usd_per_gpu_hour", "usd_per_mtok", "usd_per_mtok_in", "usd_per_mtok_out")
    given = [name for name in names if getattr(rung, name) is not None]
    for name in given:
        value = getattr(rung, name)
        if not (is_number(value) and 0 <= value < math.inf):
            raise InvalidInputError(f"Rung '{rung.size}' has {name} {value!r}; give a finite number of at least 0.")
    if rung.usd_per_mtok is not None and (rung.usd_per_mtok_in is not None or rung.usd_per_mtok_out is not None):
        raise InvalidInputError(
            f"Rung '{rung.size}' has usd_per_mtok, one price for all tokens, beside others; leave one kind out."
        )
    if (rung.usd_per_mtok_in is None) != (rung.usd_per_mtok_out is None):
        raise InvalidInputError(f"Rung '{rung.size}' has {given[-1]} alone; give usd_per_mtok_in and usd_per_mtok_out.")


def _check_server(rung: Any) -> None:
    """Refuse settings of a server that can't be used; messages never repeat a text that may hold a key."""
    who = f"Rung '{rung.size}' has"
    for name, least in (("concurrency", 1), ("retries", 0)):
        value = getattr(rung, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InvalidInputError(f"{who} {name} {value!r}; give a whole number of at least {least}.")
    if not (is_number(rung.timeout_s) and 0 < rung.timeout_s < math.inf):
        raise InvalidInputError(f"{who} timeout_s {rung.timeout_s!r}; give a finite number of seconds above 0.")
    if not _is_variable(rung.api_key_env):
        raise InvalidInputError(
            f"{who} an api_key_env that names no environment variable; give a name in capitals, as {API_KEY_ENV}, "
            "and keep the key itself out of the file."
        )
    if not (is_number(rung.start_timeout_s) and 0 < rung.start_timeout_s < math.inf):
        raise InvalidInputError(f"{who} start_timeout_s {rung.start_timeout_s!r}; give seconds above 0.")
    base_url: Any = rung.base_url  # a list in a ladder file
    if isinstance(base_url, list):
        object.__setattr__(rung, "base_url", tuple(base_url))
    if (base_url is not None and not isinstance(base_url, str | list | tuple)) or base_url in ([], ()):
        raise InvalidInputError(f"{who} a base_url that is no text; give an address as http://localhost:8000/v1.")
    for address in rung.addresses:
        _check_address(who, address)
    if rung.start is not None:
        _check_start(who, rung)
    for header, variable in rung.headers_env.items():
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", header):
            raise InvalidInputError(f"{who} a header in headers_env that is no header's name; mend it.")
        if not _is_variable(variable):
            raise InvalidInputError(
                f"{who} in headers_env, for {header}, what names no environment variable; give a name in capitals and "
                "keep the text itself out of the file."
            )
    if taken := sorted(set(_RESERVED) & set(rung.extra_body)):
        raise InvalidInputError(f"{who} '{taken[0]}' in extra_body; it has a setting of its own or is the run's.")


def _is_variable(name: Any) -> bool:
    """Whether a value can be the name of an environment variable that holds a key: capitals, which keys seldom are."""
    return isinstance(name, str) and re.fullmatch("[A-Z_][A-Z0-9_]*", name) is not None


def _check_address(who: str, address: Any) -> None:
    """Refuse an address that is none, or that holds more than an address."""
    if not isinstance(address, str) or re.search("[@?#]", address):
        raise InvalidInputError(
            f"{who} a base_url with more than an address in it; give one as http://localhost:8000/v1, and a key in "
            "the environment variable that api_key_env names."
        )
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", address) or not _has_port(address):
        raise InvalidInputError(f"{who} base_url {address!r}; give an address as http://localhost:8000/v1.")


def _has_port(address: str) -> bool:
    """Whether the host and the port of an address can be read."""
    try:
        return urlsplit(address).port != 0
    except ValueError:  # brackets that don't match, a port above 65535
        return False


def _check_start(who: str, rung: Any) -> None:
    """Refuse a command that can't start a server where it is asked."""
    if not isinstance(rung.start, str) or not rung.start.strip():
        raise InvalidInputError(
            f"{who} start {rung.start!r}; give a command, as 'vllm serve {{model}} --port {{port}}'."
        )
    if len(rung.addresses) > 1:
        raise InvalidInputError(f"{who} start and several addresses; one server is started, so give one or none.")
    if not rung.addresses and "{port}" not in rung.start:
        raise InvalidInputError(f"{who} start without {{port}} and no base_url; give one of them.")
    try:
        shlex.split(rung.start)
    except ValueError as e:
        raise InvalidInputError(f"{who} a start whose quotes don't match ({e}); mend it.") from e

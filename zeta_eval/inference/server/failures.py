"""What goes wrong with a request to a server: failures as data, and a server's reason for them in one line."""

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from zeta_eval.exceptions import escaped
from zeta_eval.router.too_long import is_too_long

TEXT_LENGTH = 300
"""Longest reason for a failure that is kept, in characters."""


class Fault(Exception):
    """A request that failed but may succeed when it is made again: HTTP 429 or 5xx, a timeout, a dropped connection."""

    def __init__(
        self, reason: str, *, wait_s: float = 0.0, everywhere: bool = False, status: int = 0, body: str = ""
    ) -> None:
        """Give the reason, how long the server asks to wait, and whether every other query would fail the same way.

        `status` is the server's HTTP status with its whole reply, 0 where it sent none.
        """
        super().__init__(reason)
        self.wait_s = wait_s
        self.everywhere = everywhere
        self.status = status
        self.body = body
        self.retries = 0
        """How often the request was made again before it was given up."""
        self.elsewhere = False
        """Whether another replica of the server is awake."""


class AbsentError(Fault):
    """No server answers at the address."""


class Refusal(Exception):
    """A request that the server rejects, and would reject again."""

    def __init__(self, reason: str, *, status: int, body: str) -> None:
        """Give the reason in one line, with the HTTP status and the server's whole reply."""
        super().__init__(reason)
        self.status = status
        self.body = body


def failure(status: int, body: str, retry_after: str | None) -> Fault | Refusal:
    """The error that an HTTP status other than 200 stands for."""
    reason = f"HTTP {status}: {reason_of(body) or 'no reason given'}"
    if is_too_long(reason):  # some servers send 500 for it
        return Refusal(reason, status=400, body=body)
    if status == 429:
        return Fault(reason, wait_s=wait_of(retry_after), everywhere=True, status=status, body=body)
    if status >= 500 or status == 408:
        return Fault(reason, wait_s=wait_of(retry_after), status=status, body=body)
    return Refusal(reason, status=status, body=body)


def told_error(data: Any, *, mask: Callable[[str], str] = str) -> Fault | Refusal | None:
    """The error that a reply of HTTP status 200, or a piece of a streamed one, holds in place of an answer, if any.

    `mask` takes keys out of its text.
    """
    if not isinstance(data, dict) or data.get("choices"):
        return None
    error = data.get("error") or (data if data.get("object") == "error" else None)
    if not error and "detail" in data and "choices" not in data:
        error = data
    if not error:
        return None
    body = mask(json.dumps(data))
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, int) and 400 <= code < 600:
        return failure(code, body, None)
    reason = reason_of(body)
    if is_too_long(reason):
        return Refusal(reason, status=400, body=body)
    return Fault(f"The server broke off: {reason or 'no reason given'}", body=body)


def reason_of(body: str) -> str:
    """A server's reason for an error in one line, from any of the usual JSON forms, HTML or text."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = re.sub(r"<[^>]*>", " ", body)
    for key in ("error", "detail", "message", "msg"):
        said = said[0] if isinstance(said, list) and said else said
        said = said.get(key) or said if isinstance(said, dict) else said
    return escaped(" ".join(without_halves(str(said)).split()))[:TEXT_LENGTH].rstrip(". ")


def wait_of(retry_after: str | None) -> float:
    """Seconds that a Retry-After header (seconds, or a date) asks to wait; 0 where it says nothing."""
    try:
        wait_s = float(retry_after or 0)
    except ValueError:
        try:
            date = parsedate_to_datetime(str(retry_after))
        except ValueError:
            return 0.0
        wait_s = (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return max(0.0, wait_s) if math.isfinite(wait_s) else 0.0


def without_halves(text: str) -> str:
    """The text without halves of characters, which a token may hold and UTF-8 can't."""
    return text.encode(errors="replace").decode()

"""Errors as OpenAI's API gives them, which its clients know how to raise."""

import json
from collections.abc import Mapping
from typing import Any

from zeta_eval.exceptions import GenerationError


class ApiError(Exception):
    """A request that gets an error: HTTP status, message, and OpenAI's words for what kind it is."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        retry_after_s: float | None = None,
        body: bytes | None = None,
    ) -> None:
        """Give what is wrong; `body` is a server's own error, which is passed on as it is."""
        super().__init__(message)
        self.status, self.kind, self.code, self.param = status, kind, code, param
        self.retry_after_s = retry_after_s
        self._body = body

    @property
    def data(self) -> Mapping[str, Any]:
        """The error as JSON data."""
        return {"error": {"message": str(self), "type": self.kind, "param": self.param, "code": self.code}}

    @property
    def body(self) -> bytes:
        """The body of the response."""
        return json.dumps(self.data).encode() if self._body is None else self._body


class PassedOverError(GenerationError):
    """A size that can't be asked now: it is busy, rests after failures, or has just failed."""

    def __init__(self, reason: str, *, busy: bool = False, late: bool = False, wait_s: float = 0.0) -> None:
        """Give the reason, whether it is busy or was too slow, and how long it asks to wait."""
        super().__init__(reason)
        self.busy, self.late, self.wait_s = busy, late, wait_s


class UnableError(PassedOverError):
    """A size that can't do what the request asks for, where another one may."""

    def __init__(self, reason: str, *, param: str) -> None:
        """Give the reason, and the parameter that asks for it."""
        super().__init__(reason)
        self.param = param


class TooLongError(Exception):
    """The query does not fit the model's context, and may fit a larger model's."""


def unanswered(why: str, troubles: list[PassedOverError]) -> ApiError:
    """The error where no size gave an answer: asked for what none can do, too much to do, too slow, or out of order."""
    if troubles and all(isinstance(t, UnableError) for t in troubles):
        return ApiError(400, str(troubles[0]), param=getattr(troubles[0], "param", None))
    troubles = [t for t in troubles if not isinstance(t, UnableError)]
    wait_s = min((t.wait_s for t in troubles if t.wait_s), default=1.0)
    if troubles and all(t.busy for t in troubles):
        return ApiError(
            429, f"All sizes are busy. {why}", kind="rate_limit_error", code="rate_limit_exceeded", retry_after_s=wait_s
        )
    if troubles and all(t.late or t.busy for t in troubles):
        return ApiError(504, why, kind="server_error", code="timeout", retry_after_s=wait_s)
    return ApiError(502, why, kind="server_error", code="no_answer", retry_after_s=wait_s)

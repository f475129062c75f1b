"""uvicorn's HTTP protocol with a limit on what a request holds beside its body, which its parser takes at length."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Final

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from zeta_eval.serving.errors import ApiError

_log = logging.getLogger(__name__)

MOST_HEAD: Final = 65_536
"""Most bytes of a request's address and headers, also of those after its body."""
FRAMING: Final = 8
"""Bytes of a request for each byte of its body; a body in chunks of one byte takes six."""


class BoundedProtocol(HttpToolsProtocol):
    """Refuses heads that are too long with HTTP 431; that, and what is no HTTP, in OpenAI's form."""

    _chunk = _first = _fed = _body = 0
    """Bytes of the chunk that is read now, of the one in which the request began, of those after it, of the body."""
    _refusal: ApiError | None = None

    def data_received(self, data: bytes) -> None:
        """Take bytes, of which those beside bodies are counted."""
        self._chunk = len(data)
        self._fed += self._chunk
        self._unset_keepalive_if_required()
        try:
            self._feed(data)
        except httptools.HttpParserError as e:
            _log.debug("A request is no HTTP that is read here: %s", e)
            self.send_400_response("")
            return
        if self._fed > MOST_HEAD + FRAMING * self._body and not self.transport.is_closing():
            self._refusal = _too_long()
            self.send_400_response("")

    def _feed(self, data: bytes) -> None:
        """Parse bytes; a request that asks for another protocol is answered in this one, as RFC 9110 (7.8) lets us."""
        while True:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as e:  # the parser has left out the body
                data = self._head() + data[e.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
                with suppress(AttributeError):  # httptools before 0.6.3
                    self.parser.set_dangerous_leniencies(lenient_data_after_close=True)

    def _head(self) -> bytes:
        """The head that was read last, without the protocol that it asks for."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            raise httptools.HttpParserError("CONNECT")
        fields = b"".join([b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade"])
        return b"%b %b HTTP/%b\r\n%b\r\n" % (method, self.url, self.parser.get_http_version().encode(), fields)

    def _should_upgrade(self) -> bool:
        """Whether to begin nothing with a head that asks for another protocol; it is read again."""
        return True

    def on_message_begin(self) -> None:
        """Begin a request; its first chunk may hold the end of an earlier one, and is not counted."""
        self._first, self._fed, self._body = self._chunk, 0, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Take a head that has come whole."""
        if self._first + self._fed > MOST_HEAD:
            size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            if size > MOST_HEAD:
                self._refusal = _too_long()
                raise self._refusal  # the parser ends, and the request is refused
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._body += len(body)
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Refuse a request, and close the connection."""
        error = self._refusal or ApiError(400, "The request is no HTTP that this server reads.")
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(error.body)
        self.transport.write(STATUS_LINE[error.status] + head + error.body)
        self.transport.close()


def _too_long() -> ApiError:
    return ApiError(431, f"Address and headers of the request have more than {MOST_HEAD} bytes.")

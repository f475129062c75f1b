"""A proxy that forwards requests to a server, and spoils some of them."""

import http.client
import socket
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STALL_S = 1.8
"""How long a stalled request takes; longer than its client waits."""


class FaultyProxy:
    """Spoils a request as `fault` says for its number, from 0, and how often the same one has come; None forwards it.

    "drop" closes the connection without a word, "gone" does and stops the proxy, "stall" answers too late, "429", "500"
    and "404" answer so, "half" breaks the connection within the answer, "cut" ends half an answer as if it were whole,
    "event" says an error in its place.
    """

    def __init__(self, upstream_port, fault=lambda number, seen: None, *, port=0, retry_after="0"):
        self.fault = fault
        self.retry_after = retry_after
        self.number = 0
        self.injected = Counter()
        self.at_once = self.most_at_once = 0
        self.times = []
        self._seen = Counter()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
        self._server.daemon_threads = True
        self._server.proxy, self._server.upstream = self, upstream_port
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def next_fault(self, body):
        with self._lock:
            fault = self.fault(self.number, self._seen[body])
            self.number += 1
            self._seen[body] += 1
            self.times.append(time.monotonic())
            if fault:
                self.injected[fault] += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            return fault

    def ended(self):
        with self._lock:
            self.at_once -= 1

    def stop(self):
        """Be gone: nobody answers at the port any more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self._thread.is_alive():
            self.stop()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        proxy = self.server.proxy
        fault = proxy.next_fault(body)
        try:
            if fault == "gone":
                threading.Thread(target=proxy.stop).start()
            if fault in ("drop", "gone"):
                return self.hang_up()
            if fault == "stall":
                time.sleep(STALL_S)
                return self.hang_up()
            if fault in ("429", "500", "404"):
                extra = {"Retry-After": proxy.retry_after} if fault == "429" else {}
                return self.answer(int(fault), b"<html><h1>spoilt\non purpose</h1></html>", "text/html", extra)
            status, kind, content = self.forwarded(body)
            if fault == "event":
                content = (
                    b'data: {"error": {"message": "spoilt"}}\n\n' if b"data:" in content else b'{"error": "spoilt"}'
                )
            self.answer(status, content[: len(content) // 2] if fault == "cut" else content, kind, half=fault == "half")
        except OSError:
            self.close_connection = True  # the client has left
        finally:
            proxy.ended()

    def forwarded(self, body):
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.upstream)
        headers = {k: v for k, v in self.headers.items() if k in ("Authorization", "Content-Type")}
        upstream.request("POST", self.path, body, headers)
        response = upstream.getresponse()
        content = response.read()
        upstream.close()
        return response.status, response.headers["Content-Type"], content

    def answer(self, status, content, kind, extra=None, *, half=False):
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **(extra or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if half else content)
        if half:
            self.hang_up()

    def hang_up(self):
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

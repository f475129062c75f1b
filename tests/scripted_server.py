"""A chat server that answers by a script: a function of the request's body and of how many came before it."""

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ScriptedServer:
    """Serves `answer(body, number)`, which returns a status, and a reply (data, text, or a list of stream pieces).

    A piece may be a pause in seconds, or None, which breaks the stream off; a status None answers nothing at all.
    """

    def __init__(self, answer, port=0):
        self.answer = answer
        self.left = threading.Event()
        """Set when a caller left in the middle of a stream."""
        self.bodies, self.paths, self.headers, self.connections = [], [], [], set()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
        self._server.daemon_threads = True
        self._server.scripted = self
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def reply(self, path, headers, body):
        with self._lock:
            number = len(self.bodies)
            self.bodies.append(body)
            self.paths.append(path)
            self.headers.append(headers)
        return self.answer(body, number)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.send(404, {"detail": "Not Found"})

    def do_POST(self):
        self.server.scripted.connections.add(self.client_address)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, reply, *more = self.server.scripted.reply(self.path, dict(self.headers), body)
        if status is None:  # the connection breaks before any answer
            self.close_connection = True
        elif isinstance(reply, list):
            self.stream(reply)
        else:
            self.send(status, reply, *more)

    def stream(self, pieces):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            if isinstance(piece, float):
                time.sleep(piece)
                continue
            if piece is None:  # breaks off
                self.close_connection = True
                return
            data = (piece if isinstance(piece, str) else f"data: {json.dumps(piece)}\n\n").encode()
            try:
                self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
                self.wfile.flush()
            except OSError:
                self.server.scripted.left.set()
                self.close_connection = True
                return
        self.wfile.write(b"0\r\n\r\n")

    def send(self, status, data, headers=()):
        content = data.encode() if isinstance(data, str) else json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(OSError):  # the caller has left
            self.wfile.write(content)


def chat(text="4", finish="stop", usage=(7, 3), **message):
    """A whole reply."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text} | message, "finish_reason": finish}
    counted = {"prompt_tokens": usage[0], "completion_tokens": usage[1]} if usage else None
    return {"choices": [choice], "usage": counted}


def pieces(text="4 and more", finish="stop", usage=(7, 3)):
    """The pieces of a streamed reply, without its end mark."""
    made = [{"choices": [{"index": 0, "delta": {"content": part}, "finish_reason": None}]} for part in text]
    made.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    if usage:
        made.append({"choices": [], "usage": {"prompt_tokens": usage[0], "completion_tokens": usage[1]}})
    return made


DONE = "data: [DONE]\n\n"
"""The end mark of a stream."""

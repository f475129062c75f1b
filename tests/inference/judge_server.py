"""A scripted server of the chat completions API, on a thread: what it replies is a function of the prompt."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][-1]["content"]
        self.server.asked.append((body["model"], prompt))
        text = "Hello" if prompt == "Hi" else self.server.reply(prompt)  # an engine begins with "Hi"
        part = "delta" if body.get("stream") else "message"
        said = {"index": 0, part: {"role": "assistant", "content": text}, "finish_reason": "stop"}
        usage = {"prompt_tokens": len(prompt.split()), "completion_tokens": len(text.split())}
        content = json.dumps(
            {
                "id": "1",
                "object": "chat.completion",
                "created": 1,
                "model": body["model"],
                "choices": [said],
                "usage": usage,
            }
        ).encode()
        content = b"data: " + content + b"\n\ndata: [DONE]\n\n" if body.get("stream") else content
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream" if body.get("stream") else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def serving(reply):
    """The address of a server, and the list of (model, prompt) that it was asked."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.reply, server.asked = reply, []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", server.asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""A server of three sizes whose answers are known: Markdown with mathematics, a table and code, and a hostile one."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RICH = """The sum of the first $n$ numbers is $\\frac{n(n+1)}{2}$, since

$$\\sum_{k=1}^{n} k = \\frac{1}{2}\\sum_{k=1}^{n} \\bigl(k + (n + 1 - k)\\bigr) = \\frac{n(n+1)}{2}.$$

## In numbers

| n | sum | price |
|---|----:|------:|
| 10 | 55 | $5 |
| 100 | **5050** | $6 |

```python
def total(n: int) -> int:
    # no loop is needed
    return n * (n + 1) // 2  # "exact"
```

1. Pair the numbers.
2. Each pair adds up to \\(n + 1\\).
"""

HOSTILE = (
    """<script>document.title = "hacked"</script><img src="/hacked.png" onerror="document.title='hacked'">
[a good page](https://evil.example/steal) ![pixel](http://127.0.0.1:9/pixel.png) <https://evil.example/auto>

$\\href{https://evil.example/maths}{click}$ and $\\style{position:fixed;top:0}{x}$ and $\\rule{3000em}{5em}$

# A heading that is not the notebook's

"""
    + "unbreakable" * 60
)

ANSWERS = {"add up": RICH, "hostile": HOSTILE, "empty": ""}
"""By a word in the last question: the answer."""


def answer_to(body):
    """The answer to a request: known by a word in it, else how many messages there were."""
    messages = body.get("messages") or [{"content": body.get("prompt", "")}]
    asked = str(messages[-1]["content"])
    return next((text for word, text in ANSWERS.items() if word in asked), f"{len(messages)} messages, {body['model']}")


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *words):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = answer_to(body)
        part = {"id": "x", "created": 0, "model": body["model"]}
        if not body.get("stream"):
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
            return self._send(json.dumps(part | {"object": "chat.completion", "choices": [choice]}), "application/json")
        chunks = [text[i : i + 200] for i in range(0, len(text), 200)] or [""]
        lines = []
        for i, chunk in enumerate(chunks):
            ended = "stop" if i == len(chunks) - 1 else None
            choice = {"index": 0, "finish_reason": ended, "delta": {"role": "assistant", "content": chunk}}
            lines.append(f"data: {json.dumps(part | {'object': 'chat.completion.chunk', 'choices': [choice]})}\n\n")
        time.sleep(0.2)
        return self._send("".join(lines) + "data: [DONE]\n\n", "text/event-stream")

    def _send(self, text, kind):
        data = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def served(port=0):
    """The text of a ladder whose three sizes answer as above, for as long as the block lasts."""
    with ThreadingHTTPServer(("127.0.0.1", port), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        rungs = "".join(
            f'[[models]]\nsize = "{size}"\nmodel = "m{size}"\nbase_url = "http://127.0.0.1:{server.server_port}/v1"\n'
            for size in ("4B", "7B", "14B")
        )
        yield f"max_new_tokens = 900\n{rungs}"
        server.shutdown()

"""A small real server of the chat completions API: one model on transformers, greedy, a token at a time.

`python chat_server.py FOLDER` writes its port and serves the folder's model under several names: "plain" takes
everything, "strict" refuses log-probabilities and stream options by name, "curt" refuses optional parameters without
saying which, "mute" gives no log-probabilities, "locked" wants the key in SERVER_KEY and repeats a wrong one.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

torch.set_num_threads(1)
OPTIONAL = {"logprobs", "top_logprobs", "seed", "chat_template_kwargs", "stream_options", "repeat_penalty"}


class Model:
    def __init__(self, folder):
        self.model = AutoModelForCausalLM.from_pretrained(folder).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.context = self.model.config.max_position_embeddings
        self.lock = threading.Lock()

    def steps(self, ids, limit, stop):
        """Yield (text so far, token's text, its log-probability, the two likeliest, why it ended)."""
        cache, step, written = None, torch.tensor([ids]), []
        for i in range(limit):
            with self.lock, torch.inference_mode():
                out = self.model(input_ids=step, past_key_values=cache, use_cache=True)
            cache = out.past_key_values
            top = out.logits[0, -1].float().log_softmax(-1).topk(2)
            token = int(top.indices[0])
            written.append(token)
            text = self.tokenizer.decode(written, skip_special_tokens=True)
            done = token == self.tokenizer.eos_token_id or any(s in text for s in stop)
            finish = "stop" if done else "length" if i + 1 == limit else None
            yield text, self.tokenizer.decode([token]), top.values.tolist(), finish
            if finish:
                return
            step = torch.tensor([[token]])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def do_GET(self):
        if self.path != "/v1/models":
            return self.fail(404, {"detail": "Not Found"})
        models = [{"id": "plain", "max_model_len": self.server.model.context}, {"id": "strict", "object": "model"}]
        self.send(200, {"object": "list", "data": models})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name, key = body["model"], self.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.path != "/v1/chat/completions":
            return self.fail(404, {"detail": "Not Found"})
        if name not in ("plain", "strict", "curt", "mute", "locked"):
            return self.fail(404, {"object": "error", "message": f"The model `{name}` does not exist.", "code": 404})
        if name == "locked" and key != os.environ["SERVER_KEY"]:
            return self.fail(401, {"error": {"message": f"Incorrect API key provided: {key}\nSee our pages."}})
        if name == "strict" and (found := {"logprobs", "top_logprobs", "stream_options"} & set(body)):
            return self.fail(422, {"detail": f"Unexpected fields in the request: {found}"})
        if name == "curt" and set(body) & OPTIONAL:
            return self.fail(400, {"error": "Bad request"})
        ids = self.server.model.tokenizer(body["messages"][0]["content"])["input_ids"]
        if len(ids) >= (context := self.server.model.context):
            said = f"This model's maximum context length is {context} tokens. However, your prompt has {len(ids)}."
            return self.fail(400, {"object": "error", "message": said, "type": "BadRequestError"})
        limit = min(body["max_tokens"], context - len(ids))
        steps = self.server.model.steps(ids, limit, body.get("stop", []))
        wants = bool(body.get("logprobs")) and name != "mute"
        (self.stream if body["stream"] else self.whole)(steps, len(ids), wants)

    def whole(self, steps, read, wants):
        steps = list(steps)
        text, finish = steps[-1][0], steps[-1][3]
        logprobs = {"content": [entry(s) for s in steps]} if wants else None
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
        self.send(200, {"choices": [{**choice, "logprobs": logprobs}], "usage": usage(read, len(steps))})

    def stream(self, steps, read, wants):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]})
        said, n = "", 0
        for step in steps:
            n += 1
            delta, said = {"content": step[0][len(said) :]}, step[0]
            logprobs = {"content": [entry(step)]} if wants else None
            self.event({"choices": [{"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": step[3]}]})
        self.event({"choices": [], "usage": usage(read, n)})
        self.chunk(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def event(self, data):
        self.chunk(f"data: {json.dumps(data)}\n\n".encode())

    def chunk(self, data):
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def fail(self, status, data):
        self.send(status, data)

    def send(self, status, data):
        content = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def entry(step):
    _, token, top, _ = step
    return {"token": token, "logprob": top[0], "top_logprobs": [{"logprob": p} for p in top]}


def usage(read, written):
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.model = Model(sys.argv[1])
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()

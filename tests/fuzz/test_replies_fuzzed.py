import dataclasses
import gzip
import json

from attacks import attack
from mutations import bitten, dumped, mutated
from scripted_server import ScriptedServer

from zeta_eval.exceptions import LONGEST, escaped
from zeta_eval.inference.server.embedding_endpoint import EmbeddingEndpoint
from zeta_eval.inference.server.endpoint import EndpointGenerator
from zeta_eval.models import GenerateConfig, ModelSpec
from zeta_eval.outcomes.bounds import fits

TOKEN = {
    "token": "4",
    "logprob": -0.1,
    "top_logprobs": [{"token": "4", "logprob": -0.1}, {"token": "5", "logprob": -2.5}],
}
CHOICE = {"index": 0, "finish_reason": "stop", "logprobs": {"content": [TOKEN, TOKEN]}}
WHOLE = {
    "choices": [CHOICE | {"message": {"role": "assistant", "content": "It is 4.", "reasoning": "2 + 2"}}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
}
PIECES = [
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "It "}}]},
    {"choices": [{"index": 0, "delta": {"content": "is 4."}, "logprobs": {"content": [TOKEN]}}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": WHOLE["usage"]},
]
VECTORS = {"data": [{"index": 0, "embedding": [0.1, 0.2]}, {"index": 1, "embedding": [0.3, -0.2]}]}
STATUS = (200, 200, 200, 200, 400, 401, 404, 413, 429, 500, 503)


def hostile(rng, body):
    """A status with a reply, whole or in pieces, as the request asks."""
    if "input" in body:
        return rng.choice(STATUS), text_of(rng, mutated(rng, VECTORS))
    if not body.get("stream"):
        return rng.choice(STATUS), text_of(rng, mutated(rng, WHOLE, changes=3))
    pieces = mutated(rng, PIECES, changes=3)
    pieces = pieces if isinstance(pieces, list) else [pieces]
    return 200, [f"data: {text_of(rng, piece)}\n\n" for piece in pieces] + ["data: [DONE]\n\n"] * rng.randrange(2)


def text_of(rng, data):
    raw = dumped(data)
    return (bitten(rng, raw) if rng.random() < 0.2 else raw).decode("utf-8", "replace")


def checked(answer):
    """Everything that an answer tells is in its range, and its error one line."""
    numbers = ("prompt_tokens", "completion_tokens", "mean_logprob", "min_logprob", "prefill_margin", "latency_s")
    assert all(fits(name, getattr(answer, name)) for name in numbers), answer
    json.dumps(answer.text).encode()
    answer.text.encode()
    if answer.error is not None:
        assert len(answer.error) <= LONGEST + 40 and answer.error == escaped(answer.error), answer.error
    return answer.error is None


def test_a_reply_becomes_an_answer_or_an_error_in_one_line():
    spec = ModelSpec(size="1B", model="m", base_url="http://x", retries=0, timeout_s=5)
    said = {}

    def reply(body, _):
        rng = said.get("rng")
        if rng is None:
            one = {"data": VECTORS["data"][: len(body.get("input", ()))]}
            return 200, one if "input" in body else WHOLE if not body.get("stream") else PIECES
        return hostile(rng, body)

    with ScriptedServer(reply) as server:
        spec = dataclasses.replace(spec, base_url=server.url)
        engine = EndpointGenerator(spec)
        engine.measure(["Hi"], GenerateConfig(max_new_tokens=8))
        engine._server.counter.count("loads the tokenizer's library, which takes seconds")
        embedder = EmbeddingEndpoint(dataclasses.replace(spec, role="embed"))

        def ask(rng):
            said["rng"] = rng
            engine._failed = 0  # each case stands alone
            match rng.randrange(5):
                case 0:
                    assert len(embedder.embed(["a", "b"])) == 2
                    return True
                case 1:
                    return checked(engine.measure(["Hi"], GenerateConfig(max_new_tokens=8))[0])
                case _:
                    return checked(engine.generate(["What is 2 + 2?"], GenerateConfig(max_new_tokens=8))[0])

        attack("chat replies", ask, usual=250)


def test_a_small_reply_that_unpacks_to_gigabytes_is_refused_before_it_fills_the_memory():
    bomb = gzip.compress(b'{"choices": "' + b" " * (1 << 27) + b'"}')

    said = {"bomb": False}

    with ScriptedServer(lambda body, number: (200, WHOLE)) as server:
        engine = EndpointGenerator(ModelSpec(size="1B", model="m", base_url=server.url, retries=0))
        handler = server._server.RequestHandlerClass
        send = handler.send

        def packed(self, status, data, headers=()):
            if not said["bomb"]:
                return send(self, status, data, headers)
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(bomb)))
            self.end_headers()
            self.wfile.write(bomb)
            return None

        try:
            handler.send, said["bomb"] = packed, True
            (answer,) = engine.generate(["Hi"], GenerateConfig(max_new_tokens=8))
        finally:
            handler.send = send
    assert answer.error is not None and "more than 64 MiB" in answer.error

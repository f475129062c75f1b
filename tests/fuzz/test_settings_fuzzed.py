import json
from contextlib import suppress

import pytest
from attacks import attack
from mutations import ODD, bitten, dumped, mutated

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.inference.judging.rubric import Rubric
from zeta_eval.models import Ladder
from zeta_eval.tasks import resolve_tasks

LADDER = {
    "max_new_tokens": 64,
    "models": [
        {"size": "1B", "model": "org/small", "context": 4096, "dtype": "auto", "usd_per_gpu_hour": 1.5},
        {"size": "2B", "model": "m", "base_url": "http://localhost:8000/v1", "thinking": 64, "max_new_tokens": 128},
        {"size": "3B", "model": "m", "base_url": ["http://a:1/v1", "http://b:2/v1"], "headers_env": {"X-Key": "KEY"}},
        {"size": "4B", "model": "m", "start": "serve --port {port}", "extra_body": {"top_k": 3}, "stop": ["Q:"]},
        {"size": "E", "model": "org/embed", "role": "embed", "revision": "main"},
    ],
}
TASK = {
    "data": "rows.jsonl",
    "name": "mine",
    "columns": {"prompt": "question", "target": "answer"},
    "template": "{question}",
    "system": "Be short.",
    "examples": [{"prompt": "1 + 1?", "target": "2"}],
    "fewshot": 1,
    "seed": 3,
    "stop": ["\n"],
    "max_new_tokens": 10,
    "limit": 4,
    "scorer": "auto",
}
ROWS = [
    {
        "question": f"{i} + {i}?",
        "answer": str(2 * i),
        "choices": ["1", "2"],
        "messages": [{"role": "user", "content": "Hi"}],
    }
    for i in range(6)
]


def toml(data):
    with suppress(RecursionError):
        return written(data)
    return "deep = " + "[" * 500


def written(data):
    """TOML text of JSON data: inline tables, and JSON's texts, which are TOML's."""
    if not isinstance(data, dict):
        return str(data)
    return "\n".join(f"{json.dumps(str(key))} = {_value(value)}" for key, value in data.items() if value is not None)


def _value(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(k))} = {_value(v)}" for k, v in value.items() if v is not None) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_value(v) for v in value if v is not None) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value)


def hostile(rng, data, path):
    raw = toml(mutated(rng, data, changes=rng.choice((1, 3)))).encode("utf-8", "surrogatepass")
    path.write_bytes(bitten(rng, raw) if rng.random() < 0.3 else raw)
    return path


def test_a_ladder_is_refused_in_one_line_or_taken(tmp_path):
    def load(rng):
        ladder = Ladder.load(hostile(rng, LADDER, tmp_path / "ladder.toml"))
        return bool(ladder.sizes or ladder.embedder)

    attack("ladders", load, usual=600)


def test_a_rubric_is_refused_in_one_line_or_taken(tmp_path):
    data = {"instructions": "Grade it.", "scale": {"1": "wrong", "3": "in part", "5": "right"}}

    def load(rng):
        rubric = Rubric.load(hostile(rng, data, tmp_path / "rubric.toml"))
        return 0 <= rubric.share(max(rubric.anchors)) <= 1

    attack("rubrics", load, usual=300)


@pytest.mark.parametrize("kind", ["toml", "jsonl", "json", "csv"])
def test_a_task_file_is_refused_in_one_line_or_asked(kind, tmp_path):
    def load(rng):
        left = rng.choice(("examples", "fewshot"))  # one of the two goes with a task
        task, rows = {name: value for name, value in TASK.items() if name != left}, ROWS
        path = hostile(rng, task, tmp_path / "task.toml") if kind == "toml" else tmp_path / f"rows.{kind}"
        rows = mutated(rng, rows, changes=2) if kind != "toml" or rng.random() < 0.3 else rows
        raw = dumped(rows) if kind == "json" else b"\n".join(map(dumped, rows if isinstance(rows, list) else [rows]))
        if kind == "csv":
            raw = b"question,answer\n" + b"\n".join(b'"%d + 1?",%d' % (i, i + 1) for i in range(6))
        data = tmp_path / ("rows.jsonl" if kind == "toml" else path.name)
        data.write_bytes(bitten(rng, raw) if rng.random() < 0.4 or kind == "csv" else raw)
        (task,) = resolve_tasks(str(path))
        queries = task.load(limit=3)
        for query in queries:
            with suppress(InvalidInputError):
                assert 0 <= task.score(query, str(rng.choice((*ODD, "4", "(A)")))).value <= 1
        return bool(queries)

    attack(f"task files {kind}", load, usual=100)

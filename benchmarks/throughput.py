"""Queries per second beside lm-evaluation-harness, and the toolkit's own share of a benchmark's time.

    python benchmarks/throughput.py --lm-eval PYTHON --json benchmarks/results/throughput.json

The harness runs in its own environment (`pip install lm-eval`) through its `hf` backend with `batch_size=auto`, on the
same weights, prompts and token limit, greedy. Its detection of the batch size counts, as a user waits for it; it is
timed once per model, since it takes minutes on the larger one, and ratios stand with and without it. Prompts are the
embedded tasks' queries as they are (zero-shot) and behind five solved ones of the same task (five-shot; for these both
models' context is set to 512 tokens, which the embedded size hasn't learned: only its speed means something). Both
sides load the model before the clock starts, run on one thread and take turns; the clock is the process's own
(processor seconds), which a busy machine disturbs less.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LIMIT = 24
"""Longest answer, in tokens."""
SHOTS = 5
"""Solved queries before a query."""
LONG_CONTEXT = 512
"""Context that has room for them, in tokens."""
LARGE = {"hidden_size": 768, "intermediate_size": 2048, "num_hidden_layers": 14, "num_attention_heads": 12}
"""Shape of the randomly initialised model of about 100M weights."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lm-eval", metavar="PYTHON", required=True, help="Python with lm-eval installed")
    parser.add_argument("--queries", type=int, default=1000, help="on the largest embedded size (%(default)s)")
    parser.add_argument("--large-queries", type=int, default=180, help="on the random 100M model (%(default)s)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--side", choices=["lm-eval", "detect", "toolkit"], help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        work = json.loads(args.work.read_text())
        made = {"lm-eval": run_harness, "detect": detect, "toolkit": run_toolkit}[args.side](work)
        args.work.with_suffix(f".{args.side}").write_text(json.dumps(made))
        return

    from zeta_eval.files import write_json
    from zeta_eval.models import LADDERS

    result: dict[str, object] = {
        "command": " ".join(["python", *sys.argv]).replace(args.lm_eval, "PYTHON"),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, Python {platform.python_version()}, one thread",
    }
    with tempfile.TemporaryDirectory() as temp:
        folder, small = Path(temp), LADDERS / "embedded" / "456K"
        models = {"456K": (small, args.queries), "100M, random": (large_model(folder, small), args.large_queries)}
        for name, (model, n) in models.items():
            result[f"{name}, zero-shot"] = compare(args, folder, model, queries(n))
            longer = with_context(model, folder / f"{model.name}-long")
            result[f"{name}, five-shot"] = compare(args, folder, longer, queries(n, shots=SHOTS))
            result[f"{name}, overhead"] = overhead(folder, model, args.queries)
            print(json.dumps(result, indent=1), flush=True)
    if args.json:
        write_json(args.json, result)


def compare(args: argparse.Namespace, folder: Path, model: Path, prompts: list[str]) -> dict[str, object]:
    """Both sides on the same prompts, in turn; medians over the repeats."""
    work = folder / "work.json"
    job = {"model": str(model), "prompts": prompts, "batch_size": "auto"}

    def side(name: str, python: str) -> dict[str, object]:
        work.write_text(json.dumps(job))
        command = [python, __file__, "--lm-eval", args.lm_eval, "--side", name, "--work", str(work)]
        subprocess.run(command, check=True, capture_output=True)
        return json.loads(work.with_suffix(f".{name}").read_text())

    detected = side("detect", args.lm_eval)
    job["batch_size"] = detected["batch_size"]
    runs: dict[str, list[dict[str, object]]] = {"toolkit": [], "lm-eval": []}
    for _ in range(args.repeats):
        runs["toolkit"].append(side("toolkit", sys.executable))
        runs["lm-eval"].append(side("lm-eval", args.lm_eval))
    ours, theirs = (statistics.median(r["seconds"] for r in runs[name]) for name in runs)
    pairs = list(zip(runs["toolkit"][0]["texts"], runs["lm-eval"][0]["texts"], strict=True))
    return {
        "queries": len(prompts),
        "toolkit_queries_per_s": len(prompts) / ours,
        "lm_eval_queries_per_s": len(prompts) / (theirs + detected["seconds"]),
        "lm_eval_queries_per_s_without_batch_size_detection": len(prompts) / theirs,
        "ratio": (theirs + detected["seconds"]) / ours,
        "ratio_without_batch_size_detection": theirs / ours,
        "lm_eval_batch_size": detected["batch_size"],
        "identical_responses": sum(a == b for a, b in pairs) / len(pairs),
        "different": [pair for pair in pairs if pair[0] != pair[1]][:10],
        "seconds": {name: [r["seconds"] for r in runs[name]] for name in runs} | {"detecting": detected["seconds"]},
    }


def run_toolkit(work: dict[str, list[str]]) -> dict[str, object]:
    """Seconds and answers of this package's engine."""
    import torch

    from zeta_eval.inference.engine.transformers_engine import TransformersGenerator
    from zeta_eval.models import GenerateConfig, ModelSpec

    torch.set_num_threads(1)
    engine = TransformersGenerator(ModelSpec(size="s", model=str(work["model"]), device_map="cpu"))
    start = time.process_time()
    answers = engine.generate(work["prompts"], GenerateConfig(max_new_tokens=LIMIT))
    seconds = time.process_time() - start
    return {"seconds": seconds, "texts": [a.text for a in answers], "batch_size": engine.batch_size}


def run_harness(work: dict[str, list[str]]) -> dict[str, object]:
    """Seconds and answers of lm-evaluation-harness's `hf` backend."""
    from lm_eval.api.instance import Instance

    model = harness(work)
    settings = {"until": [], "max_gen_toks": LIMIT, "do_sample": False}
    requests = [
        Instance(request_type="generate_until", doc={}, arguments=(p, dict(settings)), idx=i)
        for i, p in enumerate(work["prompts"])
    ]
    start = time.process_time()
    texts = model.generate_until(requests, disable_tqdm=True)
    return {"seconds": time.process_time() - start, "texts": texts}


def detect(work: dict[str, list[str]]) -> dict[str, object]:
    """What `batch_size=auto` does before the first answer: seconds, and the batch size that it finds."""
    model = harness(work)
    start = time.process_time()
    found = model._detect_batch_size()
    return {"seconds": time.process_time() - start, "batch_size": found}


def harness(work: dict[str, list[str]]) -> Any:
    """Load the model with lm-evaluation-harness."""
    import torch
    from lm_eval.models.huggingface import HFLM

    torch.set_num_threads(1)
    return HFLM(pretrained=work["model"], device="cpu", batch_size=work["batch_size"])


def overhead(folder: Path, model: Path, n: int) -> dict[str, object]:
    """Share of a benchmark's time that is not spent in the model's forward passes, loading left out.

    A run of a few queries comes first: what is imported on the way isn't counted.
    """
    import torch

    torch.set_num_threads(1)
    bench(folder / f"{model.name}-warm", model, 9)
    total, forward = bench(folder / f"{model.name}-run", model, n)
    return {"queries": n, "seconds": total, "forward_seconds": forward, "share": 1 - forward / total}


def bench(out: Path, model: Path, n: int) -> tuple[float, float]:
    """Seconds of a benchmark on one size, and those of its forward passes."""
    from zeta_eval.inference.engine.transformers_engine import TransformersGenerator
    from zeta_eval.inference.run.runner import run
    from zeta_eval.models import Ladder, ModelSpec
    from zeta_eval.tasks import get_task

    spent = {"forward": 0.0, "load": 0.0}
    started = [0.0]

    def engine(spec: ModelSpec) -> TransformersGenerator:
        start = time.process_time()
        made = TransformersGenerator(spec)
        made.model.register_forward_pre_hook(lambda *_: started.__setitem__(0, time.process_time()))
        made.model.register_forward_hook(
            lambda *_: spent.__setitem__("forward", spent["forward"] + time.process_time() - started[0])
        )
        spent["load"] += time.process_time() - start
        return made

    asked = embedded(n)
    start = time.process_time()
    run(
        Ladder(name="one", models=[ModelSpec(size="one", model=str(model), device_map="cpu")], max_new_tokens=LIMIT),
        asked,
        lambda query, text: get_task(query.task).score(query, text),
        out=out,
        latency_sample=0,
        generators=engine,
        progress=False,
    )
    return time.process_time() - start - spent["load"], spent["forward"]


def embedded(n: int) -> list:
    """Queries of all embedded tasks, n in all."""
    return [query for query, _ in with_shots(n, 0)]


def queries(n: int, *, shots: int = 0) -> list[str]:
    """Prompts of n queries, each behind the same solved queries of its task."""
    return [f"{solved}{query.prompt}\n" if solved else query.prompt for query, solved in with_shots(n, shots)]


def with_shots(n: int, shots: int) -> list[tuple]:
    """n queries of all embedded tasks, none of them solved, and the text of those solved before each."""
    from zeta_eval.tasks import resolve_tasks

    tasks = resolve_tasks("embedded")
    made = []
    for task in tasks:
        own = list(task.load(limit=-(-n // len(tasks)) + shots))
        solved = "".join(f"{q.prompt}\n{q.target}\n\n" for q in own[:shots])
        made += [(query, solved) for query in own[shots:]]
    return made[:n]


def with_context(model: Path, out: Path) -> Path:
    """Copy a model and let it read longer prompts."""
    shutil.copytree(model, out)
    for name, key in (("config.json", "max_position_embeddings"), ("tokenizer_config.json", "model_max_length")):
        settings = json.loads((out / name).read_text())
        (out / name).write_text(json.dumps(settings | {key: LONG_CONTEXT}))
    return out


def large_model(folder: Path, small: Path) -> Path:
    """Write a random model with the small one's tokenizer; its wide weights keep near ties rare."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    config = AutoConfig.from_pretrained(small)
    for name, value in (LARGE | {"head_dim": 64, "num_key_value_heads": 12}).items():
        setattr(config, name, value)
    config.layer_types = ["full_attention"] * LARGE["num_hidden_layers"]
    torch.manual_seed(0)
    out = folder / "large"
    AutoModelForCausalLM.from_config(config).save_pretrained(out)
    AutoTokenizer.from_pretrained(small).save_pretrained(out)
    return out


if __name__ == "__main__":
    main()

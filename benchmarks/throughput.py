"""Queries per second beside lm-evaluation-harness, and the toolkit's own share of a benchmark's time.

    python benchmarks/throughput.py --lm-eval /tmp/lmeval/bin/python --json benchmarks/results/throughput.json

The harness runs in its own environment (`pip install lm-eval`) through its `hf` backend with `batch_size=auto`, on the
same weights, prompts and token limit, greedy; its detection of the batch size counts, as a user waits for it, and the
time without it stands beside. On the random 100M model, where detecting takes minutes on a processor, it is told the
size it would find. Both sides load the model before the clock starts, run on one thread and take turns; the clock is
the process's own (processor seconds), which a busy machine doesn't disturb.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

LIMIT = 24
"""Longest answer, in tokens."""
LARGE = {"hidden_size": 768, "intermediate_size": 2048, "num_hidden_layers": 14, "num_attention_heads": 12}
"""Shape of the randomly initialised model of about 100M weights."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lm-eval", metavar="PYTHON", required=True, help="Python with lm-eval installed")
    parser.add_argument("--queries", type=int, default=1000, help="on the largest embedded size (%(default)s)")
    parser.add_argument("--large-queries", type=int, default=64, help="on the random 100M model (%(default)s)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--side", choices=["lm-eval", "toolkit"], help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        work = json.loads(args.work.read_text())
        made = run_harness(work) if args.side == "lm-eval" else run_toolkit(work)
        args.work.with_suffix(f".{args.side}").write_text(json.dumps(made))
        return

    from zeta_eval.files import write_json
    from zeta_eval.models import LADDERS

    result: dict[str, object] = {
        "command": " ".join(["python", *sys.argv]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, Python {platform.python_version()}, one thread",
    }
    with tempfile.TemporaryDirectory() as folder:
        small = LADDERS / "embedded" / "456K"
        result["456K"] = compare(args, Path(folder), small, queries(args.queries), batch_size="auto")
        large = large_model(folder, small)
        result["100M, random"] = compare(args, Path(folder), large, queries(args.large_queries), batch_size="64")
        result["overhead"] = overhead(Path(folder), args.queries)
    print(json.dumps(result, indent=1))
    if args.json:
        write_json(args.json, result)


def compare(
    args: argparse.Namespace, folder: Path, model: Path, prompts: list[str], *, batch_size: str
) -> dict[str, object]:
    """Both sides on the same prompts, in turn; medians over the repeats."""
    work = folder / "work.json"
    work.write_text(json.dumps({"model": str(model), "prompts": prompts, "batch_size": batch_size}))
    runs: dict[str, list[dict[str, object]]] = {"toolkit": [], "lm-eval": []}
    for _ in range(args.repeats):
        for side, python in (("toolkit", sys.executable), ("lm-eval", args.lm_eval)):
            command = [python, __file__, "--lm-eval", args.lm_eval, "--side", side, "--work", str(work)]
            subprocess.run(command, check=True, capture_output=True)
            runs[side].append(json.loads(work.with_suffix(f".{side}").read_text()))
    ours, theirs = (statistics.median(r["seconds"] for r in runs[side]) for side in runs)
    detecting = statistics.median(r["detecting"] for r in runs["lm-eval"])
    pairs = list(zip(runs["toolkit"][0]["texts"], runs["lm-eval"][0]["texts"], strict=True))
    return {
        "queries": len(prompts),
        "toolkit_queries_per_s": len(prompts) / ours,
        "lm_eval_queries_per_s": len(prompts) / theirs,
        "ratio": theirs / ours,
        "ratio_without_batch_size_detection": (theirs - detecting) / ours,
        "lm_eval_batch_size": runs["lm-eval"][0]["batch_size"],
        "identical_responses": sum(a == b for a, b in pairs) / len(pairs),
        "different": [pair for pair in pairs if pair[0] != pair[1]][:10],
        "seconds": {side: [r["seconds"] for r in runs[side]] for side in runs},
    }


def run_toolkit(work: dict[str, list[str]]) -> dict[str, object]:
    """Seconds and answers of this package's engine."""
    import torch

    from zeta_eval.inference import TransformersGenerator
    from zeta_eval.models import GenerateConfig, ModelSpec

    torch.set_num_threads(1)
    engine = TransformersGenerator(ModelSpec(size="s", model=str(work["model"]), device_map="cpu"))
    start = time.process_time()
    answers = engine.generate(work["prompts"], GenerateConfig(max_new_tokens=LIMIT))
    seconds = time.process_time() - start
    return {"seconds": seconds, "texts": [a.text for a in answers], "batch_size": engine.batch_size}


def run_harness(work: dict[str, list[str]]) -> dict[str, object]:
    """Seconds and answers of lm-evaluation-harness's `hf` backend."""
    import torch
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    torch.set_num_threads(1)
    model = HFLM(pretrained=work["model"], device="cpu", batch_size=work["batch_size"])
    settings = {"until": [], "max_gen_toks": LIMIT, "do_sample": False}
    requests = [
        Instance(request_type="generate_until", doc={}, arguments=(p, dict(settings)), idx=i)
        for i, p in enumerate(work["prompts"])
    ]
    found, detecting = model.batch_size, 0.0
    detect = model._detect_batch_size

    def timed() -> int:
        nonlocal found, detecting
        start = time.process_time()
        found = detect()
        detecting = time.process_time() - start
        return found

    model._detect_batch_size = timed
    start = time.process_time()
    texts = model.generate_until(requests, disable_tqdm=True)
    seconds = time.process_time() - start
    return {"seconds": seconds, "detecting": detecting, "texts": texts, "batch_size": found}


def overhead(folder: Path, n: int) -> dict[str, object]:
    """Share of a benchmark's time that is not spent in the models' forward passes, loading left out."""
    import torch

    from zeta_eval.inference import TransformersGenerator, run
    from zeta_eval.models import Ladder, ModelSpec
    from zeta_eval.tasks import get_task

    torch.set_num_threads(1)
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
        Ladder(name="456K", models=Ladder.load("embedded").models[-1:], max_new_tokens=LIMIT),
        asked,
        lambda query, text: get_task(query.task).score(query, text),
        out=folder / "run",
        latency_sample=0,
        generators=engine,
        progress=False,
    )
    total = time.process_time() - start - spent["load"]
    return {
        "model": "456K",
        "queries": len(asked),
        "seconds": total,
        "forward_seconds": spent["forward"],
        "share": 1 - spent["forward"] / total,
    }


def embedded(n: int) -> list:
    """Queries of all embedded tasks, n in all."""
    from zeta_eval.tasks import resolve_tasks

    tasks = resolve_tasks("embedded")
    return [q for task in tasks for q in task.load(limit=-(-n // len(tasks)))][:n]


def queries(n: int) -> list[str]:
    return [q.prompt for q in embedded(n)]


def large_model(folder: str, small: Path) -> Path:
    """Write a random model with the small one's tokenizer; its wide weights keep near ties rare."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    config = AutoConfig.from_pretrained(small)
    for name, value in (LARGE | {"head_dim": 64, "num_key_value_heads": 12}).items():
        setattr(config, name, value)
    config.layer_types = ["full_attention"] * LARGE["num_hidden_layers"]
    torch.manual_seed(0)
    out = Path(folder) / "large"
    AutoModelForCausalLM.from_config(config).save_pretrained(out)
    AutoTokenizer.from_pretrained(small).save_pretrained(out)
    return out


if __name__ == "__main__":
    main()

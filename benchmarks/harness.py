"""Whether tasks of lm-evaluation-harness score here as in the harness's own run.

    python benchmarks/harness.py [--documents 300] [--examples 0] [--models 17K,chat] [--json FILE]

Needs the extra `lm-eval`, no data. Three tasks (a written answer read by two filters, multiple choice, log-likelihood)
and a group of two ask queries of the embedded tasks; `harness_tasks.py` writes them. Each embedded size, and three tiny
random models (with a start token; in a chat template; with a context of 90 tokens, which cuts texts), run them here and
by `lm_eval.simple_evaluate` with its `HFLM`. Printed for each model: rows, rows with the same score, with the same
answer or log-likelihoods (to 1e-5 of their size), and the mean score of each task.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness_tasks import NAMES, SCORES, tiny_models, write_tasks

import zeta_eval as ze
from zeta_eval.files import write_json

Samples = Mapping[tuple[str, int], tuple[float, list[Any]]]
"""Score and responses by task and number of the document."""


def ours(model: Any, folder: Path, examples: int, out: Path) -> Samples:
    """Scores and responses of our own run."""
    rung = ze.ModelSpec(size="m", model=str(model), device_map="cpu")
    words = ",".join(f"lm-eval:{name}" for name in NAMES)
    tasks = ze.resolve_tasks(words, fewshot=examples, harness=ze.HarnessSettings(include_path=folder))
    rows = ze.benchmark(ze.Ladder(name="one", models=(rung,)), tasks, out=out).frame
    return {
        (row.task, int(row.query_id.split(":")[1])): (
            row.score,
            [row.response] if row.task in SCORES else json.loads(row.response),
        )
        for row in rows.itertuples()
    }


def theirs(model: Any, folder: Path, examples: int) -> Samples:
    """Scores and responses of the harness's run, under the filter that counts."""
    import lm_eval
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    runner = HFLM(pretrained=str(model), device="cpu", batch_size=16)
    found = lm_eval.simple_evaluate(
        runner,
        tasks=list(NAMES),
        num_fewshot=examples,
        task_manager=TaskManager(include_path=str(folder), include_defaults=False),
        apply_chat_template=bool(runner.tokenizer.chat_template),
        bootstrap_iters=0,
    )
    samples = {}
    for name, its in found["samples"].items():
        kept, metric = SCORES.get(name, ("none", "acc"))
        samples |= {
            (name, s["doc_id"]): (float(s[metric]), [r[0] for r in s["resps"]]) for s in its if s["filter"] == kept
        }
    return samples


def same(a: list[Any], b: list[Any]) -> bool:
    """Whether two responses are the same text, or the same log-likelihoods."""
    pairs = zip(a, b, strict=True)
    return all(
        x == y if isinstance(x, str) else abs(x[0] - y[0]) <= 1e-5 * max(1, abs(y[0])) and x[1] == y[1]
        for x, y in pairs
    )


def compared(name: str, model: Any, folder: Path, examples: int) -> dict[str, Any]:
    """The two runs of a model side by side."""
    with tempfile.TemporaryDirectory() as out:
        a, b = ours(model, folder, examples, Path(out)), theirs(model, folder, examples)
    assert set(a) == set(b)
    means = {
        task: [score for (of, _), (score, _) in a.items() if of == task] for task in dict.fromkeys(t for t, _ in a)
    }
    return {
        "model": name,
        "rows": len(a),
        "same score": sum(a[key][0] == b[key][0] for key in a),
        "same answer": sum(same(a[key][1], b[key][1]) for key in a),
        "means": {task: round(sum(scores) / len(scores), 3) for task, scores in means.items()},
    }


def main() -> int:
    """Compare, and print one line per model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--examples", type=int, default=0)
    parser.add_argument("--models", help="the names of some models, between commas (all)")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    made = []
    with tempfile.TemporaryDirectory() as temp:
        folder = write_tasks(Path(temp, "tasks"), n=args.documents)
        models = {spec.size: spec.model for spec in ze.Ladder.load("embedded").models} | tiny_models(Path(temp))
        for name in args.models.split(",") if args.models else models:
            made.append(compared(name, models[name], folder, args.examples))
            print(" ".join(f"{key}: {value}" for key, value in made[-1].items()), flush=True)
    if args.json:
        write_json(args.json, {"documents": args.documents, "examples": args.examples, "models": made})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

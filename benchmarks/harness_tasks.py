"""Tasks of lm-evaluation-harness over queries of the embedded tasks, as a user may have them, and models that differ in
how they read."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tokenizers
import yaml

from zeta_eval.tasks import get_task
from zeta_eval.testing import build_tiny_model

NAMES = ("zt_add", "zt_pick", "zt_word", "zt_picks")
"""Three tasks of three kinds, and a group."""
SCORES = {"zt_add": ("strict", "exact_match")}
"""Filter and metric that count; of all other tasks "none" and "acc"."""
Said = Callable[[str], str]
"""Prompt -> answer."""
TEMPLATE = (
    "{% for m in messages %}<user>{{ m.role }}: {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<answer>\n{% endif %}"
)


def tiny_models(folder: Path) -> dict[str, Path]:
    """Random models that write a start token: a plain one, one with a chat template, one with a short context."""
    kinds = {"start": {"context": 1024}, "chat": {"context": 1024, "chat_template": TEMPLATE}, "short": {"context": 90}}
    return {name: _with_start_token(build_tiny_model(Path(folder) / name, **how)) for name, how in kinds.items()}


def _with_start_token(folder: Path) -> Path:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.bos_token = "<unk>"
    tokenizer._tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="<unk> $A", pair="<unk> $A $B", special_tokens=[("<unk>", 1)]
    )
    tokenizer.save_pretrained(folder)
    return folder


def docs(kind: str, n: int, seed: int, said: Said | None = None) -> list[dict[str, Any]]:
    """Documents with a question, its answer, three wrong ones, and the place of the right one among the four."""
    rng = random.Random(seed)
    made = []
    for query in get_task(kind).load(limit=n, seed=seed):
        wrong = {query.target[::-1], query.target + "1", query.target[:-1] + "7", query.target[1:] or "3", "12", "9"}
        options = [query.target, *rng.sample(sorted(wrong - {query.target, ""}), 3)]
        rng.shuffle(options)
        made.append(
            {
                "question": query.prompt,
                "answer": said(query.prompt) if said and len(made) % 2 else str(query.target),
                "options": options,
                "place": options.index(query.target),
            }
        )
    return made


def write_tasks(folder: Path, n: int = 40, said: Said | None = None) -> Path:
    """Write tasks of three kinds, and a group of two; returns the folder.

    `said` gives the answer to every second prompt in place of the right one.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for kind in ("add", "count", "sort"):
        for split, seed, size in (("train", 1, 12), ("test", 0, n)):
            lines = [json.dumps(doc) for doc in docs(kind, size, seed, said)]
            (folder / f"{kind}_{split}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    write(folder, "zt_add", "add", **WRITTEN)
    write(folder, "zt_pick", "count", **PICKED)
    write(folder, "zt_word", "sort", **WEIGHED)
    write(folder, "zt_pick_add", "add", **PICKED)
    write(folder, "zt_pick_sort", "sort", **PICKED)
    group = {"group": "zt_picks", "task": ["zt_pick_add", "zt_pick_sort"], "aggregate_metric_list": [{"metric": "acc"}]}
    (folder / "zt_picks.yaml").write_text(yaml.safe_dump(group), encoding="utf-8")
    return folder


def write(folder: Path, name: str, kind: str, **more: Any) -> None:
    """Write one task over the documents of a kind."""
    files = {split: str(folder / f"{kind}_{split}.jsonl") for split in ("train", "test")}
    config = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": files},
        "training_split": "train",
        "test_split": "test",
        "metadata": {"version": 1.0},
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(config | more, sort_keys=False), encoding="utf-8")


def metric(name: str, aggregation: str = "mean", higher: bool = True) -> dict[str, Any]:
    return {"metric": name, "aggregation": aggregation, "higher_is_better": higher}


def pattern(name: str, regex: str) -> dict[str, Any]:
    steps = [{"function": "regex", "regex_pattern": regex}, {"function": "take_first"}]
    return {"name": name, "filter": steps}


WRITTEN = {
    "output_type": "generate_until",
    "doc_to_text": "{{question}}",
    "doc_to_target": "{{answer}}",
    "target_delimiter": "",
    "generation_kwargs": {"until": ["\n", "0"], "max_gen_toks": 12},
    "filter_list": [pattern("strict", r"^([0-9]{2,})$"), pattern("loose", r"([0-9])")],
    "metric_list": [metric("exact_match")],
}
"""A written answer that is read in two ways; its digits end at a 0."""
PICKED = {
    "output_type": "multiple_choice",
    "doc_to_text": "{{question}}",
    "doc_to_target": "place",
    "doc_to_choice": "{{options}}",
    "target_delimiter": "",
    "metric_list": [metric("acc"), metric("acc_norm")],
}
"""The likeliest of four given answers."""
WEIGHED = {
    "output_type": "loglikelihood",
    "doc_to_text": "{{question}}",
    "doc_to_target": "{{answer}}",
    "target_delimiter": "",
    "metric_list": [metric("perplexity", "perplexity", higher=False), metric("acc")],
}
"""Whether the right answer is the likeliest text; with a perplexity, which is no score."""

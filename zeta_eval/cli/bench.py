"""`zeta bench`: run every query on every size."""

from argparse import Namespace
from pathlib import Path

from zeta_eval.cli.options import HARNESS, JUDGE, TRACKED, harness, scorer, tracker
from zeta_eval.cli.verb import Result, verb
from zeta_eval.files import loaded

SUMMARY_COLUMNS = {
    "size": "size",
    "n_queries": "queries",
    "accuracy": "accuracy",
    "accuracy_se": "+-",
    "latency_p50_s": "p50 s",
    "latency_p95_s": "p95 s",
    "ttft_p50_s": "first token s",
    "tokens_per_s": "tokens/s",
    "gpu_s_mean": "gpu_s",
    "n_unparsed": "unparsed",
    "n_truncated": "cut off",
    "n_errors": "errors",
    "n_too_long": "too long",
}
"""Columns of a benchmark's summary that are printed, and how they are headed."""


@verb(
    "bench",
    "run every query on every size; goes on where an interrupted run stopped",
    example="bench --ladder qwen3 --tasks gsm8k,mmlu --limit 500 --out outcomes/qwen3",
    kept=lambda args: f"the rows so far are kept in {args.out}; the same command goes on there",
    arguments={
        "--ladder": {"required": True, "metavar": "L", "help": "embedded, qwen3, or a TOML file"},
        "--tasks": {
            "required": True,
            "metavar": "A,B",
            "help": "tasks, groups, tables, hub ids, .py or .toml files, lm-eval:NAME",
        },
        "--out": {"type": Path, "required": True, "metavar": "DIR", "help": "folder of the run"},
        "--limit": {"type": int, "metavar": "N", "help": "most queries per task (all)"},
        "--seed": {
            "type": int,
            "default": 0,
            "metavar": "N",
            "help": "seed of the queries' order and of drawn answers (%(default)s)",
        },
        "--max-new-tokens": {"type": int, "metavar": "N", "help": "longest answer in tokens (the ladder's)"},
        "--batch-size": {"type": int, "metavar": "N", "help": "queries per forward pass (found automatically)"},
        "--mcq": {
            "choices": ["generate", "logits"],
            "default": "generate",
            "help": "answer multiple-choice queries in words, or by the likeliest letter after one pass (%(default)s)",
        },
        "--temperature": {
            "type": float,
            "default": 0.0,
            "metavar": "T",
            "help": "draw answers at this temperature; 0 takes the likeliest token (%(default)s)",
        },
        "--attempts": {
            "type": int,
            "default": 1,
            "metavar": "K",
            "help": "answers to each query, each a row (%(default)s)",
        },
        "--scorer": {
            "metavar": "S",
            "help": "grades tasks of files: a scorer's name, FILE.py:NAME, judge:RUNG, or judge:MODEL@URL (auto)",
        },
        **JUDGE,
        "--columns": {"metavar": "C", "help": "columns of tables: prompt=question,target=answer (recognised)"},
        "--system": {"default": "", "metavar": "TEXT", "help": "system message before every prompt (none)"},
        "--fewshot": {
            "type": int,
            "metavar": "N",
            "help": "answered examples before each prompt of a table or an lm-eval: task (none; the task's own)",
        },
        **HARNESS,
        "--reuse": {
            "action": "append",
            "default": [],
            "type": Path,
            "metavar": "DIR",
            "help": "take the same answers over from another run's folder instead of asking again",
        },
        "--retry": {
            "action": "append",
            "default": [],
            "metavar": "W",
            "help": "ask rows of a finished run again: truncated (with a larger --max-new-tokens), errors",
        },
        **TRACKED,
    },
)
def _bench(args: Namespace) -> Result:
    from zeta_eval import api
    from zeta_eval.api.tables import judged
    from zeta_eval.evaluation.attempts import AttemptsReport
    from zeta_eval.models import GenerateConfig, Ladder
    from zeta_eval.outcomes import summary
    from zeta_eval.outcomes.latency import latency_note
    from zeta_eval.tasks import resolve_tasks

    ladder = loaded(Ladder, args.ladder)
    longest = ladder.max_new_tokens if args.max_new_tokens is None else args.max_new_tokens
    config = GenerateConfig(
        max_new_tokens=longest,
        batch_size=args.batch_size,
        mcq=args.mcq,
        temperature=args.temperature,
        seed=args.seed,
        attempts=args.attempts,
    )
    grading = scorer(args, cache=args.out / "judge.db")
    tasks = resolve_tasks(
        args.tasks,
        scorer=grading,
        columns=args.columns,
        system=args.system,
        fewshot=args.fewshot,
        seed=args.seed,
        harness=harness(args),
    )
    notes = list(dict.fromkeys(t.note for t in tasks if t.note))
    outcomes = api.benchmark(
        ladder,
        tasks,
        out=args.out,
        limit=args.limit,
        seed=args.seed,
        config=config,
        scorer=grading,
        tracker=tracker(args),
        retry=args.retry,
        reuse=args.reuse,
    )
    if args.log_samples is not None:
        api.log_samples(args.out, tasks, out=args.log_samples)
    table = summary(outcomes)
    shown = table[list(SUMMARY_COLUMNS)].rename(columns=SUMMARY_COLUMNS)
    note = latency_note(outcomes.frame, outcomes.sizes)
    parts = [*notes, ""] if notes else []
    parts += [shown.to_string(index=False, float_format="{:.4g}".format), ""]
    parts += [f"Note: {note}"] if note else []
    tried = AttemptsReport.of(outcomes, seed=args.seed)
    parts += [tried.text(), ""] if tried else []
    warnings = [outcomes.truncation_note] if outcomes.truncation_note else []
    data = {"sizes": table.to_dict("records"), "warnings": warnings, "n": len(outcomes), "outcomes": str(args.out)}
    data |= {"read": notes} if notes else {}
    data |= {"attempts": tried.to_dict()} if tried else {}
    if hasattr(grading, "use"):
        said = judged(grading, ladder.sizes, [spec.model for spec in ladder.models])
        parts += [*said, ""]
        data |= {"judge": grading.to_dict()}
        grading.close()
    text = "\n".join([*parts, repr(outcomes), f"Outcomes: {args.out}"])
    right = [f"{s} {x:.1%}" for s, x in zip(table["size"], table["accuracy"], strict=True) if x == x]
    line = f"{len(outcomes)} queries, right: {', '.join(right) or 'not known'}; kept in {args.out}"
    return Result(report=outcomes, text=text, data=data, notes=tuple(notes), said=line)

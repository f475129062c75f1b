"""Writes the answers of a benchmark in lm-evaluation-harness's own log format.

The harness's own `evaluate` runs on a model that repeats the stored answers, and its own tracker writes what comes of
it. So the files are those of `lm_eval --log_samples`, with all filters and metrics.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from zeta_eval.exceptions import InvalidInputError, OutputError, one_line
from zeta_eval.tasks.harness.loading import EXTRA, SEEDS, no_hub_code, quiet
from zeta_eval.tasks.harness.queries import HarnessQueries
from zeta_eval.tasks.harness.requests import turns

NOTHING: Final = (float("-inf"), False)
"""Weight of a given answer where a query failed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """The answers of one size to some tasks."""

    size: str
    """Name of the size: the model's name in the log."""
    model: str
    """Hub id, folder or served name of its model."""
    chat: bool
    """Whether it was asked in turns of a conversation."""
    responses: Mapping[str, str | None]
    """Response by query id; None where the query failed."""


def write_log(answers: Answers, tasks: Sequence[HarnessQueries], folder: Path) -> int:
    """Write the log of one size; returns the number of queries that failed, which the log leaves out.

    The harness's own figures, in the results file, count these as wrong.

    Raises:
        OutputError: the files can't be written.
    """
    try:
        from lm_eval.loggers import EvaluationTracker
    except ImportError as e:
        raise InvalidInputError(EXTRA) from e
    results: dict[str, Any] = {"config": {"model": "zeta-eval", "model_args": {"pretrained": answers.model}}}
    samples: dict[str, list[dict[str, Any]]] = {}
    failed = 0
    with quiet(), no_hub_code():
        for task in tasks:
            if not (known := _by_document(task, answers.responses)):
                continue
            try:
                found = _evaluated(task, known, chat=answers.chat)
            except Exception as e:  # a task's functions may raise anything
                raise OutputError(
                    f"The log of task '{task.name}' can't be made of the answers of size '{answers.size}' "
                    f"({one_line(e)}); the table is whole without it."
                ) from e
            samples |= found.pop("samples")
            for key, value in found.items():
                results[key] = {**results.get(key, {}), **value} if isinstance(value, dict) else value
            failed += sum(response is None for response in known.values())
            samples[task.name] = [s for s in samples[task.name] if known.get(s["doc_id"]) is not None]
        tracker = EvaluationTracker(output_path=str(folder))
        tracker.general_config_tracker.log_experiment_args(
            model_source="zeta-eval",
            model_args={"model": answers.size},
            system_instruction=tasks[0].asking.system or None,
            chat_template=None,
            fewshot_as_multiturn=answers.chat,
        )
        tracker.save_results_aggregated(results=results, samples=samples)
        for name, its in samples.items():
            tracker.save_results_samples(task_name=name, samples=its)
    _check_written(folder, answers.size, samples)
    return failed


def _by_document(task: HarnessQueries, responses: Mapping[str, str | None]) -> dict[int, str | None]:
    """The responses to a task, by the number of the document."""
    start = f"{task.name}:"
    return {
        int(query_id.removeprefix(start).partition(":")[0]): response
        for query_id, response in responses.items()
        if query_id.startswith(start)
    }


def _evaluated(task: HarnessQueries, known: Mapping[int, str | None], *, chat: bool) -> dict[str, Any]:
    """What the harness makes of the answers to a task."""
    from lm_eval.evaluator import evaluate

    task.task.set_fewshot_seed(seed=SEEDS[2])
    found: dict[str, Any] = evaluate(
        lm=_repeater(known),
        task_dict={"tasks": {task.name: task.task}, "groups": {}},
        limit=max(known) + 1,
        bootstrap_iters=0,  # standard errors of odd metrics take minutes
        log_samples=True,
        system_instruction=task.asking.system or None,
        apply_chat_template=chat and task.asking.chat,
        fewshot_as_multiturn=True,
    )
    return found


def _repeater(known: Mapping[int, str | None]) -> Any:
    """A model of the harness that repeats answers, by the number of the document."""
    from lm_eval.api.model import LM

    class Repeater(LM):  # type: ignore[misc]  # the harness has no types
        """Answers each request with what is stored for it."""

        tokenizer_name = ""

        def generate_until(self, requests: Iterable[Any]) -> list[str]:
            return [known.get(r.doc_id) or "" for r in requests]

        def loglikelihood(self, requests: Iterable[Any]) -> list[tuple[float, bool]]:
            return [self._weight(r) for r in requests]

        def loglikelihood_rolling(self, requests: Iterable[Any]) -> list[float]:
            raise NotImplementedError  # such tasks are refused

        def apply_chat_template(self, messages: Any, add_generation_prompt: bool = True) -> str:
            return turns(messages, add_generation_prompt)

        def _weight(self, request: Any) -> tuple[float, bool]:
            response = known.get(request.doc_id)
            total, likeliest = NOTHING if response is None else json.loads(response)[request.idx]
            return float(total), bool(likeliest)

    return Repeater()


def _check_written(folder: Path, size: str, samples: Mapping[str, Any]) -> None:
    """Raise where the harness's tracker, which tells of no failure, has not written a file."""
    for name in samples:
        if not list(folder.rglob(f"samples_{name}_*.jsonl")):
            raise OutputError(
                f"The log of size '{size}' in {folder} can't be written; make room, or name another folder."
            )

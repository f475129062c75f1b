"""The queries of a task of lm-evaluation-harness, with the ids and texts that `zeta import lm-eval` gives its logs."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.outcomes.importers.lm_eval_query import identity, prompt
from zeta_eval.outcomes.importers.lm_eval_query import query as query_of
from zeta_eval.outcomes.importers.texts import digest
from zeta_eval.tasks.base import Query, Score
from zeta_eval.tasks.harness.grading import choose, scored
from zeta_eval.tasks.harness.loading import SEEDS
from zeta_eval.tasks.harness.requests import Asking, Request, check_generation, reading, requests
from zeta_eval.tasks.harness.settings import PREFIX, HarnessSettings


class HarnessQueries:
    """Makes the queries of a task in the task's own order, and scores their answers by the harness's metric."""

    def __init__(self, task: Any, settings: HarnessSettings, *, system: str = "", fewshot: int | None = None) -> None:
        """Take a task of the harness; `fewshot` is the number of examples, None for the task's own.

        Raises:
            InvalidInputError: a task that can't be asked or scored query by query.
        """
        self.task = task
        self.name: str = task.config.task
        _check(task)
        check_generation(task)
        _set_fewshot(task, fewshot)
        self.asking = Asking(system=system, chat=settings.chat_template != "off")
        self.choice = choose(task, self._first(), settings)
        graded = f"{self.choice.filter}, {self.choice.metric}"
        self.asking = replace(self.asking, graded=graded)
        self.note = ""
        """What is said about the task in one line."""
        self._requests: dict[str, Request] = {}

    def __call__(self, seed: int) -> Iterator[Query]:
        """The queries in the task's order, whatever the seed, so that the first n are those of `lm_eval --limit n`."""
        self.task.set_fewshot_seed(seed=SEEDS[2])
        for doc_id, doc, request in requests(self.task, self.asking):
            with reading(self.task, doc_id):
                target = self.task.doc_to_target(doc)
                sample = _sample(doc, request, target)
            query_id = f"{self.name}:{doc_id}:{digest(identity(sample))}"
            self._requests[query_id] = request
            yield Query(
                prompt=query_of(sample) or prompt(sample) or "",
                target=_target(self.task, doc, target),
                query_id=query_id,
                stop=request.stop,
                max_new_tokens=request.max_new_tokens,
                asked=request.asked,
            )

    def score(self, query: Query, response: str) -> Score:
        """Grade a response to one of these queries."""
        return scored(self.task, self._requests[query.query_id], self.choice, response)

    def _first(self) -> Request:
        """The request of the first document."""
        self.task.set_fewshot_seed(seed=SEEDS[2])
        return next(request for _, _, request in requests(self.task, self.asking))

    @property
    def settings(self) -> dict[str, Any]:
        """How the queries are made and scored, for the record of a run."""
        from lm_eval import __version__

        return {
            "fewshot": self.task.config.num_fewshot,
            "chat_template": "auto" if self.asking.chat else "off",
            "filter": self.choice.filter,
            "metric": self.choice.metric,
            "lm_eval": __version__,
        }

    @property
    def told(self) -> str:
        """How the task is asked and scored, in words."""
        shots = self.task.config.num_fewshot
        said = [f"{shots} example{'s' * (shots != 1)}", self.choice.told]
        if left := self.choice.left:
            said.append(f"not scores: {', '.join(f'{metric} {why}' for metric, why in left.items())}")
        return "; ".join(said)


def _check(task: Any) -> None:
    """Refuse tasks that run what models write, show pictures, or have no score per query."""
    name = f"{PREFIX}{task.config.task}"
    if getattr(task, "UNSAFE_CODE", False):
        raise InvalidInputError(f"Task '{name}' runs code that models write (unsafe_code); leave it out.")
    if getattr(task, "MULTIMODAL", False):
        raise InvalidInputError(f"Task '{name}' shows pictures or sound, which no size here takes; leave it out.")
    if task.OUTPUT_TYPE == "loglikelihood_rolling":
        raise InvalidInputError(
            f"Task '{name}' measures the perplexity of texts, of which no answer can be scored; leave it out."
        )


def _set_fewshot(task: Any, fewshot: int | None) -> None:
    """Set the number of examples as `lm_eval.simple_evaluate` does: a task that says 0 keeps 0."""
    own = task.config.num_fewshot
    if own is None or (fewshot is not None and own != 0):
        task.set_config(key="num_fewshot", value=fewshot or 0)


def _sample(doc: Any, request: Request, target: Any) -> dict[str, Any]:
    """What the harness's log says of a document, as far as its query and identity need it."""
    from lm_eval.utils import handle_non_serializable, hash_string

    written = json.dumps(doc, indent=2, default=handle_non_serializable, ensure_ascii=False)
    arguments = [[arg for arg in i.args if isinstance(arg, str)] for i in request.instances]
    return {"doc": doc, "target": str(target), "arguments": arguments, "doc_hash": hash_string(written)}


def _target(task: Any, doc: Any, target: Any) -> str | tuple[str, ...]:
    """The right answer as a text, or several; the number of a choice becomes its text."""
    if isinstance(target, list):
        found = [_target(task, doc, one) for one in target]
        return tuple(text for one in found for text in ([one] if isinstance(one, str) else one)) or ""
    if isinstance(target, int) and task.OUTPUT_TYPE == "multiple_choice" and not getattr(task, "multiple_input", 0):
        choices = task.doc_to_choice(doc)
        return str(choices[target]) if 0 <= target < len(choices) else str(target)
    return str(target)

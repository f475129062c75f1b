"""Which filter and metric of a task of lm-evaluation-harness is the score, and the score of an answer by them.

The first filter and metric count, as they stand in the task, whose values are numbers from 0 to 1 per query and whose
mean is the harness's own figure; metrics that are better when lower come last. `zeta import lm-eval` chooses alike.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from zeta_eval.exceptions import InvalidInputError, UnknownNameError, one_line
from zeta_eval.tasks.base import Score
from zeta_eval.tasks.harness.loading import no_hub_code
from zeta_eval.tasks.harness.requests import Request
from zeta_eval.tasks.harness.settings import PREFIX, HarnessSettings

MEANS: Final = ("mean", "nanmean")
"""Names of functions that make a task's figure from its queries' scores by their mean."""
INVALID: Final = "[invalid]"
"""What the harness's filters put for an answer that they can't find."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The filter and metric that are the score of a task."""

    filter: str
    """Name of the filter."""
    metric: str
    """Name of the metric."""
    turned: bool = False
    """Whether the score is 1 less the metric, which is better when lower."""
    others: tuple[tuple[str, str], ...] = ()
    """Other filters and metrics that could be chosen."""
    left: Mapping[str, str]
    """Metrics that can't be a score, and why."""

    @property
    def told(self) -> str:
        """The choice in words."""
        under = f" under filter {self.filter}" if self.filter != "none" else ""
        said = f"score is {'1 less ' if self.turned else ''}metric {self.metric}{under}"
        words = [
            f"--{kind} {' or '.join(names)}"
            for kind, at, own in (("filter", 0, self.filter), ("metric", 1, self.metric))
            if (names := list(dict.fromkeys(pair[at] for pair in self.others if pair[at] != own)))
        ]
        return said + (f" (for another: {', '.join(words)})" if words else "")


def choose(task: Any, request: Request, settings: HarnessSettings) -> Choice:
    """Choose by trying the metrics on an answer to a task's first document.

    Raises:
        InvalidInputError: no metric can be a score, or the chosen one can't.
        UnknownNameError: the task has no such filter or metric.
    """
    name = task.config.task
    left = dict.fromkeys(_without_hub_metrics(task), "is a script on the hub, which is not run")
    gold = json.dumps([[-1.0, False]] * len(request.instances)) if request.asked.weighs else _gold(task, request)
    try:
        values = measured(task, request, gold)
    except Exception as e:  # a task's functions may raise anything
        raise InvalidInputError(
            f"The metrics of task '{PREFIX}{name}' can't be tried ({one_line(e)}); leave it out."
        ) from e
    names = list(values)
    for at, kind in ((0, "filter"), (1, "metric")):
        wanted = settings.chosen("filter" if at == 0 else "metric", name)
        if wanted is not None and wanted not in {pair[at] for pair in names}:
            raise UnknownNameError(f"{kind} of task '{PREFIX}{name}':", wanted, {pair[at] for pair in names})
        names = [pair for pair in names if wanted in (None, pair[at])]
    higher = task.higher_is_better()
    left |= {pair[1]: why for pair in values if (why := _unfit(task, pair[1], values[pair]))}
    fit = sorted((pair for pair in names if pair[1] not in left), key=lambda pair: higher.get(pair[1]) is False)
    if not fit:
        said = "; ".join(f"{metric} {why}" for metric, why in left.items())
        raise InvalidInputError(f"Task '{PREFIX}{name}' has no score per query ({said}); leave it out.")
    others = tuple(pair for pair in values if pair != fit[0] and pair[1] not in left)
    turned = higher.get(fit[0][1]) is False
    return Choice(filter=fit[0][0], metric=fit[0][1], turned=turned, others=others, left=left)


def scored(task: Any, request: Request, choice: Choice, response: str) -> Score:
    """Score of a response; a ValueError where the metric gives none for it."""
    values = measured(task, request, response)
    value = _number(values[choice.filter, choice.metric])
    if value is None or not 0 <= value <= 1:
        raise ValueError(f"metric {choice.metric} is {value}, no score from 0 to 1")
    kept = request.instances[0].filtered_resps[choice.filter]
    lost = not request.asked.weighs and _first(kept) == INVALID
    return Score(1 - value if choice.turned else value, unparsed=lost)


def measured(task: Any, request: Request, response: str) -> dict[tuple[str, str], Any]:
    """The values of a response by filter and metric, in the task's order, as `lm_eval.evaluator.evaluate` has them."""
    instances = list(request.instances)
    given = [tuple(pair) for pair in json.loads(response)] if request.asked.weighs else [response]
    for instance, answer in zip(instances, given, strict=True):
        instance.resps = [answer]
        instance.filtered_resps = {}
    found: dict[tuple[str, str], Any] = {}
    with no_hub_code():
        for ensemble in task._filters:
            ensemble.apply(instances)
        for name in instances[0].filtered_resps:
            results = task.process_results(instances[0].doc, [i.filtered_resps[name] for i in instances])
            found |= {(name, metric): value for metric, value in results.items()}
    return found


def _without_hub_metrics(task: Any) -> list[str]:
    """Take away a task's metrics that could not be loaded, since they are scripts on the hub; return their names."""
    metrics = getattr(task, "_metric_fn_list", {})
    lost = [name for name, function in metrics.items() if function is None and not task.config.process_results]
    for name in lost:
        del metrics[name]
    return lost


def _gold(task: Any, request: Request) -> str:
    """The right answer as a text, to try metrics on."""
    return _text(task.doc_to_target(request.instances[0].doc))


def _text(target: Any) -> str:
    return _text(target[0]) if isinstance(target, Sequence) and not isinstance(target, str) and target else str(target)


def _unfit(task: Any, metric: str, value: Any) -> str:
    """Why a metric can't be the score of single queries; "" where it can."""
    aggregation = task.aggregation().get(metric)
    how = getattr(aggregation, "__name__", str(aggregation))
    if aggregation is not None and how not in MEANS:
        return f"counts over all queries together ({how})"
    number = _number(value)
    if number is None:
        return f"gives a {type(value).__name__}, no number"
    return "" if 0 <= number <= 1 or math.isnan(number) else f"is {number:g}, not from 0 to 1"


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, bool | int | float | np.bool_ | np.number) else None


def _first(values: Any) -> Any:
    """The text in a nest of lists, or what stands in front."""
    while isinstance(values, list) and values:
        values = values[0]
    return values

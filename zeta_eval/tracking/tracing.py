"""Traces of routed queries in MLflow: the choice, each size's answer, and why it went on or stopped."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from zeta_eval.router import Answer, Decision, Routed, Step, ZetaDynamicRouter
from zeta_eval.tracking.tracker import MlflowTracker


class TracedRouter(ZetaDynamicRouter):
    """A router whose `generate` leaves a trace in an MLflow store; about 2 ms a query.

    The trace's root span "zeta" holds the query and the answer kept; below it are "route" with size, chances and
    reasons, and a span "generate SIZE" for every call, each with what was decided after it.
    """

    def __init__(self, router: ZetaDynamicRouter, tracker: MlflowTracker) -> None:
        """Trace what a router does into the tracker's store and experiment; opens them."""
        import mlflow

        tracker.open()
        mlflow.set_tracking_uri(tracker.uri)
        mlflow.set_experiment(tracker.experiment)
        self.__dict__.update(router.__dict__)

    def route(self, text: str, *, task: str | None = None, cost_weight: float | None = None) -> Decision:
        """As in `ZetaDynamicRouter`, in a span within a trace of `generate`."""
        import mlflow

        if mlflow.get_current_active_span() is None:
            return super().route(text, task=task, cost_weight=cost_weight)
        with mlflow.start_span("route") as span:
            decision = super().route(text, task=task, cost_weight=cost_weight)
            span.set_outputs({"size": decision.size, "p": dict(decision.p), "reasons": list(decision.reasons)})
        return decision

    def generate(
        self,
        text: str,
        answer: Mapping[str, Callable[[str], Answer]],
        *,
        task: str | None = None,
        cost_weight: float | None = None,
        max_latency_s: float = math.inf,
        on_step: Callable[[Step, str], None] | None = None,
    ) -> Routed:
        """As in `ZetaDynamicRouter`, traced."""
        import mlflow

        with mlflow.start_span("zeta") as root:
            root.set_inputs({"query": text, "task": task})
            routed = super().generate(
                text,
                {size: _traced(size, function) for size, function in answer.items()},
                task=task,
                cost_weight=cost_weight,
                max_latency_s=max_latency_s,
                on_step=on_step,
            )
            root.set_outputs({"size": routed.size, "answer": routed.text, "reasons": list(routed.reasons)})
            root.set_attributes({"policy": routed.decision.policy, "latency_s": routed.latency_s})
        return routed


def _traced(size: str, function: Callable[[str], Answer]) -> Callable[[str], Answer]:
    def call(text: str) -> Answer:
        import mlflow

        with mlflow.start_span(f"generate {size}", span_type="LLM") as span:
            result = function(text)
            span.set_outputs({"answer": result.text, "error": result.error, "mean_logprob": result.mean_logprob})
        return result

    return call

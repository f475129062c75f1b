"""A router that leaves a trace of every query that it answers in MLflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.tracking.tracker import MlflowTracker


class TracedRouter(ZetaDynamicRouter):
    """A router whose `generate` leaves a trace in an MLflow store, which takes about 2 ms a query.

    The trace's root span "zeta" holds the query, the answer kept and the reason after each step. Below it are "route"
    with size, chances and reasons, and a span "generate SIZE" for every call.
    """

    def __init__(self, router: ZetaDynamicRouter, tracker: MlflowTracker) -> None:
        """Trace what a router does into the tracker's store and experiment; opens them."""
        import mlflow

        tracker.open()
        mlflow.set_tracking_uri(tracker.uri)
        mlflow.set_experiment(tracker.experiment)
        self.__dict__.update(router.__dict__)

    @contextmanager
    def _span(self, name: str, inputs: Mapping[str, object]) -> Iterator[Callable[[Mapping[str, object]], None]]:
        import mlflow

        with mlflow.start_span(name, span_type="LLM" if name.startswith("generate ") else "UNKNOWN") as span:
            span.set_inputs(dict(inputs))
            yield lambda outputs: span.set_outputs({name: _plain(value) for name, value in outputs.items()})


def _plain(value: object) -> object:
    """A value as a span holds it: mappings and sequences of a decision as dict and list."""
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value

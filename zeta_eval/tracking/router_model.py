"""The model file of a registered policy (models from code): MLflow runs it to serve a version, nothing is pickled."""

from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from zeta_eval.router import Decision, ZetaDynamicRouter


class DynamicRouterModel(PythonModel):
    """Routes queries by the policy file among the model's artifacts."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the policy."""
        self._router = ZetaDynamicRouter.load(context.artifacts["policy"])

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Choose a size for each row's `query`, and `task` where there is one.

        One row per query: size, score (the complexity), p (by size, in [0, 1]), reasons.
        """
        tasks = model_input["task"] if "task" in model_input else [None] * len(model_input)
        named = [task if isinstance(task, str) else None for task in tasks]
        made = [self._router.route(q, task=t) for q, t in zip(model_input["query"], named, strict=True)]
        return pd.DataFrame([_row(decision) for decision in made], columns=["size", "score", "p", "reasons"])


def _row(decision: Decision) -> dict[str, Any]:
    return {
        "size": decision.size,
        "score": decision.complexity.score,
        "p": dict(decision.p),
        "reasons": list(decision.reasons),
    }


mlflow.models.set_model(DynamicRouterModel())

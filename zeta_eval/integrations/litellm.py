"""LiteLLM's proxy choosing by a policy: a classifier for its complexity router, and a callback for any model group.

`classifier` and `callback` are made when the proxy's configuration first names them, by the environment variables of
`zeta_eval.integrations.chooser`. Interfaces are those of litellm 1.108: `ClassifierPlugin` and `RoutingContext` in
litellm/types/router.py, `CustomLogger.async_pre_call_hook` in litellm/integrations/custom_logger.py.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any, Final

from litellm.integrations.custom_logger import CustomLogger

from zeta_eval.exceptions import ZetaError, one_line
from zeta_eval.integrations.chooser import Choice, Chooser

MODELS, TIERS_OF = "ZETA_MODELS", "ZETA_TIERS"
"""Environment variables with the proxy's model group of each size, and the complexity router's tier of each size."""

GROUPS: Final = "ZETA_GROUPS"
"""Environment variable that names the model groups for which the callback chooses, with commas; "zeta" by default."""

TIERS: Final = ("SIMPLE", "MEDIUM", "COMPLEX", "REASONING")
"""Tiers of the complexity router, which up to four sizes take in turn, the cheapest first."""

ID_HEADER, SIZE_HEADER = "x-zeta-id", "x-zeta-size"
"""Headers of a reply that say what was chosen."""

_NOTE = "zeta_choice"


class Classifier:
    """Names the tier of a request: `classifier_plugin` where the complexity router's `classifier_type` is `custom`."""

    def __init__(self, chooser: Chooser) -> None:
        """Classify by a chooser, whose names of the sizes are the tiers."""
        self._chooser = chooser

    async def classify(self, context: Any) -> str | None:
        """Return the tier of a request's messages, or None, which leaves it to the router's own fallback."""
        choice = _chosen(self._chooser, context.structured_messages)
        return None if choice is None else choice.name

    def __deepcopy__(self, memo: dict[int, object]) -> Classifier:
        """Stay one: a router that copies its configuration goes on with the same history."""
        return self


class Callback(CustomLogger):  # type: ignore[misc]  # litellm is not there where types are checked
    """Puts the chosen size's model group in the place of the one that a request asks for."""

    def __init__(self, chooser: Chooser, groups: frozenset[str]) -> None:
        """Choose for requests to some model groups."""
        super().__init__()
        self._chooser, self._groups = chooser, groups

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str
    ) -> dict[str, Any] | None:
        """Return the request with the chosen group, or None, which leaves it with the group it asks for."""
        query = data.get("messages") or data.get("prompt")
        if data.get("model") not in self._groups or not query:
            return None
        choice = _chosen(self._chooser, query)
        if choice is None:
            return None
        said = {"id": choice.decision_id, "size": choice.decision.size}
        metadata = {**(data.get("metadata") or {}), _NOTE: said}
        return {**data, "model": choice.name, "metadata": metadata}

    async def async_post_call_response_headers_hook(
        self,
        data: dict[str, Any],
        user_api_key_dict: Any,
        response: object,
        request_headers: dict[str, str] | None = None,
        litellm_call_info: dict[str, object] | None = None,
    ) -> dict[str, str] | None:
        """Say in the reply's headers what was chosen."""
        note = (data.get("metadata") or {}).get(_NOTE)
        if not isinstance(note, Mapping):
            return None
        headers = {SIZE_HEADER: str(note["size"]), ID_HEADER: note["id"]}
        return {name: value for name, value in headers.items() if value is not None}


def _chosen(chooser: Chooser, query: Any) -> Choice | None:
    """The choice for a query; None, and a line in the log, where it is none."""
    try:
        return chooser.choose(query)
    except ZetaError as e:
        logging.getLogger(__name__).warning("No size was chosen for a request: %s", one_line(e))
        return None


def _classifier() -> Classifier:
    return Classifier(Chooser.of_environment(TIERS_OF, TIERS))


def _callback() -> Callback:
    groups = frozenset(name.strip() for name in os.environ.get(GROUPS, "zeta").split(",") if name.strip())
    return Callback(Chooser.of_environment(MODELS), groups)


_MADE = {"classifier": _classifier, "callback": _callback}


def __getattr__(name: str) -> Any:
    """Make `classifier` or `callback` when it is first asked for, so that an import does no work."""
    if name not in _MADE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = globals()[name] = _MADE[name]()
    return made

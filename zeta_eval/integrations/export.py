"""A policy in the format of another router, where that format can say what the policy does.

LiteLLM's complexity router counts keywords and characters, and vLLM Semantic Router matches keywords, domains of a
classifier of its own, and similarities of its own embeddings. Neither has a place for the chances that a policy was
fitted to, for its costs, or for what it makes of an answer. So a policy that sends every query to one size can be
said in both, and any other in none.

Formats: `model_list` of LiteLLM's proxy (1.108), `providers` of vLLM Semantic Router (configuration v0.3, vllm-sr 0.4).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.files import to_json, write_json
from zeta_eval.integrations.single_size import alone, only_size
from zeta_eval.models import Ladder, ModelSpec
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.router.policy_file import NOT_PROVEN

INSTEAD: Final = {
    "litellm": "let LiteLLM ask the policy (docs/litellm.md), or use `zeta serve`",
    "vllm-sr": "use `zeta serve`",
}
"""What to do where a format can't say a policy, by format."""

CARRIED: Final = frozenset({"size", "model", "base_url", "api_key_env", "role", "context", "concurrency", "timeout_s"})
"""Settings of a rung that are carried over, or that say nothing of what is asked of the model."""
_ONLY_HERE = frozenset({"revision", "dtype", "device_map", "compile", "continuous", "retries", "start_timeout_s"})
_PRICES = frozenset({"usd_per_gpu_hour", "usd_per_mtok", "usd_per_mtok_in", "usd_per_mtok_out"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """What a format says of a policy."""

    target: str
    """Name of the format."""
    size: str
    """The size that takes every query."""
    config: Mapping[str, Any]
    """The other router's configuration."""

    def save(self, path: str | Path) -> Path:
        """Write the configuration as JSON, which is YAML as well; returns the path."""
        return write_json(path, self.config)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"target": self.target, "size": self.size, "config": dict(self.config)}

    def text(self) -> str:
        """What was made, in words, and the configuration."""
        return f"{self.size} takes every query.\n\n{to_json(self.config)}"


def export(policy: RoutingPolicy, ladder: Ladder, to: str, *, single: bool = False) -> Export:
    """Say a policy in another router's format.

    Args:
        policy: The policy.
        ladder: The models behind its sizes, with the addresses of their servers.
        to: The format, "litellm" or "vllm-sr".
        single: Say instead the single size that the policy's verdict names, where routing was not proven to pay.

    Raises:
        InvalidInputError: the format can't say what the policy does, or lacks an address.
    """
    try:
        size = alone(policy) if single else only_size(policy)
    except InvalidInputError as e:
        advice = f"Or --alone: {policy.verdict.best_single_size}, as its verdict says."
        more = advice if policy.verdict.status == NOT_PROVEN and policy.verdict.best_single_size and not single else ""
        raise InvalidInputError(f"{to} can't express it: {e}. Instead {INSTEAD[to]}. {more}".rstrip()) from e
    return Export(target=to, size=size, config=TARGETS[to](_spec(ladder, size)))


def _spec(ladder: Ladder, size: str) -> ModelSpec:
    """The rung of a size, which must have an address and no settings that would be lost."""
    spec = next((m for m in ladder.models if m.size == size), None)
    if spec is None or not spec.addresses:
        raise InvalidInputError(
            f"Ladder '{ladder.name}' has no server for size '{size}', whose address to write; add a base_url."
        )
    known = CARRIED | _ONLY_HERE | _PRICES
    plain = ModelSpec(size=spec.size, model=spec.model)
    lost = [f.name for f in fields(spec) if f.name not in known and getattr(spec, f.name) != getattr(plain, f.name)]
    if lost:
        raise InvalidInputError(f"The settings {', '.join(lost)} of '{size}' would be lost; `zeta serve` keeps them.")
    return spec


def litellm_config(spec: ModelSpec) -> dict[str, Any]:
    """The model group `zeta` of LiteLLM's proxy, with one deployment for each server."""
    key = f"os.environ/{spec.api_key_env}" if spec.api_key_env in os.environ else "none"
    params = [{"model": f"openai/{spec.model}", "api_base": at, "api_key": key} for at in spec.addresses]
    return {"model_list": [{"model_name": "zeta", "litellm_params": p} for p in params]}


def vllm_sr_config(spec: ModelSpec) -> dict[str, Any]:
    """A configuration of vLLM Semantic Router with one model, which takes what no decision takes: everything."""
    key = {"api_key_env": spec.api_key_env} if spec.api_key_env in os.environ else {}
    servers = [
        {"name": f"server-{n}", "base_url": at, "provider": "openai", "weight": 100, **key}
        for n, at in enumerate(spec.addresses, 1)
    ]
    model = {"name": spec.size, "provider_model_id": spec.model, "api_format": "openai", "backend_refs": servers}
    return {
        "version": "v0.3",
        "listeners": [{"name": "http-8899", "address": "127.0.0.1", "port": 8899, "timeout": "300s"}],
        "providers": {"defaults": {"model": spec.size}, "models": [model]},
        "routing": {"modelCards": [{"name": spec.size}]},
    }


TARGETS: Final[dict[str, Callable[[ModelSpec], dict[str, Any]]]] = {
    "litellm": litellm_config,
    "vllm-sr": vllm_sr_config,
}
"""Writes a configuration that sends every query to a rung, by format."""

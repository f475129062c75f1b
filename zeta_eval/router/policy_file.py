"""The policy file: versioned JSON with a checksum, and the parts of a policy it holds. Standard library only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from zeta_eval.exceptions import InvalidInputError, PolicyError, value_shown
from zeta_eval.router.cascade import Look, Posterior
from zeta_eval.router.checked_file import CheckedFile
from zeta_eval.router.context import TokenRates, room
from zeta_eval.router.domain import Domain
from zeta_eval.router.estimators import estimator_of, estimator_to_dict
from zeta_eval.router.estimators.costs import CostModel
from zeta_eval.router.estimators.tables import finite
from zeta_eval.router.shapes import WHOLE, check_shapes

_P = TypeVar("_P")


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """One size of a policy: what it costs and what it can hold."""

    size: str
    """Name of the size."""
    cost: float
    """Mean cost of a query, as a share of the largest size's mean cost; >= 0."""
    latency_s: float | None = None
    """Mean batch-1 latency seen when the policy was tuned, in seconds."""
    context: int | None = None
    """Most tokens of a query and its answer together; None where it is not known: any query goes."""
    answer_tokens: float | None = None
    """Tokens that 95 % of its answers take at most; None keeps a default for them."""
    prefill: float | None = None
    """Cost of reading a token, as a share of the largest size's mean cost per query; None where it is not known."""

    def __post_init__(self) -> None:
        if not finite(self.cost) or self.cost < 0:
            raise PolicyError(f"Size '{self.size}' costs {self.cost!r}; give a finite cost of at least 0.")
        if self.context is not None and (not isinstance(self.context, int) or not 1 <= self.context <= WHOLE):
            raise PolicyError(
                f"Size '{self.size}' has context {value_shown(self.context)}; give a number of tokens or null."
            )
        if self.answer_tokens is not None and (not finite(self.answer_tokens) or self.answer_tokens < 0):
            raise PolicyError(f"Size '{self.size}' has answer_tokens {self.answer_tokens!r}; give a number or null.")
        if self.prefill is not None and (not finite(self.prefill) or self.prefill < 0):
            raise PolicyError(f"Size '{self.size}' has prefill {self.prefill!r}; give a number or null.")

    @property
    def room(self) -> float | None:
        """Most tokens of a prompt, beside the answer; None where the context is not known."""
        return room(self.context, self.answer_tokens)


PROVEN, IN_PART, NOT_PROVEN = "proven", "proven in part", "not proven on this data"
"""What a verdict may say once it was measured: of every way to use the policy, of some, or of none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WayVerdict:
    """Whether routing was shown to pay where the policy is used in one way."""

    way: str
    """"route", "route with task", "generate" or "generate with task": the call, and whether it names the task."""
    proven: bool
    """Whether the lower end of the lift's interval is above zero."""
    lift: float
    """Accuracy above a random mix at equal cost, a difference of shares."""
    lift_ci: tuple[float, float]
    """95 % interval of the lift."""
    cost_ratio: float
    """Cost as a share of the largest size's."""

    def __str__(self) -> str:
        """Say it in a line."""
        low, high = self.lift_ci
        said = PROVEN if self.proven else "not proven"
        cost = f"{100 * self.cost_ratio:.0f} % of the cost"
        return f"{self.way}: {self.lift:+.3f} [{low:+.3f}, {high:+.3f}] at {cost}, {said}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Whether routing was shown to pay, on which data, and for which ways to use the policy."""

    status: str = "not measured"
    """"proven" for every way to use the policy, "proven in part", "not proven on this data" or "not measured"."""
    text: str = "This policy was not tuned on outcomes; run `zeta tune` on a benchmark of your own sizes."
    """The verdict in words."""
    best_single_size: str | None = None
    """The size to run alone where routing is not proven."""
    lift: float | None = None
    """Accuracy above a random mix at equal cost, a difference of shares."""
    lift_ci: tuple[float, float] | None = None
    """95 % interval of the lift."""
    ways: tuple[WayVerdict, ...] = ()
    """One for each way to use the policy; the lift above is that of the way it was tuned for."""

    def of(self, way: str) -> str:
        """Say for one way to use the policy whether routing was shown to pay; the status where that is not known."""
        return next((str(found) for found in self.ways if found.way == way), self.status)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Verdict:
        """Read from JSON values."""
        ways = tuple(WayVerdict(**w | {"lift_ci": tuple(w["lift_ci"])}) for w in data.get("ways", ()))
        return cls(**{**data, "lift_ci": tuple(data["lift_ci"]) if data["lift_ci"] else None, "ways": ways})


FILE = CheckedFile(
    name="policy file",
    schema_version=3,
    writer="`zeta tune TABLE --out FILE`",
    remedy="export it again with `zeta tune TABLE --out FILE`",
    error=PolicyError,
)
"""The kind of file."""


def content_of(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Write a policy's parts, by the names of its fields, as JSON values.

    What says nothing of contexts and of reading is left out, so that a file from before these keeps its checksum.
    """
    written = {n: x for n, x in parts.items() if n != "tokens"}
    tokens = {} if parts["tokens"] is None else {"tokens": asdict(parts["tokens"])}
    return {
        **written,
        **tokens,
        "rungs": [_rung(r) for r in parts["rungs"]],
        "estimator": estimator_to_dict(parts["estimator"]),
        "fallback": None if parts["fallback"] is None else estimator_to_dict(parts["fallback"]),
        "looks": [asdict(look) for look in parts["looks"]],
        "provenance": dict(parts["provenance"]),
    } | {n: None if parts[n] is None else asdict(parts[n]) for n in ("costs", "domain", "verdict")}


def _rung(rung: Rung) -> dict[str, Any]:
    return {n: x for n, x in asdict(rung).items() if x is not None or n not in ("context", "answer_tokens", "prefill")}


def read(path: str | Path, make: Callable[..., _P]) -> _P:
    """Read a policy, which `make` makes of its parts by the names of its fields; errors as in `RoutingPolicy.load`."""
    content = FILE.read(path)
    try:
        made = make(**_parts(content))
        check_shapes(made)
        return made
    except InvalidInputError:
        raise
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError, MemoryError) as e:
        raise PolicyError(
            f"The policy file {path} lacks or misnames a field ({e}); export it again with `zeta tune`."
        ) from e


def _parts(content: Mapping[str, Any]) -> dict[str, Any]:
    data = {k: v for k, v in content.items() if k != "schema_version"}
    data["rungs"] = tuple(Rung(**r) for r in data["rungs"])
    data["estimator"] = estimator_of(data["estimator"])
    data["fallback"] = None if data["fallback"] is None else estimator_of(data["fallback"])
    data["costs"] = None if data["costs"] is None else CostModel.of(data["costs"])
    data["domain"] = None if data["domain"] is None else Domain.of(data["domain"])
    data["looks"] = tuple(
        Look(**x | {"ran": tuple(x["ran"]), "posteriors": tuple(Posterior(**q) for q in x["posteriors"])})
        for x in data["looks"]
    )
    data["tokens"] = TokenRates(**data["tokens"]) if data.get("tokens") else None
    data["verdict"] = Verdict.read(data["verdict"])
    data["provenance"] = dict(data["provenance"])
    return data

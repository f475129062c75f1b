"""The router and the models of a notebook; a model is loaded when a cell first needs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.models import Completion, GenerateConfig, Ladder
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.policy import RoutingPolicy

if TYPE_CHECKING:
    from zeta_eval.api.answering import Answerer
    from zeta_eval.inference.run.residency import EnginePool


class Session:
    """The router that cells are sent to, with the models that answer."""

    def __init__(self, policy: RoutingPolicy | None, ladder: Ladder, *, max_new_tokens: int | None = None) -> None:
        """Route by a policy, or by the untuned one for the ladder's sizes; no weights are loaded yet."""
        self.router = ZetaDynamicRouter(policy if policy is not None else _untuned(ladder))
        self.ladder = ladder
        self.config = GenerateConfig(max_new_tokens=max_new_tokens or ladder.max_new_tokens)
        self._engines: EnginePool | None = None
        self._embedder: Answerer | None = None
        self.guesses = self.policy.verdict.status == "not measured"
        """Whether it is still to be said that the policy was never tuned."""

    @property
    def policy(self) -> RoutingPolicy:
        """The policy that chooses a size for each cell."""
        return self.router.policy

    @property
    def missing(self) -> tuple[str, ...]:
        """Sizes of the policy that the ladder lacks."""
        return tuple(s for s in self.policy.sizes if s not in self.ladder.sizes)

    @property
    def loaded(self) -> tuple[str, ...]:
        """Sizes whose weights are in memory."""
        return () if self._engines is None else self._engines.loaded

    @property
    def served(self) -> tuple[str, ...]:
        """Sizes that a server runs: these answer at the same time."""
        return tuple(spec.size for spec in self.ladder.generators if spec.served)

    @property
    def engines(self) -> EnginePool:
        """The ladder's engines in memory: the sizes one after the other where they don't fit together."""
        if self._engines is None:
            from zeta_eval.inference.run.residency import EnginePool
            from zeta_eval.inference.run.runner import default_engine

            self._engines = EnginePool(self.ladder.generators, default_engine)
        return self._engines

    def check(self, size: str | None = None) -> None:
        """Make sure that there is a model for a size, or for each of the policy's."""
        if size is not None and size not in self.ladder.sizes:
            raise UnknownNameError("size", size, self.ladder.sizes)
        if size is None and self.missing:
            raise InvalidInputError(
                f"Policy '{self.policy.name}' routes to {', '.join(self.missing)}, which ladder '{self.ladder.name}' "
                f"lacks (it has {', '.join(self.ladder.sizes)}); name its ladder: %zeta use POLICY --ladder L."
            )

    def answer(self, size: str, text: str, on_text: Callable[[str], None]) -> Completion:
        """Answer a text by a size; `on_text` gets the answer so far."""
        answer: Completion = self.engines.engine(size).stream(text, self.config, on_text)
        return answer

    def embed(self, size: str, text: str) -> Completion:
        """The vector of a text by the ladder's embedding model.

        Raises:
            InvalidInputError: the ladder has no such model.
        """
        if self._embedder is None or self._embedder.size != size:
            self._embedder = _embedder(self.ladder, size)
        return self._embedder(text)

    def close(self) -> None:
        """Free the weights."""
        if self._engines is not None:
            self._engines.close()
        if self._embedder is not None:
            self._embedder.engines.close()


def _untuned(ladder: Ladder) -> RoutingPolicy:
    """The untuned policy for a ladder's sizes, with its embedding model where it has one."""
    policy = RoutingPolicy.seed(ladder.sizes)
    return policy if ladder.embedder is None else replace(policy, embedding_size=ladder.embedder.size)


def _embedder(ladder: Ladder, size: str) -> Answerer:
    """What embeds texts by a model of a ladder."""
    from zeta_eval.api.answering import Answerer
    from zeta_eval.inference.run.residency import EnginePool
    from zeta_eval.inference.run.runner import default_engine

    specs = [m for m in ladder.models if m.role == "embed" and m.size == size]
    if not specs:
        raise InvalidInputError(
            f"The text asks for an embedding, which {size} gives and ladder '{ladder.name}' lacks; add it to the "
            f"ladder, or ask one of {', '.join(ladder.sizes)} with --size."
        )
    config = GenerateConfig(max_new_tokens=ladder.max_new_tokens)
    return Answerer(size=size, engines=EnginePool(specs, default_engine), config=config, embeds=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """The settings of a notebook, one per line."""

    lines: tuple[tuple[str, str], ...]
    """Name and value of each."""

    def __repr__(self) -> str:
        width = max(len(name) for name, _ in self.lines)
        return "\n".join(f"{name:<{width}}  {value}" for name, value in self.lines)

    def _repr_html_(self) -> str:
        import pandas as pd

        from zeta_eval.evaluation.reports.tables import html_table

        return html_table(pd.DataFrame(self.lines, columns=["setting", "value"]))


def status(session: Session, *, history: str, store: str) -> Status:
    """The policy and ladder that cells use, and where feedback and runs are stored."""
    policy, ladder = session.policy, session.ladder
    memory = f"; in memory: {', '.join(session.loaded)} ({session.engines.residency})" if session.loaded else ""
    lacks = f"; lacks {', '.join(session.missing)} of the policy" if session.missing else ""
    return Status(
        lines=(
            ("policy", f"{policy.name}@{policy.checksum[:8]}, {' / '.join(policy.sizes)}"),
            ("verdict", f"{policy.verdict.status}. {policy.verdict.text}"),
            ("cost weight", f"{policy.cost_weight:.3g}"),
            ("ladder", f"{ladder.name}: {' / '.join(ladder.sizes)}{memory}{lacks}"),
            ("longest answer", f"{session.config.max_new_tokens} tokens"),
            ("feedback", history),
            ("MLflow store", store),
        )
    )

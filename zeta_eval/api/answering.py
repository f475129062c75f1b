"""Answer texts with the models of a ladder, as `ZetaDynamicRouter.generate` calls them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zeta_eval.exceptions import GenerationError
from zeta_eval.files import loaded
from zeta_eval.models import Completion, GenerateConfig, Ladder

if TYPE_CHECKING:
    from zeta_eval.inference.run.residency import EnginePool


@dataclass(frozen=True, kw_only=True)
class Answerer:
    """One size as `ZetaDynamicRouter.generate` takes it: called with a text it answers."""

    size: str
    """The size."""
    engines: EnginePool
    """The engines of the ladder in memory; this size's is loaded when it is needed."""
    config: GenerateConfig
    """How answers are generated."""

    def __call__(self, text: str) -> Completion:
        """Answer a text; a size that is gone gives a Completion with `error`, so that another can take its place."""
        try:
            answer: Completion = self.engines.engine(self.size).generate([text], self.config)[0]
            return answer
        except GenerationError as e:
            return Completion(text="", error=str(e))


def answerers(ladder: Ladder | str | Path, config: GenerateConfig | None = None) -> dict[str, Answerer]:
    """Load the models of a ladder; returns, by size, a function that answers a text.

    `ZetaDynamicRouter.generate` takes these functions. Models that don't fit the free memory together are loaded one
    after the other, which a warning says. Nothing is loaded for a size that a server answers.

    Raises:
        UnknownNameError: no such ladder.
        HubAccessError: weights or a server that can't be reached.

    Examples:
        >>> import zeta_eval as ze
        >>> answer = ze.answerers("embedded")
        >>> answer["456K"]("Copy the letters QWERT.").text
        'QWERT'
    """
    from zeta_eval.inference.run.residency import EnginePool
    from zeta_eval.inference.run.runner import default_engine

    ladder = loaded(Ladder, ladder)
    config = config or GenerateConfig(max_new_tokens=ladder.max_new_tokens)
    engines = EnginePool(ladder.generators, default_engine)
    engines.load()
    return {size: Answerer(size=size, engines=engines, config=config) for size in ladder.sizes}

"""Answer texts with the models of a ladder, as `ZetaDynamicRouter.generate` calls them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from zeta_eval.exceptions import GenerationError
from zeta_eval.files import loaded
from zeta_eval.models import Completion, GenerateConfig, Ladder
from zeta_eval.router.signals.vote import final_of, vote, voted_name
from zeta_eval.tasks.embedding import REQUEST

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
    embeds: bool = False
    """Whether it gives the vector of a text, not words."""

    def __call__(self, text: str) -> Completion:
        """Answer a text; a size that is gone gives a Completion with `error`, so that another can take its place."""
        return self.attempt(text, 0)

    def attempt(self, text: str, number: int) -> Completion:
        """Answer a text with the seed of one attempt, from 0 on, as a benchmark draws it."""
        try:
            engine = self.engines.engine(self.size)
            if self.embeds:
                vector = engine.embed([text.removeprefix(REQUEST)])[0]
                return Completion(text="", embedding=tuple(vector.tolist()))
            answer: Completion = engine.generate([text], self.config.attempt(number))[0]
            return answer
        except GenerationError as e:
            return Completion(text="", error=str(e))


@dataclass(frozen=True, kw_only=True)
class Voter:
    """A size that is asked several times, as `ZetaDynamicRouter.generate` takes it: it answers with the majority."""

    answerer: Answerer
    """The size; its settings say how often it is asked, and at which temperature."""

    def __call__(self, text: str) -> Completion:
        """Answer a text with what most attempts say."""
        return majority([self.answerer.attempt(text, i) for i in range(self.answerer.config.attempts)])


def majority(attempts: Sequence[Completion]) -> Completion:
    """Return the answer that most attempts at a query give, with the cost and the time of all, and their `agreement`.

    It is the first attempt with the most frequent final answer, as `zeta vote` counts it. Attempts that failed do not
    vote; where all did, the answer is the first failure.

    >>> attempts = [Completion(text=t, gpu_s=1.0) for t in ("The answer is 4.", "#### 5", "#### 4")]
    >>> answer = majority(attempts)
    >>> answer.text, answer.gpu_s, round(answer.agreement, 2)
    ('The answer is 4.', 3.0, 0.67)
    """
    given = [i for i, a in enumerate(attempts) if a.error is None]
    place, share = vote(["" if a.error is not None else final_of(a.text) for a in attempts])
    kept = attempts[place if share or not given else given[0]]
    return replace(
        kept,
        agreement=share if given else None,
        gpu_s=_sum([a.gpu_s for a in attempts]),
        prefill_gpu_s=_sum([a.prefill_gpu_s for a in attempts]),
        latency_s=_sum([a.latency_s for a in attempts]),
        ttft_s=None,
    )


def _sum(values: Sequence[float | None]) -> float | None:
    """The sum of numbers; None where one is not known."""
    known = [v for v in values if v is not None]
    return sum(known) if len(known) == len(values) else None


def answerers(
    ladder: Ladder | str | Path, config: GenerateConfig | None = None
) -> dict[str, Callable[[str], Completion]]:
    """Load the models of a ladder; returns, by size, a function that answers a text, or embeds it.

    `ZetaDynamicRouter.generate` takes these functions. With several `attempts` in the settings there is a second one
    for each size, which asks so often and gives the majority's answer: "4B x5" beside "4B", as `zeta vote` names it.
    Models that don't fit the free memory together are loaded one after the other, which a warning says. Nothing is
    loaded for a size that a server answers.

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
    embedders = EnginePool([m for m in ladder.models if m.role == "embed"], default_engine)  # loaded when one is asked
    plain = {size: Answerer(size=size, engines=engines, config=config) for size in ladder.sizes}
    vectors = {
        m.size: Answerer(size=m.size, engines=embedders, config=config, embeds=True)
        for m in ladder.models
        if m.role == "embed"
    }
    voters = {voted_name(size, config.attempts): Voter(answerer=plain[size]) for size in ladder.sizes}
    return {**plain, **vectors, **(voters if config.attempts > 1 else {})}

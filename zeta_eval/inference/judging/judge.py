"""A model that grades answers: a scorer like any other, with a cache and a count of what it takes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zeta_eval.inference.judging.cache import JudgeCache, Reply, key_of
from zeta_eval.inference.judging.rubric import Rubric, reference_of
from zeta_eval.inference.run.runner import default_engine
from zeta_eval.models import Completion, GenerateConfig, ModelSpec
from zeta_eval.tasks import Query, Score

_log = logging.getLogger(__name__)

LONGEST = 512
"""Longest reply of a judge, in tokens."""
BLOCK = 256
"""Questions after which replies are written to the cache, for an engine that names no batch size."""


class UnjudgedError(ValueError):
    """An answer without a grade: the judge gave none in the form asked for, or no reply. The row stays unscored."""


@dataclass(kw_only=True, slots=True)
class JudgeUse:
    """What a judge was asked and what it took, apart from the costs of the sizes that it judges."""

    asked: int = 0
    """Questions that the model was asked."""
    cached: int = 0
    """Questions whose reply was known."""
    unparsed: int = 0
    """Replies without a grade in the form asked for; their answers stay unscored."""
    failed: int = 0
    """Questions without a reply; their answers stay unscored."""
    prompt_tokens: int = 0
    """Tokens read, by what was asked."""
    completion_tokens: int = 0
    """Tokens written, by what was asked."""
    gpu_s: float = 0.0
    """Accelerator seconds, where they are known."""
    cost_usd: float = 0.0
    """Cost in USD, where the judge's rung has a price."""

    def count(self, reply: Reply) -> None:
        """Count a reply that was asked for."""
        self.asked += 1
        self.prompt_tokens += reply.prompt_tokens or 0
        self.completion_tokens += reply.completion_tokens or 0
        self.gpu_s += reply.gpu_s or 0.0
        self.cost_usd += reply.cost_usd or 0.0

    def text(self) -> str:
        """The numbers in a line."""
        return (
            f"asked {self.asked:,}, known {self.cached:,}, unparsed {self.unparsed:,}, failed {self.failed:,}; "
            f"{self.prompt_tokens:,} + {self.completion_tokens:,} tokens, gpu_s {self.gpu_s:.4g}, "
            f"cost_usd {self.cost_usd:.4g} (not among the sizes' costs)."
        )


class Judge:
    """Grades answers by asking a model; `ze.judge` makes one. Where a query has a target, that is the reference."""

    needs_target = False
    """Whether answers without a target can't be graded."""

    def __init__(
        self,
        spec: ModelSpec,
        *,
        rubric: Rubric | None = None,
        cache: str | Path | None = None,
        engine: Callable[[ModelSpec], Any] = default_engine,
    ) -> None:
        """Take the judging rung; its engine is made when a first question has no known reply.

        Args:
            spec: The rung that judges.
            rubric: What it grades by; None asks whether the answer is right.
            cache: File of the replies; None keeps them in memory.
            engine: Makes the rung's engine.
        """
        self.spec = spec
        self.rubric = rubric or Rubric()
        self.use = JudgeUse()
        """What was asked and what it took."""
        self.name = f"judge:{spec.size}"
        self._cache = JudgeCache(cache)
        self._make = engine
        self._engine: Any = None
        self._model = spec.model if spec.revision is None else f"{spec.model}@{spec.revision}"
        self._failures: dict[str, str] = {}

    def __call__(self, query: Query, response: str) -> Score:
        """Grade an answer; raises UnjudgedError where there is no grade."""
        number = self.rubric.read(self.reply(self._prompt(query, response)))
        if number is None:
            self.use.unparsed += 1
            raise UnjudgedError("the judge's reply has no last line 'Score: N' with a number of the scale")
        return Score(self.rubric.share(number))

    def prepare(self, pairs: Sequence[tuple[Query, str]]) -> None:
        """Ask about many answers at once, so that grading them one by one finds the replies."""
        self.ask([self._prompt(query, response) for query, response in pairs])

    def reply(self, prompt: str) -> str:
        """The reply to a prompt, asked now if it is not known; raises UnjudgedError where there is none."""
        if (key := key_of(self._model, prompt)) not in self._cache.get([key]) and key not in self._failures:
            self.ask([prompt])
        if key in self._failures:
            raise UnjudgedError(f"the judge gave no reply ({self._failures[key]})")
        return self._cache.get([key])[key].text

    def ask(self, prompts: Sequence[str]) -> None:
        """Ask the prompts whose reply is not known, and keep the replies batch by batch."""
        keys = {key_of(self._model, prompt): prompt for prompt in prompts}
        known = self._cache.get(list(keys))
        self.use.cached += len(known)
        todo = [key for key in keys if key not in known and key not in self._failures]
        if todo and self._engine is None:
            self._engine = self._make(self.spec)
        size = int(getattr(self._engine, "batch_size", BLOCK))
        for start in range(0, len(todo), size):
            block = todo[start : start + size]
            made = self._engine.generate([keys[key] for key in block], GenerateConfig(max_new_tokens=LONGEST))
            self._keep({key: (keys[key], answer) for key, answer in zip(block, made, strict=True)})

    def close(self) -> None:
        """Free the engine."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def warning(self, sizes: Sequence[str], models: Sequence[str] = ()) -> str | None:
        """Say that the judge is one of the sizes it judges, by name or by model; None where it isn't."""
        if self.spec.size not in sizes and self.spec.model not in models:
            return None
        return f"Warning: {self.spec.size} judges its own answers too; judges favour their own, take another model."

    def to_dict(self) -> dict[str, Any]:
        """The judge and what it took, as JSON data."""
        return {"judge": self.name, "model": self.spec.model, **asdict(self.use)}

    def _prompt(self, query: Query, response: str) -> str:
        return self.rubric.prompt(query.prompt, response, reference_of(query))

    def _keep(self, made: dict[str, tuple[str, Completion]]) -> None:
        """Count and keep the replies of a batch; failures are kept for this run only."""
        good = {}
        for key, (prompt, answer) in made.items():
            if answer.error is not None:
                self._failures[key] = answer.error
                self.use.failed += 1
                continue
            good[key] = (prompt, _reply(answer, self.spec))
            self.use.count(good[key][1])
        self._cache.put(self._model, good)


def _reply(answer: Completion, spec: ModelSpec) -> Reply:
    return Reply(
        text=answer.text,
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        gpu_s=answer.gpu_s,
        cost_usd=spec.cost_usd(answer),
    )

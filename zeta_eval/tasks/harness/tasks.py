"""Tasks of lm-evaluation-harness as tasks of this package."""

from zeta_eval.tasks.base import Query, Score, Scorer, Task
from zeta_eval.tasks.harness.loading import load_tasks
from zeta_eval.tasks.harness.queries import HarnessQueries
from zeta_eval.tasks.harness.settings import PREFIX, HarnessSettings


def harness_tasks(word: str, settings: HarnessSettings, *, system: str = "", fewshot: int | None = None) -> list[Task]:
    """Return the tasks that "lm-eval:NAME" stands for, each under the harness's own name.

    Args:
        word: name of a task, a group or a tag of the harness, behind "lm-eval:".
        settings: how they are asked, and what is their score.
        system: text of the system message; "" for none.
        fewshot: number of examples; None takes each task's own.

    Raises:
        HubAccessError: a data set out of reach.
        InvalidInputError: the package is missing, an unknown name, or a task that can't be asked or scored.
    """
    name = word.removeprefix(PREFIX)
    loaded = load_tasks(name, settings.include_path)
    found = [HarnessQueries(task, settings, system=system, fewshot=fewshot) for task in loaded.values()]
    alike: dict[str, list[HarnessQueries]] = {}
    for one in found:
        alike.setdefault(one.told, []).append(one)
    for told, same in alike.items():
        named = same[0].name if len(same) == 1 else f"{name}, {len(same)} tasks"
        for one in same:
            one.note = f"{PREFIX}{named}: {told}."
    return [_task(one) for one in found]


def _task(queries: HarnessQueries) -> Task:
    return Task(
        name=queries.name,
        scorer=_scorer(queries),
        generate=queries,
        dataset=queries.name,
        description=f"Task {queries.name} of lm-evaluation-harness.",
    )


def _scorer(queries: HarnessQueries) -> Scorer:
    def harness(query: Query, response: str) -> Score:
        return queries.score(query, response)

    return harness

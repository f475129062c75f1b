"""The answers of a benchmark to tasks of lm-evaluation-harness, in the harness's own log format."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.outcomes import Outcomes

if TYPE_CHECKING:
    from zeta_eval.tasks import Task

_log = logging.getLogger(__name__)


def log_samples(run: str | Path, tasks: Sequence[Task], *, out: str | Path) -> Path:
    """Write the answers of a benchmark as `lm_eval --log_samples` does: a folder per size, with all metrics.

    Args:
        run: Folder of the benchmark.
        tasks: Its tasks, as `resolve_tasks` gave them; those that are not of lm-evaluation-harness are passed over.
        out: Folder to write to; `zeta import lm-eval` reads it.

    Raises:
        ZetaError: no task of lm-evaluation-harness, a folder that is no benchmark's, or one that can't be written.

    Examples:
        >>> import zeta_eval as ze
        >>> tasks = ze.resolve_tasks("copy")
        >>> outcomes = ze.benchmark("embedded", tasks, limit=3, out="outcomes")
        >>> try:
        ...     ze.log_samples("outcomes", tasks, out="logs")
        ... except ze.ZetaError as error:
        ...     print(error)
        None of copy is a task of lm-eval; there is no log to write.
    """
    from zeta_eval.tasks.harness.log import Answers, write_log
    from zeta_eval.tasks.harness.queries import HarnessQueries

    asked = [t.generate for t in tasks if isinstance(t.generate, HarnessQueries)]
    if not asked:
        raise InvalidInputError(
            f"None of {', '.join(t.name for t in tasks)} is a task of lm-eval; there is no log to write."
        )
    table, record = Outcomes.load(run), _record(Path(run))
    frame = table.frame
    for size in table.sizes:
        rows = frame[frame["model"] == size].drop_duplicates("query_id")  # of several attempts the first
        sure = rows["response"].where(rows["error"].isna())
        responses = {i: r if isinstance(r, str) else None for i, r in zip(rows["query_id"], sure, strict=True)}
        prompts = (record["sizes"].get(size, {}).get("how") or {}).get("prompts")
        model = next((spec["model"] for spec in record["ladder"] if spec["size"] == size), size)
        answers = Answers(size=size, model=model, chat=prompts != "plain text", responses=responses)
        if failed := write_log(answers, asked, Path(out)):
            _log.warning(
                "%d queries of size '%s' failed; the log leaves them out, its figures count them wrong.", failed, size
            )
    return Path(out)


def _record(folder: Path) -> dict[str, Any]:
    """Contents of a benchmark's run.json."""
    from zeta_eval.inference.run.manifest import read_record

    try:
        return read_record(folder)
    except (InvalidInputError, OSError) as e:
        raise InvalidInputError(f"Folder {folder} has no run.json that can be read; give a benchmark's folder.") from e

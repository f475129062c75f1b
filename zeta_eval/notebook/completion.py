"""Tab on a `%zeta` or `%%zeta` line: verbs, options, and what an argument may be."""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher

from zeta_eval.cli.parser import Parser
from zeta_eval.exceptions import ZetaError
from zeta_eval.models import LADDERS
from zeta_eval.notebook.cell import cell_parser
from zeta_eval.notebook.variables import KINDS, fits

_FILES = {
    "table": (".parquet", ".csv", ".jsonl"),
    "policy": (".json",),
    "policies": (".json",),
    "ladder": (".toml",),
    "history": (".db",),
    "path": None,
    "out": None,
}
"""By argument: endings of the files it takes; None takes any. Folders are always offered."""


class Completer:
    """Completes the words of a notebook's magics."""

    def __init__(
        self,
        *,
        parser: Callable[[], Parser],
        variables: Callable[[], Mapping[str, Any]],
        sizes: Callable[[], Sequence[str]],
    ) -> None:
        """Complete by the notebook's parser, its variables and the sizes of its ladder, as they are by then."""
        self._parser, self._variables, self._sizes = parser, variables, sizes
        self._tables: list[Any] = []

        @context_matcher(identifier="zeta")  # type: ignore[untyped-decorator]
        def matcher(context: CompletionContext) -> Any:
            words = self.complete(context.line_with_cursor[: context.cursor_position])
            if words is None:
                return {"completions": []}
            typed = context.line_with_cursor[: context.cursor_position].split(" ")[-1]
            found = [SimpleCompletion(word, type="zeta") for word in words]
            return {"completions": found, "matched_fragment": typed, "suppress": True, "ordered": True}

        self.matcher = matcher

    def complete(self, line: str) -> list[str] | None:
        """Words that may stand at the end of a line up to the cursor; None for a line that is none of ours."""
        head, *words = line.lstrip().replace("=%zeta", "= %zeta").split(" ")
        if "%zeta" in words[:2] and head != "%zeta":  # r = %zeta ...
            words = words[words.index("%zeta") + 1 :]
            head = "%zeta"
        if head not in ("%zeta", "%%zeta") or not words:
            return None
        *before, typed = [word for word in words[:-1] if word] + words[-1:]
        self._tables = []
        if head == "%%zeta":
            return self._starting(self._of(cell_parser(), before, typed), typed)
        parser = self._parser()
        if not before:
            return self._starting(parser.verbs.choices, typed)
        if before[0] not in parser.verbs.choices:
            return []
        self._tables = [t for w in before[1:] if (t := _table(self._variables().get(w))) is not None]
        return self._starting(self._of(parser.verbs.choices[before[0]], before[1:], typed), typed)

    def _starting(self, words: Iterable[str], typed: str) -> list[str]:
        return [word for word in words if word.startswith(typed)]

    def _of(self, parser: Parser, before: list[str], typed: str) -> list[str]:
        """What the word after `before` may be."""
        options = {name: a for a in parser.arguments for name in a.option_strings}
        if before and before[-1] in options and options[before[-1]].nargs != 0:
            return self._values(options[before[-1]], typed)
        if typed.startswith("-"):
            return [name for name in options if name.startswith("--")]
        n = 0
        for i, word in enumerate(before):
            of_option = i > 0 and before[i - 1] in options and options[before[i - 1]].nargs != 0
            n += not word.startswith("-") and not of_option
        places = [a for a in parser.arguments if not a.option_strings]
        if n < len(places):
            return self._values(places[n], typed)
        return [name for name in options if name.startswith("--")]

    def _values(self, action: argparse.Action, typed: str) -> list[str]:
        """What an argument may be: its choices, else what its name stands for."""
        name = action.dest
        found = [str(choice) for choice in action.choices or ()]
        if name in KINDS:
            found += [v for v, value in self._variables().items() if not v.startswith("_") and fits(name, value)]
        if name == "ladder":
            found += sorted(p.stem for p in LADDERS.glob("*.toml"))
        if name in ("policy", "policies") and typed.startswith("models:"):
            found += [f"models:/ZetaDynamicRouter{which}" for which in ("@champion", "@challenger", *_versions())]
        if name in _FILES:
            found += _files(typed, _FILES[name])
        return found + self._names(name, typed)

    def _names(self, name: str, typed: str) -> list[str]:
        """Names that a registry or the active router knows."""
        if name in ("tasks", "task"):
            from zeta_eval.tasks import registry

            earlier = typed[: typed.rfind(",") + 1] if name == "tasks" else ""
            own = (str(task) for table in self._tables if "task" in table for task in table["task"].unique())
            return [earlier + task for task in dict.fromkeys((*own, *registry.groups(), *registry.task_names()))]
        if name == "columns":
            earlier = typed[: max(typed.rfind(","), typed.rfind("=")) + 1]
            return [earlier + str(column) for table in self._tables for column in table.columns]
        if name == "size":
            return list(self._sizes())
        return ["right", "wrong"] if name == "word" else []


def _table(value: Any) -> Any:
    """The frame of a variable that is a table; None for another one."""
    frame = getattr(value, "frame", value)
    return frame if hasattr(frame, "columns") and hasattr(frame, "dtypes") else None


def _versions() -> list[str]:
    """The versions of the registered model as they are named after it, where MLflow is loaded already."""
    if "mlflow" not in sys.modules:  # it would take seconds
        return []
    from zeta_eval.tracking.registry import Registry
    from zeta_eval.tracking.store import sqlite_file

    registry = Registry()
    if sqlite_file(registry.uri) is None:  # a server may not answer for long
        return []
    try:
        return [f"/{version}" for version in registry.versions()]
    except (ZetaError, OSError):  # no store, or none that answers
        return []


def _files(typed: str, endings: tuple[str, ...] | None) -> list[str]:
    """Files and folders whose path begins as typed; a folder ends in "/"."""
    folder = typed.rpartition("/")[0] + "/" if "/" in typed else ""
    try:
        found = sorted(Path(folder or ".").iterdir())
    except OSError:
        return []
    shown = [p for p in found if not p.name.startswith(".")]
    files = [folder + p.name for p in shown if p.is_file() and (endings is None or p.suffix in endings)]
    return files + [f"{folder}{p.name}/" for p in shown if p.is_dir()]

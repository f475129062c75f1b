"""The parser of the command line and of the notebook: its errors are one line that names the word that was meant."""

import argparse
import difflib
import re
import sys
from collections.abc import Callable, Collection, Iterator
from typing import Any, NoReturn

from zeta_eval.exceptions import InvalidInputError

Arguments = dict[str, dict[str, Any]]
"""Arguments by name, each with the settings that argparse's add_argument takes."""


class Choices:
    """The words that an argument takes, read from their registry when first needed: `zeta --help` stays quick."""

    def __init__(self, known: Callable[[], Collection[str]]) -> None:
        """Take the words from a function that may import what it needs."""
        self._known = known

    def __iter__(self) -> Iterator[str]:
        return iter(self._known())

    def __str__(self) -> str:
        return ", ".join(self)

    def __contains__(self, word: object) -> bool:
        return word in self._known()


class Version(argparse.Action):
    """Prints the version of the package, and ends."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        """Print as --help does; the version is looked up here, so that nothing else waits for it."""
        from importlib.metadata import version

        sys.stdout.write(f"zeta-eval {version('zeta-eval')}\n")
        parser.exit()


class Parser(argparse.ArgumentParser):
    """A parser that raises one line, with the nearest word, instead of printing usage and leaving the process."""

    arguments: list[argparse.Action]
    """The arguments, in order."""
    advice: str | None = None
    """What an error says at its end; None names --help."""
    verbs: Any = None
    """The sub-commands, by name in `verbs.choices`."""

    def add_argument(self, *names: str, **settings: Any) -> argparse.Action:
        """Add an argument as argparse does, and note it in `arguments`."""
        action = super().add_argument(*names, **settings)
        self.__dict__.setdefault("arguments", []).append(action)
        return action

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; a verb refuses an unknown option itself, which knows the options it has."""
        parsed, extra = super().parse_known_args(args, namespace)
        if extra:
            self.error(f"unrecognized arguments: {' '.join(extra)}")
        return parsed, extra

    def error(self, message: str) -> NoReturn:
        """Raise an InvalidInputError with what is wrong, the nearest word that is known, and where help is."""
        if near := self._nearest(message):
            message = message.partition(" (choose from")[0]  # one line, and the word that was meant is in it
        mended = f"Did you mean '{near}'? " if near else ""
        advice = self.advice or f"See `{self.prog} --help`."
        raise InvalidInputError(f"{message[0].upper()}{message[1:]}. {mended}{advice}")

    def _nearest(self, message: str) -> str | None:
        if found := re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message):
            word, known = found[1], re.findall(r"[\w-]+", found[2])
        elif found := re.search(r"unrecognized arguments: .*?(--?[\w-]+)", message):
            word, known = found[1], [name for a in self.arguments for name in a.option_strings]
        else:
            return None
        return next(iter(difflib.get_close_matches(word, known, n=1, cutoff=0.5)), None)

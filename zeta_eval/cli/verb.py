"""What a verb is: its name, its arguments, what it does, and what it makes."""

from __future__ import annotations

import html
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from zeta_eval.cli.parser import Arguments, Parser


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What a verb made."""

    report: Any
    """The api's report object."""
    text: str
    """The report as plain text."""
    data: dict[str, Any]
    """The report as JSON data."""
    notes: tuple[str, ...] = ()
    """Lines on what was read, which stand in `text`, too; a notebook prints them."""
    said: str = ""
    """What was made, in a line; a notebook shows it even where the report goes into a variable."""
    hint: str | None = None
    """One line of advice beside the result; it stands in `data`, too."""

    @classmethod
    def of(cls, report: Any) -> Result:
        """A report that gives its own text and its own JSON data."""
        return cls(report=report, text=report.text(), data=report.to_dict())

    def written(self, what: str, path: Path | None) -> Result:
        """The same, saying where it was written, if it was."""
        if path is None:
            return self
        return replace(self, text=f"{self.text}\n\n{what}: {path}", data=self.data | {what.lower(): str(path)})


ANSWER_S: Final = 5.0
"""Longest wait for a page's answer, in seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WebPage:
    """A page that a server on this machine shows once its command runs."""

    title: str
    """What the page shows."""
    address: str
    """Where the page is, on the loopback interface."""
    command: list[str]
    """The server's command; empty where the server runs already."""
    env: dict[str, str] = field(default_factory=dict)
    """What the server needs in its environment beside ours."""
    stays: bool = False
    """Whether the server takes the place of this process, and then heeds signals and says its address itself."""

    def answers(self) -> bool:
        """Whether the page is there, whatever it says."""
        from http.client import HTTPException  # here, for a command without a page need not load them
        from urllib.error import HTTPError
        from urllib.request import ProxyHandler, build_opener

        try:
            with build_opener(ProxyHandler({})).open(self.address.partition("#")[0], timeout=ANSWER_S):
                return True
        except HTTPError:
            return True
        except (OSError, HTTPException):
            return False

    def __repr__(self) -> str:
        return f"{self.title}: {self.address}"

    def _repr_html_(self) -> str:
        address = html.escape(self.address)
        link = f"<a href='{address}' target='_blank' rel='noopener'>{address}</a>"
        return f"{html.escape(self.title)}: {link}{' (stops with the kernel)' if self.command else ''}"


Do = Callable[[Namespace], Result]
"""Parsed arguments -> what they made."""
Kept = Callable[[Namespace], str]
"""Parsed arguments -> what is kept where a signal ends the work, and how to go on, in a part of a line."""


def starts_anew(args: Namespace) -> str:
    """What a verb that writes at its end alone says where it is stopped."""
    return "nothing is half-written; the same command starts anew"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verb:
    """One verb: `zeta NAME ...` on the command line, `%zeta NAME ...` in a notebook."""

    name: str
    """The word that calls it."""
    summary: str
    """What it does, in one line of `zeta --help`."""
    example: str
    """A line that calls it, without "zeta"."""
    arguments: Arguments
    """Its arguments."""
    do: Do
    """Does its work."""
    kept: Kept = starts_anew
    """What is kept where a signal ends it, and how to go on."""

    def add_to(self, group: Any) -> None:
        """Add the verb to the sub-commands of a parser."""
        description = f"{self.summary[0].upper()}{self.summary[1:]}."
        parser: Parser = group.add_parser(self.name, help=self.summary, description=description)
        parser.epilog = f"example: {parser.prog.removesuffix(self.name)}{self.example}"
        parser.set_defaults(do=self.do, kept=self.kept)
        for name, settings in self.arguments.items():
            parser.add_argument(name, **settings)


VERBS: dict[str, Verb] = {}
"""The verbs by name, each noted by its own file."""


def verb(
    name: str, summary: str, *, example: str, arguments: Arguments, kept: Kept = starts_anew
) -> Callable[[Do], Do]:
    """Note the function below as a verb of zeta."""

    def note(do: Do) -> Do:
        VERBS[name] = Verb(name=name, summary=summary, example=example, arguments=arguments, do=do, kept=kept)
        return do

    return note

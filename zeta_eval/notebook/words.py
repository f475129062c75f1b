"""The words of a `%zeta` line: those of the command line, and the few that only a notebook has."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import Any

from zeta_eval.cli.parser import Parser, Place, add_verb, build_parser
from zeta_eval.cli.verbs import Result
from zeta_eval.exceptions import InvalidInputError
from zeta_eval.notebook.variables import KINDS, interpolate, take

Verb = Callable[[Namespace], Result]
"""Parsed words -> what they made."""

HELP = """%zeta VERB ...    a verb of zeta; `%zeta VERB --help` explains it
  run bench import tune replay compare route ui    as on the command line; variables are taken by name
  use POLICY --ladder L    route cells by a policy      status    what is set
  feedback ID right|wrong|"the answer"    judge an answer
%config ZetaMagics    the defaults
%%zeta [options]    routes the text below it; {name} in it stands for a variable's value"""


def line_parser(place: Place, *, use: Verb, status: Verb, feedback: Verb, ui: Verb) -> Parser:
    """The command line's parser with the verbs that only a notebook has; `ui` takes the place of the one there."""
    parser = build_parser(place)
    group = parser.verbs
    used = add_verb(group, "use", use, "route cells by a policy", "use policy.json --ladder embedded")
    used.add_argument("policy", metavar="POLICY", help="policy file or variable")
    used.add_argument("--ladder", default=place.ladder, metavar="L", help="the models it routes to (%(default)s)")
    add_verb(group, "status", status, "say what is set", "status")
    said = add_verb(group, "feedback", feedback, "judge an answer", 'feedback 1f3a right    or    "the correct answer"')
    said.add_argument("id", metavar="ID", help="what stands below the answer")
    said.add_argument("word", metavar="WORD", help="right, wrong, or the correct answer")
    group.choices["ui"].set_defaults(do=ui)
    for verb in group.choices.values():
        verb.add_argument("--raw", action="store_true", help="leave {name} in the words as it is")
        verb.set_defaults(json=None)
    return parser


def split(line: str) -> list[str]:
    """Words of a line, as a shell splits them.

    Raises:
        InvalidInputError: a quotation mark has no partner.
    """
    try:
        return shlex.split(line)
    except ValueError as e:
        raise InvalidInputError(f"{e} in: {line.strip()}. Put text with an apostrophe between double quotes.") from e


def parse(parser: Parser, line: str, variables: Mapping[str, Any]) -> Namespace:
    """Parse a line; `{name}` is filled in word by word, and tables, policies and ladders are taken from variables.

    Raises:
        InvalidInputError: wrong words.
    """
    words = split(line)
    options = words[: words.index("--")] if "--" in words else words
    if "--raw" not in options:
        words = [interpolate(word, variables) for word in words]
    args = parser.parse_args(words)
    for name in KINDS:
        if isinstance(word := getattr(args, name, None), list):
            setattr(args, name, {w: take(name, w, variables) for w in word})  # a report names each by its word
        elif word is not None:
            setattr(args, name, take(name, word, variables))
    return args

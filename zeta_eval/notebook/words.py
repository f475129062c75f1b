"""The words of a `%zeta` line: those of the command line, and the few that only a notebook has."""

import re
import shlex
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from zeta_eval.cli.options import POLICY
from zeta_eval.cli.parser import Parser
from zeta_eval.cli.verb import Do, Verb
from zeta_eval.cli.verbs import build_parser
from zeta_eval.exceptions import InvalidInputError
from zeta_eval.notebook.variables import KINDS, interpolate, take


def line_parser(defaults: Mapping[str, Any], own: Mapping[str, Do], *, ui: Do) -> Parser:
    """The command line's parser with the verbs that only a notebook has; `ui` takes the place of the one there.

    `defaults` are the notebook's own, by argument; `own` is what its own verbs do, by their names in `OWN`. No verb has
    to name a file to write: its result is a variable.
    """
    parser = build_parser("%zeta")
    for name, words in OWN.items():
        Verb(name=name, do=own[name], **words).add_to(parser.verbs)
    for name, verb in parser.verbs.choices.items():
        verb.add_argument("--raw", action="store_true", help="leave {name} in the words as it is")
        verb.set_defaults(json=None, **defaults)
        for argument in verb.arguments:
            optional = argument.dest == "ladder" or (argument.dest == "out" and name != "bench")
            argument.required = argument.required and not optional
    parser.verbs.choices["ui"].set_defaults(do=ui)
    return parser


OWN: Mapping[str, Mapping[str, Any]] = {
    "use": {
        "summary": "choose the policy that routes cells",
        "example": "use policy.json --ladder embedded",
        "arguments": {**POLICY, "--ladder": {"metavar": "L", "help": "the models it routes to (%(default)s)"}},
    },
    "status": {
        "summary": "show what routes cells, and where results are kept",
        "example": "status",
        "arguments": {},
    },
    "feedback": {
        "summary": "say whether an answer was right",
        "example": 'feedback 1f3a right    or    "the correct answer"',
        "arguments": {
            "id": {"metavar": "ID", "help": "what stands below the answer"},
            "word": {"metavar": "WORD", "help": "right, wrong, or the correct answer"},
        },
    },
    "reset": {
        "summary": "forget the conversations that cells carry on",
        "example": "reset draft    or    reset",
        "arguments": {"talk": {"nargs": "?", "metavar": "NAME", "help": "the one of `-c NAME`; all without a name"}},
    },
}
"""The verbs that only a notebook has."""


_COMMENT = re.compile(r"""((?:"(?:\\.|[^"\\])*"|'[^']*'|[^"'#]|(?<!\s)#|#(?!\s))*)\s#\s.*""", re.DOTALL)
"""A line up to a sign of comments that stands alone and in no quotes."""


def split(line: str) -> list[str]:
    """Words of a line, as a shell splits them; what follows a `#` that stands alone is a comment."""
    found = _COMMENT.fullmatch(f" {line} ")
    try:
        return shlex.split(line if found is None else found[1])
    except ValueError as e:
        raise InvalidInputError(f"{e} in: {line.strip()}. Put text with an apostrophe between double quotes.") from e


def parse(parser: Parser, line: str, variables: Mapping[str, Any]) -> Namespace:
    """Parse a line; `{name}` is filled in word by word, and tables, policies and ladders are taken from variables."""
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

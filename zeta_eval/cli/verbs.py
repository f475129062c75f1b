"""All verbs: a new one is its own file in this folder, and its place in the list below."""

from importlib import import_module

from zeta_eval.cli.parser import Parser, Version
from zeta_eval.cli.verb import VERBS

FILES = (
    *("run", "bench", "import_table", "rescore", "merge", "vote", "agree", "tune", "replay", "compare"),
    *("route", "serve", "export", "learn", "history", "promote", "rollback", "track", "ui", "gpu_check"),
)
"""The files of the verbs, in the order of `zeta --help`."""


def build_parser(prog: str = "zeta") -> Parser:
    """The command line: one sub-command per verb, after the word `prog`."""
    parser = Parser(
        prog=prog,
        description="Find, for every query, the smallest language model that gets it right: run every query on every "
        "size (bench), tune a router on the outcomes (tune), test it with intervals (replay), and use it (route).",
    )
    parser.add_argument("--version", action=Version, nargs=0, help="print the version and exit")
    parser.verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=Parser)
    for file in FILES:
        import_module(f"zeta_eval.cli.{file}")
    for verb in VERBS.values():
        verb.add_to(parser.verbs)
    return parser

"""Write the reference of the command line, docs/reference/command-line.md, from the parser itself.

python docs/scripts/command_line.py            write it
python docs/scripts/command_line.py --check    write nothing; exit code 1 where it is not current
"""

from __future__ import annotations

import argparse
import sys
from html import escape
from pathlib import Path

from zeta_eval.cli.parser import Parser
from zeta_eval.cli.verbs import build_parser

PAGE = Path(__file__).parents[1] / "reference" / "command-line.md"

HEAD = """# The command line

Every command has the form `zeta VERB ...`; `python -m zeta_eval.cli VERB ...` does the same. `zeta --help` lists the
verbs, `zeta VERB --help` explains one, and `zeta --version` says which version runs. In a notebook the same words
follow `%zeta`.

A command ends with exit code 0 when its work is done, 1 when the work failed, 2 when the words were wrong, 130 when
it was interrupted (Ctrl-C), and 143 when it was ended by SIGTERM; it then ends within 5 seconds, with the servers that
it started, and says in one line what is kept and how to go on. An error is one line: what is wrong, the value got, what
to do next.

<!-- written by docs/scripts/command_line.py from the parser; `make docs` renews it -->
"""


def page() -> str:
    """The whole page."""
    parser = build_parser()
    verbs: dict[str, Parser] = parser.verbs.choices
    return "\n".join([HEAD, *(_section(name, verb) for name, verb in verbs.items())])


def _section(name: str, verb: Parser) -> str:
    """One verb: what it does, an example, its words."""
    lines = [f"## {name}", "", str(verb.description), ""]
    example = str(verb.epilog or "").removeprefix("example: ")
    lines += ["```", example, "```", "", "| word | what it means | choices |", "| --- | --- | --- |"]
    lines += [_row(action, verb) for action in verb.arguments if "--help" not in action.option_strings]
    return "\n".join([*lines, ""])


def _row(action: argparse.Action, verb: Parser) -> str:
    shown = " ".join(filter(None, [", ".join(action.option_strings), _value(action)]))
    expanded = (action.help or "") % (vars(action) | {"prog": verb.prog})
    needed = "; required" if action.option_strings and action.required else ""
    choices = " ".join(f"`{choice}`" for choice in action.choices or ())
    return f"| `{shown}` | {_cell(expanded + needed)} | {choices} |".replace("|  |", "| |")


def _value(action: argparse.Action) -> str:
    """What stands for the value of a word; none for a switch."""
    if action.nargs == 0:
        return ""
    name = str(action.metavar or "WORD").replace("|", "/")
    return {"+": f"{name} [{name} ...]", "?": f"[{name}]"}.get(str(action.nargs), name)


def _cell(text: str) -> str:
    return escape(text.replace("\n", " "), quote=False).replace("|", r"\|")


def main() -> int:
    """Write the page, or check it."""
    made = page()
    stale = not PAGE.exists() or PAGE.read_text(encoding="utf-8") != made
    if "--check" in sys.argv:
        print(f"{PAGE.name} is not current; run `make docs`" if stale else "", end="")
        return stale
    if stale:
        PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`zeta ...`: run one command line and print what it made."""

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zeta_eval.cli.stopping import Stopping
from zeta_eval.exceptions import InvalidInputError, ZetaError, escaped_lines, in_words, masked, shown

if TYPE_CHECKING:
    from zeta_eval.cli.verb import Result


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line.

    Returns:
        The exit code: 0 done, 1 failed work, 2 wrong use, 130 interrupted, 143 ended by SIGTERM.
    """
    code = 0
    if sys.stderr is None:  # `2>&-`; what is printed there would come to standard output
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
    with Stopping(own=argv is None) as stopping:
        try:
            _work(argv, stopping)
        except (ZetaError, KeyboardInterrupt, OSError) as e:
            if stopping.number:
                raise
            code = _failed(e)
    if not stopping.number:
        return code
    _complain(stopping.line)
    stopping.said = True
    stopping.hush()  # what the interpreter says of threads and helpers while it ends
    return stopping.code


def _work(argv: Sequence[str] | None, stopping: Stopping) -> None:
    """Do what a command line says; `stopping` is told what is kept where it is stopped."""
    from zeta_eval.cli.verbs import build_parser
    from zeta_eval.inference.run.launch import leads, world_size

    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    for handler in logging.getLogger().handlers:
        handler.addFilter(_mask)
    logging.getLogger("zeta_eval.api").setLevel(logging.INFO)  # what was recognised in a table
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    args = build_parser().parse_args(argv)
    stopping.kept = args.kept(args)
    if world_size() > 1 and args.verb != "bench":
        raise InvalidInputError(f"Only `bench` runs in several processes, here {world_size()}; start one.")
    result = args.do(args)
    if leads():
        _show(result, args.json)


def _failed(error: ZetaError | KeyboardInterrupt | OSError) -> int:
    """Say in one line what went wrong; returns the exit code."""
    if isinstance(error, ZetaError):
        _complain(str(error))
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        _complain("stopped; the same command goes on or starts anew")
        return 130
    if isinstance(error, BrokenPipeError):  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    _complain(f"{error.strerror or error or in_words(error)}: {error.filename or ''}".rstrip(": "))
    return 1


def _complain(line: str) -> None:
    """Print what went wrong, or might; where several processes have to say the same, one does."""
    from zeta_eval.inference.run.launch import says

    if not says(line):
        return
    try:
        print(f"zeta: {shown(masked(line))}", file=sys.stderr, flush=True)
    except OSError:  # a full disk: that nobody can be told costs nothing else
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _mask(record: logging.LogRecord) -> bool:
    """Take passwords, keys and control characters out of a line that is logged, whoever logs it."""
    record.msg, record.args = escaped_lines(masked(record.getMessage())), ()
    return True


def _show(result: "Result", json_to: str | None) -> None:
    """Print the text; with --json print JSON instead, or write it to a file beside the text. A page is served."""
    from zeta_eval.cli.ui import serve
    from zeta_eval.cli.verb import WebPage
    from zeta_eval.files import to_json, write_json

    if json_to == "-":
        print(to_json(result.data))
        return
    page = result.report if isinstance(result.report, WebPage) and result.report.command else None
    if page is None:  # else it is told once the page is there
        print(escaped_lines(result.text), flush=True)
    if result.hint is not None:
        _complain(result.hint)
    if json_to is not None:
        write_json(json_to, result.data)
    if page is not None:
        if page.stays:
            os.execvpe(page.command[0], page.command, os.environ | page.env)
        serve(page, lambda: print(escaped_lines(result.text), flush=True))

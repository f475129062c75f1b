"""`zeta ...`: run one command line and print what it made."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from zeta_eval.cli.verb import Result, WebPage
from zeta_eval.cli.verbs import build_parser
from zeta_eval.exceptions import InvalidInputError, ZetaError
from zeta_eval.files import to_json, write_json
from zeta_eval.inference.run.launch import leads, says, world_size


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit code: 0 done, 1 failed work, 2 wrong use, 130 interrupted."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("zeta_eval.api").setLevel(logging.INFO)  # what was recognised in a table
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        args = build_parser().parse_args(argv)
        if world_size() > 1 and args.verb != "bench":
            raise InvalidInputError(f"Only `bench` runs in several processes, here {world_size()}; start one.")
        with _ended_as_interrupted():
            result = args.do(args)
        if leads():
            _show(result, args.json)
    except ZetaError as e:
        _complain(" ".join(str(e).split()))
        return e.exit_code
    except KeyboardInterrupt:
        _complain("interrupted; the same command goes on where it stopped")
        return 130
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as e:
        _complain(f"{e.strerror or e}: {e.filename or ''}".rstrip(": "))
        return 1
    return 0


@contextmanager
def _ended_as_interrupted() -> Iterator[None]:
    """Take SIGTERM and a closed terminal for Ctrl-C, so that a server that was started never outlives the command."""
    signals = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        signals = []
    signals = [s for s in signals if signal.getsignal(s) is signal.SIG_DFL]  # nohup ignores one
    for number in signals:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in signals:
            signal.signal(number, signal.SIG_DFL)


def _complain(line: str) -> None:
    """Print what went wrong, or might; where several processes have to say the same, one does."""
    if says(line):
        print(f"zeta: {line}", file=sys.stderr, flush=True)


def _show(result: Result, json_to: str | None) -> None:
    """Print the text; with --json print JSON instead, or write it to a file beside the text. A page is served."""
    if json_to == "-":
        print(to_json(result.data))
        return
    print(result.text, flush=True)
    if result.hint is not None:
        _complain(result.hint)
    if json_to is not None:
        write_json(json_to, result.data)
    if isinstance(page := result.report, WebPage) and page.command:
        os.execvpe(page.command[0], page.command, os.environ | page.env)

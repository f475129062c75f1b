"""The words of zeta: one parser for the command line and for the notebook."""

from __future__ import annotations

import argparse
import difflib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from zeta_eval.cli import verbs
from zeta_eval.exceptions import InvalidInputError

STORE = "sqlite:///mlruns/mlflow.db"
"""MLflow store unless --mlflow names another."""

POLICY = "policy file, or a registered one: models:/ZetaDynamicRouter@champion"
"""What names a policy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where the words are spoken; a notebook has defaults of its own and keeps results in variables."""

    prog: str = "zeta"
    """What stands before the verb."""
    ladder: str | None = None
    """Ladder unless --ladder names one; None makes `bench` ask for it."""
    store: str = STORE
    """MLflow store unless --mlflow names another."""
    max_new_tokens: int | None = None
    """Longest answer unless --max-new-tokens says so; None takes the ladder's."""
    port: int | None = 5000
    """Port of a page; None takes a free one."""
    keeps_results: bool = False
    """Whether a result stays at hand, so that none has to be written to a file."""


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
        """Parse; a verb refuses an unknown option itself, which knows the options it has.

        Raises:
            InvalidInputError: wrong words.
        """
        parsed, extra = super().parse_known_args(args, namespace)
        if extra:
            self.error(f"unrecognized arguments: {' '.join(extra)}")
        return parsed, extra

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong, the nearest word that is known, and where help is.

        Raises:
            InvalidInputError: always.
        """
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


def build_parser(place: Place | None = None) -> Parser:
    """The command line: one sub-command per verb."""
    place = place or Place()
    parser = Parser(
        prog=place.prog,
        description="Find, for every query, the smallest language model that gets it right: run every query on every "
        "size (bench), tune a router on the outcomes (tune), test it with intervals (replay), and use it (route).",
    )
    group = parser.verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=Parser)

    run = add_verb(group, "run", verbs.run, "the whole job: bench, tune, replay, export", "run --out demo")
    ladder = place.ladder or "embedded"
    run.add_argument("--ladder", default=ladder, metavar="L", help="embedded, qwen3, or a TOML file (%(default)s)")
    run.add_argument("--tasks", default="embedded", metavar="A,B", help="tasks, groups or files (%(default)s)")
    run.add_argument("--limit", type=int, metavar="N", help="most queries per task (400 for embedded, else all)")
    run.add_argument("--out", type=Path, default=Path("zeta-run"), metavar="DIR", help="folder to write (%(default)s)")
    _tuning_options(run)
    _common(run, place)

    bench = add_verb(
        group,
        "bench",
        verbs.bench,
        "run every query on every size; goes on where an interrupted run stopped",
        "bench --ladder qwen3 --tasks gsm8k,mmlu --limit 500 --out outcomes/qwen3",
    )
    needed = place.ladder is None
    bench.add_argument(
        "--ladder", required=needed, default=place.ladder, metavar="L", help="embedded, qwen3, or a TOML file"
    )
    bench.add_argument(
        "--tasks", required=True, metavar="A,B", help="tasks, groups or files; NAME=PATH takes a local copy"
    )
    bench.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the run")
    bench.add_argument("--limit", type=int, metavar="N", help="most queries per task (all)")
    bench.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the queries' order (%(default)s)")
    bench.add_argument(
        "--max-new-tokens",
        type=int,
        default=place.max_new_tokens,
        metavar="N",
        help="longest answer in tokens (the ladder's)",
    )
    bench.add_argument("--batch-size", type=int, metavar="N", help="queries per forward pass (found automatically)")
    bench.add_argument(
        "--mcq",
        choices=["generate", "logits"],
        default="generate",
        help="answer multiple-choice queries in words, or by the likeliest letter after one pass (%(default)s)",
    )
    _common(bench, place)

    imports = add_verb(
        group,
        "import",
        verbs.import_table,
        "turn another tool's table or logs into a table of outcomes",
        "import lm-eval results --out outcomes.parquet --cost Qwen/Qwen3-4B=0.04/Mtok",
    )
    imports.add_argument("format", metavar="FORMAT", help="tidy, lm-eval, inspect, routerbench or routellm")
    imports.add_argument("path", metavar="PATH", help="file or folder of that format")
    imports.add_argument(
        "--out", type=new_file, required=not place.keeps_results, metavar="TABLE", help="Parquet file to write"
    )
    imports.add_argument(
        "--cost",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="model's USD per query, or per million tokens as NAME=VALUE/Mtok; once per model",
    )
    _json(imports)

    tune = add_verb(
        group, "tune", verbs.tune, "search a routing policy on a table of outcomes", "tune outcomes --out policy.json"
    )
    tune.add_argument("table", metavar="TABLE", help="Parquet, CSV or JSONL file, or a benchmark's folder")
    tune.add_argument(
        "--out", type=new_file, required=not place.keeps_results, metavar="POLICY", help="policy file to write"
    )
    _tuning_options(tune)
    _common(tune, place)

    replay = add_verb(
        group,
        "replay",
        verbs.replay,
        "test a policy and every baseline on a table of outcomes",
        "replay policy.json outcomes --split test",
    )
    replay.add_argument("policy", metavar="POLICY", help=POLICY)
    replay.add_argument("table", metavar="TABLE", help="Parquet, CSV or JSONL file, or a benchmark's folder")
    replay.add_argument("--split", default="test", metavar="S", help="tune, validate, test or all (%(default)s)")
    replay.add_argument("--cost-weight", type=float, metavar="X", help="another trade-off than the policy's own")
    replay.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the intervals (%(default)s)")
    replay.add_argument("--decisions", type=new_file, metavar="FILE", help="write each query's steps as .parquet")
    replay.add_argument("--curve", action="store_true", help="with --decisions: at every point of the curve")
    _common(replay, place)

    compare = add_verb(
        group,
        "compare",
        verbs.compare,
        "compare policies with the first of them, query by query",
        "compare old.json new.json outcomes",
    )
    compare.add_argument("policies", nargs="+", metavar="POLICY", help="at least two, each a " + POLICY)
    compare.add_argument("table", metavar="TABLE", help="Parquet, CSV or JSONL file, or a benchmark's folder")
    compare.add_argument("--split", default="test", metavar="S", help="tune, validate, test or all (%(default)s)")
    compare.add_argument("--cost-weight", type=float, metavar="X", help="one trade-off for all (each policy's own)")
    compare.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the intervals (%(default)s)")
    _common(compare, place)

    route = add_verb(group, "route", verbs.route, "choose a size for a text", 'route policy.json "What is 7 * 8?"')
    route.add_argument("policy", metavar="POLICY", help=POLICY)
    route.add_argument("text", metavar="TEXT", help="the query; - reads it from standard input")
    route.add_argument("--task", metavar="NAME", help="name of the task the query belongs to")
    route.add_argument("--cost-weight", type=float, metavar="X", help="accuracy given up to save one largest call")
    route.add_argument("--mlflow", default=place.store, metavar="URI", help="MLflow store (%(default)s)")
    route.add_argument("--json", action="store_const", const="-", help="print the decision as JSON")

    learn = add_verb(
        group,
        "learn",
        verbs.learn,
        "tune a policy again on feedback; the new version is promoted only if it is shown to be better",
        "learn policy.json zeta-history.db --outcomes outcomes --out new.json",
    )
    learn.add_argument("policy", metavar="POLICY", help=POLICY)
    learn.add_argument("history", metavar="HISTORY", help="file or database URL of the history")
    learn.add_argument(
        "--out", type=new_file, required=not place.keeps_results, metavar="NEW", help="file for a promoted version"
    )
    learn.add_argument("--outcomes", metavar="TABLE", help="a benchmark to tune and compare on as well")
    learn.add_argument(
        "--trust", nargs="+", default=(), metavar="SOURCE", help="kinds of feedback whose word is not bounded: scorer"
    )
    learn.add_argument("--force", action="store_true", help="promote it whatever the comparison says; it is recorded")
    learn.add_argument("--trials", type=int, default=300, metavar="N", help="configurations tried (%(default)s)")
    learn.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the search (%(default)s)")
    learn.add_argument("--estimator", default="auto", metavar="E", help="auto, heuristic or learned (%(default)s)")
    _common(learn, place)

    history = add_verb(
        group,
        "history",
        verbs.history,
        "show a history, or export its judged answers",
        "history status zeta-history.db",
    )
    history.add_argument("what", choices=["status", "export"], metavar="status|export", help="what to do")
    history.add_argument("history", metavar="HISTORY", help="file or database URL of the history")
    history.add_argument("--out", type=new_file, metavar="TABLE", help="with export: the Parquet file to write")
    _json(history)

    promote = add_verb(
        group, "promote", verbs.promote, "make a version of the registered policy its champion", "promote 3"
    )
    promote.add_argument("policy", metavar="VERSION|POLICY", help="version, challenger, or a policy file")
    promote.add_argument("--out", type=new_file, metavar="POLICY", help="file to write the champion to")
    _common(promote, place)

    rollback = add_verb(
        group, "rollback", verbs.rollback, "make the earlier champion champion again", "rollback --out policy.json"
    )
    rollback.add_argument("--out", type=new_file, metavar="POLICY", help="file to write the champion to")
    _common(rollback, place)

    ui = add_verb(group, "ui", verbs.ui, "open the MLflow page of all runs, or a study's page", "ui")
    ui.add_argument("--port", type=int, default=place.port, metavar="N", help="loopback port (5000, or a free one)")
    ui.add_argument("--mlflow", default=place.store, metavar="URI", help="MLflow store (%(default)s)")
    ui.add_argument("--optuna", metavar="URL", help="open optuna-dashboard on this Optuna storage instead")
    ui.add_argument("--json", action="store_const", const="-", help="print address and command, start nothing")

    check = add_verb(
        group,
        "gpu-check",
        verbs.gpu_check,
        "measure how fast this machine's GPU runs 4B, 7B and 14B models of random weights",
        "gpu-check --out gpu.json",
    )
    check.add_argument("--sizes", default="4B,7B,14B", metavar="A,B", help="sizes to build (%(default)s)")
    check.add_argument(
        "--scale", choices=["published", "tiny"], default="published", help="tiny shows on any machine that it works"
    )
    check.add_argument("--out", type=new_file, metavar="FILE", help="JSON file to write")
    _json(check)
    return parser


def new_file(text: str) -> Path:
    """Return the path of a file that can be written: else a verb's work would be lost at its end."""
    path = Path(text)
    folder = next(p for p in path.absolute().parents if p.exists())
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"'{text}' is a folder; name a file in it")
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise argparse.ArgumentTypeError(f"'{text}' can't be written: {folder} takes no files; name one elsewhere")
    return path


def add_verb(
    group: Any, name: str, do: Callable[[argparse.Namespace], verbs.Result], summary: str, example: str
) -> Parser:
    """Add a verb to the sub-commands of a parser: `do` takes the parsed words."""
    parser: Parser = group.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    parser.epilog = f"example: {parser.prog.removesuffix(name)}{example}"
    parser.set_defaults(do=do)
    return parser


def _json(parser: Parser) -> None:
    parser.add_argument("--json", nargs="?", const="-", metavar="FILE", help="write the result as JSON (to the screen)")


def _common(parser: Parser, place: Place) -> None:
    parser.add_argument("--mlflow", default=place.store, metavar="URI", help="MLflow store, or none (%(default)s)")
    _json(parser)


def _tuning_options(parser: Parser) -> None:
    parser.add_argument("--cost", metavar="COLUMN", help="gpu_s, cost_usd or latency_s (the first the table has)")
    parser.add_argument("--trials", type=int, default=300, metavar="N", help="configurations tried (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the search (%(default)s)")
    parser.add_argument("--max-cost", type=float, metavar="X", help="most a query may cost on average")
    parser.add_argument("--min-score", type=float, metavar="X", help="least average score, in [0, 1]")
    parser.add_argument(
        "--estimator", default="auto", metavar="E", help="auto, heuristic, learned, knn or embedding (%(default)s)"
    )
    parser.add_argument("--embedder", metavar="MODEL", help="sentence-transformers model for knn and embedding")
    parser.add_argument("--keep", type=float, metavar="X", help="certify this share of the largest size's accuracy")
    parser.add_argument("--confidence", type=float, default=0.95, metavar="X", help="of --keep (%(default)s)")
    parser.add_argument("--storage", metavar="URL", help="Optuna storage that makes the study resumable")

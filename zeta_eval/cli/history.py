"""`zeta history`: show a history, or export its judged answers."""

from argparse import Namespace

from zeta_eval.cli.options import JSON, new_file
from zeta_eval.cli.verb import Result, verb
from zeta_eval.exceptions import InvalidInputError


@verb(
    "history",
    "show a history, or export its judged answers",
    example="history status zeta-history.db",
    arguments={
        "what": {"choices": ["status", "export"], "metavar": "status|export", "help": "what to do"},
        "history": {"metavar": "HISTORY", "help": "file or database URL of the history"},
        "--out": {"type": new_file, "metavar": "TABLE", "help": "with export: the Parquet file to write"},
        **JSON,
    },
)
def _history(args: Namespace) -> Result:
    from zeta_eval.api.versions import opened
    from zeta_eval.feedback.status import HistoryStatus

    if args.what == "export" and args.out is None:
        raise InvalidInputError("`history export` writes a table; name it: --out outcomes.parquet.")
    with opened(args.history) as store:
        if args.what == "status":
            return Result.of(HistoryStatus.of(store))
        judged = store.export(args.out)
    rows = len(judged.frame)
    return Result(report=judged, text=f"{rows} judged answers", data={"rows": rows}).written("Outcomes", args.out)

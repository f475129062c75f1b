"""`zeta history`: show a history, export its judged answers, or say what of it is damaged."""

from argparse import Namespace

from zeta_eval.cli.options import JSON, new_file
from zeta_eval.cli.verb import Result, verb
from zeta_eval.exceptions import InvalidInputError


@verb(
    "history",
    "show a history, export its judged answers, or check it for damage",
    example="history status zeta-history.db",
    arguments={
        "what": {"choices": ["status", "export", "check"], "metavar": "status|export|check", "help": "what to do"},
        "history": {"metavar": "HISTORY", "help": "file or database URL of the history"},
        "--out": {"type": new_file, "metavar": "TABLE", "help": "with export: the Parquet file to write"},
        "--repair": {
            "action": "store_true",
            "help": "with check: take damaged rows out, and keep a copy of the file as it was",
        },
        **JSON,
    },
)
def _history(args: Namespace) -> Result:
    from zeta_eval.api.versions import opened
    from zeta_eval.feedback.status import HistoryStatus

    if args.what == "export" and args.out is None:
        raise InvalidInputError("`history export` writes a table; name it: --out outcomes.parquet.")
    if args.repair and args.what != "check":
        raise InvalidInputError("--repair goes with `history check`.")
    with opened(args.history) as store:
        if args.what == "check":
            return Result.of(store.check(repair=args.repair))
        if args.what == "status":
            return Result.of(HistoryStatus.of(store))
        judged = store.export(args.out)
        damaged = len(store.damaged)
    rows = len(judged.frame)
    left = f", {damaged} damaged rows left out (`zeta history check` names them)" if damaged else ""
    data = {"rows": rows} | ({"damaged": damaged} if damaged else {})
    return Result(report=judged, text=f"{rows} judged answers{left}", data=data).written("Outcomes", args.out)

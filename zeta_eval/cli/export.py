"""`zeta export`: a policy in the format of another router."""

from argparse import Namespace
from importlib import import_module

from zeta_eval.cli.options import JSON, POLICY, STORE, new_file, policy
from zeta_eval.cli.parser import Choices
from zeta_eval.cli.verb import Result, verb


@verb(
    "export",
    "write a policy in another router's format, where that can say what the policy does",
    example="export policy.json --to litellm --ladder fleet.toml --out litellm.yaml",
    arguments={
        **POLICY,
        "--to": {
            "required": True,
            "choices": Choices(lambda: import_module("zeta_eval.integrations.export").TARGETS),
            "help": "the format",
        },
        "--ladder": {"required": True, "metavar": "L", "help": "TOML file with the addresses of the models' servers"},
        "--alone": {
            "action": "store_true",
            "help": "export the single size that the verdict names where routing was not proven to pay",
        },
        "--out": {"type": new_file, "metavar": "FILE", "help": "file to write"},
        **STORE,
        **JSON,
    },
)
def _export(args: Namespace) -> Result:
    from zeta_eval.integrations.export import export
    from zeta_eval.models import Ladder

    made = export(policy(args), Ladder.load(args.ladder), args.to, single=args.alone)
    if args.out is not None:
        made.save(args.out)
    return Result.of(made).written("Configuration", args.out)

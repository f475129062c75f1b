"""`zeta gpu-check`: measure the speed of a ladder of random weights on this machine's device."""

from argparse import Namespace

from zeta_eval.cli.options import JSON, new_file
from zeta_eval.cli.verb import Result, verb
from zeta_eval.files import write_json


@verb(
    "gpu-check",
    "measure how fast this machine's GPU runs 4B, 7B and 14B models of random weights",
    example="gpu-check --out gpu.json",
    arguments={
        "--sizes": {"default": "4B,7B,14B", "metavar": "A,B", "help": "sizes to build (%(default)s)"},
        "--scale": {
            "choices": ["published", "tiny"],
            "default": "published",
            "help": "tiny shows on any machine that it works",
        },
        "--out": {"type": new_file, "metavar": "FILE", "help": "JSON file to write"},
        **JSON,
    },
)
def _check(args: Namespace) -> Result:
    from zeta_eval.inference import gpu_check

    sizes = [name.strip() for name in args.sizes.split(",")]
    report = gpu_check.check(sizes=sizes, tiny=args.scale == "tiny")
    command = f"zeta gpu-check --sizes {args.sizes} --scale {args.scale}"
    data = {"command": command, **report.to_dict()}
    if args.out is not None:
        write_json(args.out, data)
    return Result(report=report, text=report.text(), data=data).written("Figures", args.out)

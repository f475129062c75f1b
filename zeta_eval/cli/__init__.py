"""The command line: `zeta run`, `zeta bench` and so on; one file per verb."""

from zeta_eval.cli.main import main

__all__ = ["main"]

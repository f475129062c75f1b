"""What every step of a run is told."""

from __future__ import annotations

import argparse
from pathlib import Path


def arguments(about: str | None) -> argparse.Namespace:
    """Scale and output of a step, and the file of GSM8K where there is one."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--scale", choices=["published", "tiny"], default="published")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--gsm8k", help="a local file of GSM8K")
    args = parser.parse_args()
    args.gsm8k = args.gsm8k or None
    return args

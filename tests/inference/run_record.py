"""What run.json says of each size."""

import json


def recorded(report, key):
    """By size, an entry of run.json: "rows", "errors", "seconds" or "latency"."""
    sizes = json.loads((report.folder / "run.json").read_text())["sizes"]
    return {size: entry[key] for size, entry in sizes.items()}

"""What tests of importers share: the logs that real tools wrote, and the account of a report."""

from pathlib import Path

LOGS = Path(__file__).parent / "outcomes" / "logs"


def accounted(report):
    """Every row of the source is in the table or counted with a reason."""
    assert report.n_rows == len(report.outcomes.attempts) + sum(report.skipped.values())
    assert all(report.skipped.values())
    return report

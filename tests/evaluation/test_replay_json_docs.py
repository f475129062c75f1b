import re
from pathlib import Path

from zeta_eval.evaluation.replay import replay
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.testing import make_outcomes

PAGE = Path(__file__).parents[2] / "docs" / "replay-json.md"
BY_NAME = ("shares", "shares_ci", "cpt", "cost_to_keep")  # their keys are sizes and levels


def keys(value):
    if isinstance(value, list):
        return {k for item in value for k in keys(item)}
    if not isinstance(value, dict):
        return set()
    return set(value) | {k for name, v in value.items() if name not in BY_NAME for k in keys(v)}


def test_every_key_of_the_json_is_documented_and_no_other():
    outcomes = make_outcomes(300, ("4B", "7B", "14B"), seed=0)
    report = replay(RoutingPolicy.seed(), outcomes, cost="gpu_s", n_bootstrap=20, baselines=False)
    page = PAGE.read_text(encoding="utf-8")
    first_cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    prose = re.sub(r"^\|.*$", "", page, flags=re.MULTILINE)
    documented = set(re.findall(r"`(\w+)`", " ".join(first_cells)))
    assert keys(report.to_dict()) <= documented | set(re.findall(r"`(\w+)`", prose))
    assert documented <= keys(report.to_dict())

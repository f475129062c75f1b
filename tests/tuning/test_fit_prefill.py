import numpy as np
import pytest

import zeta_eval as ze
from zeta_eval.exceptions import PolicyError
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.router.policy_file import Rung
from zeta_eval.testing import make_outcomes
from zeta_eval.tuning.fit_prefill import FEWEST, fit_prefill


@pytest.fixture(scope="module")
def table():
    return make_outcomes(300)


def priced(table, read, written, **columns):
    """The table with USD per token read and written, by size."""
    frame = table.frame
    usd = frame["model"].map(read) * frame["prompt_tokens"] + frame["model"].map(written) * frame["completion_tokens"]
    return Outcomes.from_frame(frame.assign(cost_usd=usd, **columns)).with_order(table.sizes)


@pytest.mark.parametrize(("unit", "column"), [("gpu_s", "prefill_gpu_s"), ("latency_s", "ttft_s")])
def test_measured_seconds_of_reading_are_shared_out_over_the_tokens_read(table, unit, column):
    read, tokens = table.matrix(column).sum(axis=0), table.matrix("prompt_tokens").sum(axis=0)
    assert fit_prefill(table, unit) == pytest.approx(tuple(read / tokens))


def test_prices_of_tokens_read_and_written_are_told_apart(table):
    read = {"4B": 1e-7, "7B": 2e-7, "14B": 0.0}
    made = priced(table, read, {"4B": 3e-7, "7B": 2e-7, "14B": 9e-7})
    assert fit_prefill(made, "cost_usd") == pytest.approx(tuple(read.values()), abs=1e-12)


def test_too_few_or_unknown_tokens_tell_nothing(table):
    none = priced(table, dict.fromkeys(table.sizes, 1.0), dict.fromkeys(table.sizes, 1.0), prompt_tokens=np.nan)
    assert fit_prefill(none, "cost_usd") == fit_prefill(none, "gpu_s") == (None, None, None)
    assert fit_prefill(make_outcomes(FEWEST - 1), "gpu_s") == (None, None, None)


def test_a_tuned_policy_knows_what_reading_costs_and_its_file_keeps_it(table, tmp_path):
    settings = ze.TuningSettings(n_trials=2, estimator="heuristic")
    policy = ze.tune(table, settings=settings).policy
    mine = [r.prefill * policy.unit_cost for r in policy.rungs]
    assert mine == pytest.approx(fit_prefill(table.take(np.flatnonzero(table.splits != "test")), "gpu_s"))
    assert RoutingPolicy.load(policy.save(tmp_path / "p.json")) == policy


def test_a_policy_that_does_not_say_what_reading_costs_has_a_file_without_it(tmp_path):
    path = RoutingPolicy.seed().save(tmp_path / "p.json")
    assert "prefill" not in path.read_text()


@pytest.mark.parametrize("prefill", [-1.0, float("nan"), "much"])
def test_a_cost_of_reading_that_is_none_is_refused(prefill):
    with pytest.raises(PolicyError, match="prefill"):
        Rung(size="4B", cost=1.0, prefill=prefill)

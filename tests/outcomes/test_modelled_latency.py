import numpy as np
import pandas as pd
import pytest

from zeta_eval.evaluation.replay import replay
from zeta_eval.outcomes import Outcomes, summary
from zeta_eval.outcomes.latency import Sureness, latency_note, modelled_latency
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.testing import make_outcomes

TRUE = np.array([0.03, 1e-4, 7e-3])


def points(rng, n):
    return np.column_stack([np.ones(n), rng.integers(5, 500, n), rng.integers(1, 300, n)]).astype(float)


@pytest.mark.parametrize("scatter", ["alike", "longer answers vary more"])
def test_the_interval_covers_the_true_mean_as_often_as_it_says(scatter):
    rng, hits, typical = np.random.default_rng(0), 0, np.array([1.0, 250.0, 150.0])
    for _ in range(600):
        x = points(rng, 24)
        mean = x @ TRUE
        y = mean + rng.normal(size=24) * (0.1 if scatter == "alike" else 0.1 * mean)
        sure = Sureness.of(x, y)
        fitted = np.linalg.lstsq(x[:, sure.used], y)[0] @ typical[sure.used]
        hits += abs(fitted - typical @ TRUE) <= sure.half_width(typical)
    assert 0.92 < hits / 600 < 0.985


def test_as_many_coefficients_as_queries_leave_the_interval_unknown():
    rng = np.random.default_rng(1)
    x = points(rng, 3)
    assert np.isnan(Sureness.of(x, x @ TRUE).half_width(x[0]))


def measured(outcomes, n=24):
    """A table of which n queries per size were measured, with some scatter."""
    frame, rng = outcomes.frame.copy(), np.random.default_rng(2)
    first = frame.groupby("model").cumcount() < n
    frame["latency_source"] = np.where(first, "measured", "modelled")
    frame["latency_s"] = frame["latency_s"] * np.where(first, rng.normal(1, 0.1, len(frame)), 1.0)
    return Outcomes.from_frame(frame).with_order(outcomes.sizes)


def test_p50_and_p95_have_an_interval_that_more_measured_queries_narrow():
    few, many = (measured(make_outcomes(300), n).frame.query("model == '7B'") for n in (12, 150))
    widths = []
    for rows in (few, many):
        value, low, high = modelled_latency(rows)["p50"]
        assert low < value < high and value == pytest.approx(rows["latency_s"].quantile(0.5))
        widths.append(high - low)
    assert widths[1] < 0.6 * widths[0]


def test_bench_summary_and_replay_show_it_where_latencies_are_modelled():
    table = measured(make_outcomes(300))
    row = summary(table).iloc[0]
    assert row["latency_p95_low_s"] < row["latency_p95_s"] < row["latency_p95_high_s"]
    note = latency_note(table.frame, table.sizes)
    assert note.startswith("latencies are modelled") and "4B p50 " in note and "(24 measured)" in note
    assert note in replay(RoutingPolicy.seed(), table, n_bootstrap=20, baselines=False).notes


def test_where_nothing_is_modelled_or_measured_there_is_no_interval():
    table = make_outcomes(60)
    for source in ("modelled", "measured", "imported", None):
        frame = table.frame.assign(latency_source=source)
        assert modelled_latency(frame) == {} and latency_note(frame, table.sizes) is None
    assert modelled_latency(pd.DataFrame(measured(table).frame).assign(latency_s=None)) == {}

import random

import pytest

from zeta_eval.feedback import History
from zeta_eval.feedback.drift import KEPT, Drift, PageHinkley
from zeta_eval.router import Step, ZetaDynamicRouter
from zeta_eval.router.policy import RoutingPolicy


def test_a_rise_and_a_fall_are_found_with_their_numbers():
    for sign in (1, -1):
        rng, test = random.Random(0), PageHinkley()
        found = []
        for i in range(600):
            mean = 5.0 if i < 300 else 5.0 + sign
            if told := test.see(rng.gauss(mean, 1.0), float(i)):
                found.append((i, told))
        assert len(found) == 1
        at, (before, after, n_before, n_after, since_s) = found[0]
        assert 300 < at < 380
        assert before == pytest.approx(5.0, abs=0.2) and after == pytest.approx(5.0 + sign, abs=0.4)
        assert n_before + n_after == at + 1 and abs(since_s - 300) < 25


def test_noise_alone_raises_hardly_ever_an_alarm():
    alarms = 0
    for seed in range(10):
        rng, test = random.Random(seed), PageHinkley()
        alarms += sum(test.see(rng.gauss(0.0, 1.0), float(i)) is not None for i in range(3000))
    assert alarms <= 1


def test_a_constant_that_jumps_is_found_and_one_that_stays_is_not():
    test = PageHinkley()
    assert not any(test.see(2.0, float(i)) for i in range(500))
    assert any(test.see(3.0, float(i)) for i in range(60))


def test_an_event_names_what_changed_for_which_size_and_since_when():
    rng, drift = random.Random(1), Drift()
    for i in range(800):
        drift.success("14B", float(rng.random() < (0.8 if i < 400 else 0.3)), at_s=60.0 * i)
        drift.success("4B", float(rng.random() < 0.5), at_s=60.0 * i)
        drift.latency("14B", rng.lognormvariate(0.0 if i < 400 else 1.1, 0.5), at_s=60.0 * i)
        drift.complexity(rng.gauss(0.0, 1.0), at_s=60.0 * i)
    found = {(e.what, e.size): e for e in drift.events}
    assert set(found) == {("success", "14B"), ("latency", "14B")}
    success, latency = found["success", "14B"], found["latency", "14B"]
    assert success.before == pytest.approx(0.8, abs=0.08) and success.after == pytest.approx(0.3, abs=0.15)
    assert latency.before == pytest.approx(1.0, abs=0.2) and latency.after == pytest.approx(3.0, abs=0.9)
    assert abs(success.since_s - 24000) < 2000 and success.found_s > success.since_s
    assert "success of 14B changed from 0.7" in str(success) and "1970-01-01 06:" in str(success)
    assert drift.events[0].what in ("success", "latency")


def test_a_shift_of_difficulty_is_found_and_only_so_many_events_are_kept():
    drift = Drift(threshold=5.0)
    for i in range(60_000):
        drift.complexity(float(i // 200 % 2) + 0.1 * (i % 3), at_s=float(i))
    assert len(drift.events) == KEPT and drift.events[-1].size is None


def test_a_stored_history_is_watched_in_order(tmp_path):
    router = ZetaDynamicRouter(RoutingPolicy.seed())
    with History(tmp_path / "history.db") as history:
        rng = random.Random(0)
        decision = router.route("Hi there")
        ids = []
        for i in range(240):
            latency_s = (1 + rng.random()) * (1 if i < 120 else 4)
            step = Step(size="7B", text="", latency_s=latency_s, p_right=0.5, error=None)
            ids.append(history.record(decision, "Hi there", steps=[step]))
        for i in ids[::6]:
            history.feedback(i, right=True)
        events = Drift.of(history.frame()).events
    assert [(e.what, e.size) for e in events] == [("latency", "7B")]
    assert events[0].before == pytest.approx(1.5, abs=0.2) and events[0].after == pytest.approx(6.0, abs=0.8)

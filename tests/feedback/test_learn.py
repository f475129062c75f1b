import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from worlds import SETTINGS, world

import zeta_eval as ze
from zeta_eval.api import versions
from zeta_eval.cli import main
from zeta_eval.exceptions import InvalidInputError, OutcomesError, UnknownNameError
from zeta_eval.feedback import History
from zeta_eval.feedback.judged import Judged
from zeta_eval.models import Completion
from zeta_eval.router.cascade import Look, Posterior
from zeta_eval.router.context import TokenRates
from zeta_eval.router.estimators.seed import Seed
from zeta_eval.router.policy import RoutingPolicy, Rung
from zeta_eval.testing import make_outcomes


def stream(path, policy, table, *, epsilon, seed=0):
    """Route a table's queries, explore with probability epsilon, and judge every answer by the table."""
    rng, router, sizes = np.random.default_rng(seed), ze.ZetaDynamicRouter(policy), table.sizes
    scores = table.matrix("score")
    with History(path) as history:
        frame = []
        for text, task, score in zip(table.queries, table.tasks, scores, strict=True):
            decision = router.route(text, task=task)
            size = sizes[rng.integers(len(sizes))] if rng.random() < epsilon else decision.size
            propensity = epsilon / len(sizes) + (1 - epsilon) * (size == decision.size)
            key = history.record(replace(decision, size=size), text, task=task, propensity=propensity)
            frame.append((key, float(score[sizes.index(size)])))
        history.flush()
        for key, score in frame:
            history.feedback(key, score=score, source="scorer")
    return path


@pytest.fixture(scope="module")
def changed(old, tmp_path_factory):
    """Explored traffic after the smallest size got much better."""
    return stream(tmp_path_factory.mktemp("h") / "h.db", old, world(1400, 5, small_right=0.9), epsilon=0.6)


@pytest.fixture(scope="module")
def misled(old, tmp_path_factory):
    """Traffic without exploration whose judge calls every answer of the largest size wrong."""
    return stream(tmp_path_factory.mktemp("m") / "m.db", old, world(500, 6, large_wrong=True), epsilon=0.0)


def test_a_better_version_is_promoted_and_is_better_on_new_queries(old, changed, tmp_path):
    out = tmp_path / "new.json"
    report = ze.learn(old, changed, out=out, trusted=["scorer"], settings=SETTINGS)
    assert report.promoted and not report.forced
    assert [e.source for e in report.differences] == ["explored feedback by scorer"] and report.differences[0].low > 0
    new = RoutingPolicy.load(out)
    assert new == report.new == report.policy
    assert new.provenance["parent"] == old.checksum
    assert new.provenance["learned"]["feedback"] == 1400 and new.cost_weight == old.cost_weight
    later = ze.compare({"old": old, "new": new}, world(1500, 9, small_right=0.9), split="all")
    assert later.rows["utility_difference_low"][1] > 0
    told = report.differences[0]
    assert abs(told.value - later.rows["utility_difference"][1]) < told.high - told.low
    assert "is promoted: it is better than its parent" in report.text()
    assert report.figure().axes and len(report.frame()) == 1


def test_a_version_learned_from_feedback_alone_knows_what_the_sizes_can_hold(old, misled):
    held = zip(old.rungs, (256, None, 4096), strict=True)
    parent = replace(
        old,
        rungs=tuple(replace(r, context=c, answer_tokens=50.0 if c else None) for r, c in held),
        tokens=TokenRates(letters=0.4),
    )
    new = ze.learn(parent, misled, settings=SETTINGS).new
    assert {r.size: (r.context, r.answer_tokens) for r in new.rungs} == {
        r.size: (r.context, r.answer_tokens) for r in parent.rungs
    }
    assert new.tokens == parent.tokens


def test_a_worse_version_is_not_promoted_and_nothing_is_written(old, misled, tmp_path):
    out = tmp_path / "new.json"
    report = ze.learn(old, misled, outcomes=world(400, 0), out=out, settings=SETTINGS)
    assert not report.promoted and report.policy is old and not out.exists()
    assert [e.source for e in report.differences] == ["replay of outcomes"] and report.differences[0].value < 0
    assert report.versus is not None and report.versus.n == report.differences[0].n
    assert "is not promoted" in report.text()


def test_without_exploration_feedback_compares_nothing_and_says_so(old, misled, tmp_path):
    report = ze.learn(old, misled, settings=SETTINGS)
    assert not report.promoted and report.differences == ()
    assert "says nothing of sizes that were not chosen" in report.text()
    assert report.new.verdict.status == "not measured"


def generated(path, table, *, explore):
    """Traffic of a cascade that keeps the small size's answer where it is sure; all kept answers are judged truly."""
    own = Posterior(size="4B", bias=2.0, prior=1.0, own=0.0, weights={"mean_logprob": 8.0})
    policy = RoutingPolicy(
        name="t",
        rungs=tuple(Rung(size=s, cost=c) for s, c in zip(table.sizes, (0.1, 0.3, 1), strict=True)),
        estimator=Seed(weights={"words": 0.0}, bias=0.0, ability=(0.0, 0.5, 2.0), slope=(1.0, 1.0, 1.0)),
        cost_weight=0.6,
        default_size="7B",
        looks=(Look(ran=("4B",), spread=0.5, posteriors=(own,)),),
        cost_unit="gpu_s",
    )
    router, scores = ze.ZetaDynamicRouter(policy, explore=explore, seed=0), table.matrix("score")
    with History(path) as history:
        for text, task, right in zip(table.queries, table.tasks, scores, strict=True):
            says = {s: completion(-0.1 - 0.3 * (1 - x)) for s, x in zip(table.sizes, right, strict=True)}
            made = router.generate(text, says, task=task)
            key = history.record(made.decision, text, task=task, steps=made.steps)
            history.feedback(key, score=float(right[table.sizes.index(made.size)]), source="scorer")
    return policy


def completion(logprob):
    return lambda _: Completion(text="x", mean_logprob=logprob, min_logprob=logprob)


def test_answers_that_a_cascade_kept_for_what_they_said_are_not_learned_from(tmp_path):
    table = world(300, 5)
    policy = generated(tmp_path / "h.db", table, explore=0.0)
    with pytest.raises(OutcomesError, match=r"kept by a cascade for what they said.*explore=0\.05"):
        ze.learn(policy, tmp_path / "h.db", settings=SETTINGS)


def test_a_cascade_s_explored_answers_are_as_often_right_as_their_sizes(tmp_path):
    table = world(1500, 5)
    policy = generated(tmp_path / "h.db", table, explore=0.5)
    truth = table.matrix("score").mean(axis=0)
    with History(tmp_path / "h.db") as history:
        judged, every = Judged.of(history, policy.sizes), history.ratings()
    assert judged.left_out + len(judged) == len(every) == 1500 and judged.left_out > 500
    assert judged.explored.all() and set(judged.propensity) == {1 / 3}
    fair = np.array([judged.score[judged.size == m].mean() for m in range(3)])
    assert np.abs(fair - truth).max() < 0.08
    kept = every[every["model"] == "4B"]["score"].mean()
    assert kept > truth[0] + 0.15  # with the answers that were kept for what they said


def test_a_report_says_how_many_ratings_a_cascade_spoilt(tmp_path):
    policy = generated(tmp_path / "h.db", world(600, 5), explore=0.5)
    report = ze.learn(policy, tmp_path / "h.db", trusted=["scorer"], settings=SETTINGS)
    assert "ratings are left out: a cascade kept these answers for what they said" in report.text()


def test_too_little_exploration_where_the_versions_differ_is_one_line_that_says_what_to_do(old, tmp_path):
    path = stream(tmp_path / "h.db", old, world(400, 5, small_right=0.8), epsilon=0.05)
    report = ze.learn(old, path, trusted=["scorer"], settings=SETTINGS)
    assert not report.promoted and report.differences == ()
    assert "so its feedback compares nothing here; explore more or longer, or give --outcomes TABLE." in report.text()


def test_a_version_can_be_forced_and_the_force_is_recorded(old, misled, tmp_path):
    out = tmp_path / "new.json"
    report = ze.learn(old, misled, out=out, force=True, settings=SETTINGS)
    assert report.promoted and report.forced
    assert RoutingPolicy.load(out).provenance["learned"]["forced"] is True
    assert "promoted by force" in report.text()


def test_weights_undo_that_a_size_was_judged_on_the_queries_it_was_sent(old, tmp_path):
    table = world(900, 5, small_right=0.8)
    truth = dict(zip(table.sizes, table.matrix("score").mean(axis=0), strict=True))
    with History(stream(tmp_path / "h.db", old, table, epsilon=0.4)) as history:
        judged = Judged.of(history, old.sizes, trusted=["scorer"])
    p = judged.corrected(np.full((len(judged.queries), 3), 0.5))
    for m, size in enumerate(old.sizes):
        naive = judged.score[judged.size == m].mean()
        assert abs(p[:, m].mean() - truth[size]) < max(0.06, 0.8 * abs(naive - truth[size]))


def test_a_query_whose_task_nobody_told_is_read_as_it_was_routed(old, tmp_path):
    with History(tmp_path / "h.db") as history:
        for text, task in (("What is 1 + 2?", None), ("What is 3 + 4?", "sums-1")):
            decision = ze.route(old, text, task=task)
            history.feedback(history.record(decision, text, task=task), right=True)
        assert set(Judged.of(history, old.sizes).tasks) == {None, "sums-1"}


def test_few_ratings_move_little(old, changed):
    with History(changed) as history:
        judged = Judged.of(history, old.sizes)
    few = replace(
        judged,
        at=judged.at[:3],
        size=judged.size[:3],
        score=np.zeros(3),
        source=judged.source[:3],
        propensity=np.ones(3),
        explored=judged.explored[:3],
        measured=judged.measured[:3],
    )
    p = np.full((len(judged.queries), 3), 0.8)
    assert np.abs(few.corrected(p) - p).max() < 0.45
    assert (few.corrected(p) <= p + 1e-9).all()
    assert np.abs(few.rescaled(p, "gpu_s") - p).max() == 0


def test_a_promoted_version_follows_its_parent_as_champion(old, changed, tracker, tmp_path):
    out = tmp_path / "live.json"
    file = old.save(tmp_path / "old.json")
    report = ze.learn(file, changed, out=out, trusted=["scorer"], settings=SETTINGS, tracker=tracker)
    assert versions.load_policy("models:/ZetaDynamicRouter@champion", store=tracker.uri) == report.new
    version = tracker.registry._find("champion")
    assert version.tags["parent"] == old.checksum and version.tags["promoted"] == "True"
    ze.rollback(store=tracker.uri, out=out)
    assert out.read_bytes() == file.read_bytes()


def test_learning_that_can_not_be_is_one_clear_line(old, changed, tmp_path):
    with pytest.raises(InvalidInputError, match="No history at"):
        ze.learn(old, tmp_path / "none.db")
    with pytest.raises(InvalidInputError, match="keeps its parent's trade-off"):
        ze.learn(old, changed, settings=ze.TuningSettings(min_score=0.5))
    with pytest.raises(OutcomesError, match="no outcomes of 14B"):
        ze.learn(old, changed, outcomes=make_outcomes(200, sizes=("4B", "7B")))
    with pytest.raises(UnknownNameError, match="Unknown source of feedback 'scorr'"):
        ze.learn(old, changed, trusted=["scorr"])
    with pytest.raises(OutcomesError, match="no scored answer of A, B"):
        ze.learn(RoutingPolicy.seed(("A", "B")), changed)


def test_learn_is_a_command_that_writes_a_promoted_version_only(old, changed, misled, tmp_path, capsys):
    file, out = old.save(tmp_path / "old.json"), tmp_path / "new.json"
    quick = ["--trials", "12", "--estimator", "heuristic", "--mlflow", "none", "--out", str(out)]
    assert main(["learn", str(file), str(misled), *quick]) == 0
    assert "is not promoted" in capsys.readouterr().out and not out.exists()
    assert main(["learn", str(file), str(changed), *quick, "--trust", "scorer", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["promoted"] and found["parent"] == old.checksum and found["policy"] == str(out)
    assert RoutingPolicy.load(out).checksum == found["new"]


LOOP = """
import sys
from pathlib import Path
import zeta_eval as ze
policy, history, out, started = sys.argv[1:]
settings = ze.TuningSettings(n_trials=2, estimator="heuristic")
while True:
    report = ze.learn(policy, history, out=out, force=True, settings=settings)
    for _ in range(200):
        report.new.save(out)
        Path(started).touch()
"""


def test_a_kill_while_learning_never_leaves_a_broken_policy(old, misled, tmp_path):
    file, out, started = old.save(tmp_path / "old.json"), tmp_path / "new.json", tmp_path / "started"
    worker = subprocess.Popen([sys.executable, "-c", LOOP, str(file), str(misled), str(out), str(started)])
    try:
        deadline = time.monotonic() + 60
        while not started.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(float(np.random.default_rng().uniform(0, 0.3)))
    finally:
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    assert RoutingPolicy.load(out).provenance["parent"] == old.checksum
    assert json.loads(out.read_text())["checksum"]

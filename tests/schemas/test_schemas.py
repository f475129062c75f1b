"""What earlier releases wrote is read, or refused with the command that makes it anew; see make_files.py."""

import hashlib
import json
import math
import shutil
from contextlib import nullcontext
from pathlib import Path

import pytest

from zeta_eval.exceptions import InvalidInputError, PolicyError
from zeta_eval.feedback import History
from zeta_eval.feedback.online import Online
from zeta_eval.outcomes import Journal, Outcomes
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tracking.registry import MODEL

FILES = Path(__file__).with_name("files")


@pytest.mark.parametrize("path", sorted(FILES.glob("policy-3*.json")), ids=lambda p: p.stem)
def test_a_policy_of_schema_3_is_read_and_keeps_its_name_of_a_version(path):
    policy = RoutingPolicy.load(path)
    assert policy.checksum == json.loads(path.read_text())["checksum"]
    for text in ("What is 2 + 2?", "", "Prove it. " * 50):
        assert all(math.isfinite(p) for p in ZetaDynamicRouter(policy).route(text, task="sums").p.values())


@pytest.mark.parametrize("path", sorted(FILES.glob("policy-[12]*.json")), ids=lambda p: p.stem)
def test_a_policy_of_an_earlier_schema_is_refused_with_the_command_that_makes_it_anew(path):
    with pytest.raises(
        PolicyError, match=r"schema version [12], this version reads 3; .* `zeta tune TABLE --out FILE`"
    ):
        RoutingPolicy.load(path)


@pytest.mark.parametrize("path", sorted(FILES.glob("online-*.json")), ids=lambda p: p.stem)
def test_a_state_of_online_is_read_or_refused_with_a_way_to_start_anew(path):
    policy = RoutingPolicy.seed(("4B", "7B", "14B"))
    with (
        pytest.raises(InvalidInputError, match=r"start anew with Online\(policy\)")
        if path.stem != "online-3"
        else nullcontext()
    ):
        assert Online.load(path, policy).status()["tasks"]["sums"]["7B"]["score"] == 0.0


@pytest.mark.parametrize("path", sorted(FILES.glob("outcomes-*.parquet")), ids=lambda p: p.stem)
def test_a_table_of_any_schema_is_read(path):
    assert Outcomes.load(path).matrix("score").shape == (8, 3)


@pytest.mark.parametrize("path", sorted(FILES.glob("journal-*")), ids=lambda p: p.stem)
def test_a_journal_of_any_release_is_finished(path, tmp_path):
    shutil.copytree(path, tmp_path / "run")
    with Journal(tmp_path / "run") as journal:
        assert len(journal.done()) == 6
        assert journal.finish().matrix("score").tolist() == [[1, 1]] * 3


@pytest.mark.parametrize("path", sorted(FILES.glob("history-*.db")), ids=lambda p: p.stem)
def test_a_history_of_any_release_is_read_and_written(path, tmp_path):
    shutil.copy(path, tmp_path / "history.db")
    with History(tmp_path / "history.db") as history:
        assert history.frame()["score"].tolist() == [0.0, 0.5, 1.0]
        decision = ZetaDynamicRouter().route("Add 3 and 4.")
        history.feedback(history.record(decision, "Add 3 and 4."), right=True)
        assert len(history.frame()) == 4 and not history.check().damaged


@pytest.mark.parametrize("path", sorted(FILES.glob("policy-*.json")), ids=lambda p: p.stem)
def test_a_registered_version_of_any_schema_is_read_or_refused_with_the_command_that_makes_it_anew(path, tracker):
    content, registry = path.read_bytes(), tracker.registry
    tracker.log_policy(RoutingPolicy.seed().save(tracker.artifact_root.parent / "seed.json"))
    kept = [*tracker.artifact_root.rglob("policy.json")]
    assert kept
    for file in kept:
        file.write_bytes(content)
    registry.client.set_model_version_tag(MODEL, "1", "policy_sha256", hashlib.sha256(content).hexdigest())
    if path.stem.startswith("policy-3"):
        assert registry.load("1") == RoutingPolicy.load(path)
    else:
        with pytest.raises(PolicyError, match=r"schema version [12], this version reads 3; .* `zeta tune TABLE"):
            registry.load("1")

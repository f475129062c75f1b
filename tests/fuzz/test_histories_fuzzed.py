import json
import shutil
import sqlite3
from contextlib import closing, suppress

import pytest
from attacks import attack
from mutations import ODD, bitten, mutated

from zeta_eval.exceptions import OutcomesError
from zeta_eval.feedback import History
from zeta_eval.feedback.drift import Drift
from zeta_eval.feedback.online import Online
from zeta_eval.feedback.status import HistoryStatus
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.checked_file import checksum
from zeta_eval.router.policy import RoutingPolicy


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    """A history with decisions and feedback of every kind, closed."""
    path = tmp_path_factory.mktemp("valid") / "history.db"
    router = ZetaDynamicRouter(RoutingPolicy.seed(), explore=0.3, seed=1)
    with History(path) as history:
        for i in range(8):
            text = [{"role": "user", "content": f"{i} + 2?"}] if i % 3 == 0 else f"Add {i} and 2."
            made = history.record(router.route(text, task=("sums", None)[i % 2]), text)
            history.feedback(made, score=i / 8, source=("person", "scorer")[i % 2])
        history.feedback(text="Elsewhere?", size="7B", right=True)
        history.feedback(made, answer="9")
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=DELETE")
    return path


def spoil(rng, path):
    """Put odd values into some cells, or odd bytes into the file."""
    with closing(sqlite3.connect(path)) as db:
        db.text_factory = bytes
        for _ in range(rng.randint(1, 4)):
            table = rng.choice(("zeta_decisions", "zeta_feedback", "zeta_decisions", "zeta_meta"))
            columns = [row[1].decode() for row in db.execute(f"PRAGMA table_info({table})")]
            column = rng.choice(columns)
            value = rng.choice((*ODD, b"\xff\xfe", "{", '{"4B": NaN}', '{"4B": 1e999}', "[]", "[1]", '[{"size": 3}]'))
            if isinstance(value, list | dict):
                value = json.dumps(value)
            if isinstance(value, str) and rng.random() < 0.2:
                value = mutated(rng, {"value": value})
                value = json.dumps(value)
            with suppress(sqlite3.Error, OverflowError, UnicodeEncodeError):
                where = "" if rng.random() < 0.2 else f" WHERE rowid = {rng.randint(1, 8)}"
                db.execute(f"UPDATE {table} SET {column} = ?{where}", (value,))
        db.commit()
    if rng.random() < 0.2:
        path.write_bytes(bitten(rng, path.read_bytes()))


def test_a_history_is_refused_in_one_line_or_read_without_its_damaged_rows(valid, tmp_path):
    def read(rng):
        for old in tmp_path.iterdir():
            old.unlink()
        path = tmp_path / "history.db"
        shutil.copy(valid, path)
        spoil(rng, path)
        with History(path) as history:
            status = HistoryStatus.of(history)
            assert status.text() and json.dumps(status.to_dict(), allow_nan=False)
            with suppress(OutcomesError):
                history.outcomes().matrix("score")
            history.ratings()
            found = history.check(repair=True)
            if found.damaged:
                assert not history.check().damaged, found
        return True

    attack("histories", read, usual=80)


def test_a_state_of_online_is_refused_in_one_line_or_used(tmp_path):
    policy = RoutingPolicy.seed()
    online = Online(policy, drift=Drift())
    router = ZetaDynamicRouter(policy, online=online)
    for i in range(150):
        decision = router.route(f"{i} + 1?", task=("sums", None)[i % 2])
        router.learn(decision, "7B", score=float(i > 75), source=("person", "scorer")[i % 2])
        router.observe("7B", 0.5 + (i > 75), decision=decision)
    assert online.drift.events
    whole = json.loads(online.save(tmp_path / "state.json").read_text())
    del whole["checksum"]

    def load(rng):
        data = mutated(rng, whole)
        if isinstance(data, dict):
            with suppress(TypeError, ValueError, RecursionError):
                data["checksum"] = checksum(data)
        (tmp_path / "state.json").write_text(json.dumps(data))
        made = Online.load(tmp_path / "state.json", policy)
        used = ZetaDynamicRouter(policy, online=made)
        decision = used.route("2 + 2?", task="sums")
        assert all(0 <= p <= 1 for p in decision.p.values()) and all(c >= 0 for c in decision.cost.values())
        used.learn(decision, "7B", score=1.0)
        used.observe("7B", 1.0, decision=decision)
        made.save(tmp_path / "again.json")
        json.dumps([made.status(), [str(event) for event in made.drift.events] if made.drift else []], allow_nan=False)
        return True

    attack("states of Online", load, usual=300)

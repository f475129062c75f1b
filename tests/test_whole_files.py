import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from zeta_eval.files import replacing, write_json
from zeta_eval.router.policy import RoutingPolicy


def test_threads_that_save_one_path_give_no_error_and_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "made.json"
    written = [{"writer": i, "rows": [i] * 5000} for i in range(64)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda data: write_json(path, data), written))  # raises what a thread raised
    assert json.loads(path.read_text()) in written
    assert [p.name for p in tmp_path.iterdir()] == ["made.json"]


def test_a_reader_sees_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    policies = [RoutingPolicy.seed(), RoutingPolicy.seed(("1B", "2B"))]
    policies[0].save(path)
    with ThreadPoolExecutor(8) as pool:
        saved = [pool.submit(policies[i % 2].save, path) for i in range(40)]
        while not all(s.done() for s in saved):
            assert RoutingPolicy.load(path) in policies
        assert {s.result() for s in saved} == {path}


def test_a_file_is_on_the_disk_before_it_has_its_name_and_its_name_is_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def fsync(number: int) -> None:
        folder = stat.S_ISDIR(os.fstat(number).st_mode)
        seen.append(("folder" if folder else "file", path.exists()))

    monkeypatch.setattr("os.fsync", fsync)
    path = tmp_path / "made.json"
    write_json(path, {})
    assert seen == [("file", False), ("folder", True)]


def test_processes_of_one_number_write_beside_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getpid", lambda: 1)  # as in two containers
    path = tmp_path / "made.json"
    with replacing(path) as one, replacing(path) as other:
        assert one != other and one.parent == other.parent == tmp_path
        one.write_text("{}")
        other.write_text("{}")


def test_a_body_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = write_json(tmp_path / "made.json", {"old": 1})
    with pytest.raises(ZeroDivisionError), replacing(path) as temp:
        temp.write_text("half")
        raise ZeroDivisionError
    assert json.loads(path.read_text()) == {"old": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_written_file_has_the_rights_of_any_new_file(tmp_path: Path) -> None:
    (plain := tmp_path / "plain").touch()
    made = write_json(tmp_path / "made.json", {})
    assert stat.S_IMODE(made.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_a_name_as_long_as_systems_allow_can_be_written(tmp_path: Path) -> None:
    name = "é" * 120 + ".json"
    assert write_json(tmp_path / name, {}).read_text() == "{}\n"

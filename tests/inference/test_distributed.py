import json
import subprocess
import sys

import pytest
from launched import Launched, scripted

from zeta_eval.cli import main
from zeta_eval.exceptions import GenerationError, InvalidInputError
from zeta_eval.inference.run import distributed, launch
from zeta_eval.inference.run.distributed import Team
from zeta_eval.inference.run.launch import leads, says, world_size
from zeta_eval.models import ModelSpec
from zeta_eval.outcomes import Journal, Outcomes

SAME = ["dataset", "task", "query_id", "query", "model", "score", "response", "error", "prompt_tokens"]
SAME += ["completion_tokens", "mean_logprob", "min_logprob", "prefill_margin", "truncated", "unparsed", "prompt_hash"]


def essence(table):
    """What must not depend on who answered when."""
    frame = (Outcomes.load(table) if not isinstance(table, Outcomes) else table).frame
    return frame[SAME].sort_values(["model", "query_id"], ignore_index=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return essence(scripted(tmp_path_factory.mktemp("whole")).outcomes)


@pytest.mark.slow
def test_two_processes_launched_by_torchrun_give_the_rows_of_one(tmp_path):
    verb = ["bench", "--ladder", "embedded", "--tasks", "embedded", "--limit", "3", "--batch-size", "8"]
    verb += ["--mlflow", "none", "--out"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, "-m", "zeta_eval.cli", *verb, str(tmp_path / "two")]
    two = subprocess.run(command, capture_output=True, text=True, check=False)
    assert two.returncode == 0, two.stderr
    assert main([*verb, str(tmp_path / "one")]) == 0
    assert essence(tmp_path / "one").equals(essence(tmp_path / "two"))
    assert two.stdout.count("Outcomes: ") == 1  # one process prints
    record = json.loads((tmp_path / "two" / "run.json").read_text())
    assert record["finished_at"] and record["sizes"]["17K"]["latency"]["n"] == 24


def test_three_processes_share_the_work_and_one_writes(tmp_path, whole):
    codes, said = Launched(tmp_path / "o", processes=3, pace_s=0.03).end()
    assert (codes, said) == ([0, 0, 0], [])
    assert essence(tmp_path / "o").equals(whole)
    assert len((tmp_path / "o" / "rows.jsonl").read_text().splitlines()) == 120


def test_a_process_that_fails_ends_all_with_its_reason_in_one_line(tmp_path, whole):
    out = tmp_path / "o"
    codes, said = Launched(out, pace_s=0.05, rank=1, call=2, failure="nothing left").end()
    assert (codes, said) == ([1, 1], ["nothing left"])
    assert 60 < len((out / "rows.jsonl").read_text().splitlines()) < 120
    assert essence(scripted(out).outcomes).equals(whole)


@pytest.mark.parametrize(("rank", "failure"), [(0, "kill"), (1, "kill"), (1, "stop")])
def test_a_process_that_dies_or_hangs_ends_the_run_with_one_line_and_rows_to_go_on_with(tmp_path, whole, rank, failure):
    out = tmp_path / "o"
    started = Launched(out, pace_s=0.05, rank=rank, call=2, failure=failure, silent_s=3)
    codes, said = started.end(1 - rank)
    started.processes[rank].kill()
    assert codes == [1]
    assert len(said) == 1 and "the same command goes on where it stopped" in said[0]
    assert Launched(out).end() == ([0, 0], [])
    assert essence(out).equals(whole)


def test_processes_with_different_queries_are_refused(tmp_path):
    codes, said = Launched(tmp_path / "o", rank=1, extra=1).end()
    assert sorted(codes) == [1, 2]
    reason = "Process 1 has other queries or settings than process 0; give all the same command and the same data."
    assert said == [reason]


def test_a_benchmark_in_a_folder_that_another_one_writes_is_refused_by_all_processes_in_one_line(tmp_path):
    with Journal(tmp_path / "o"):
        codes, said = Launched(tmp_path / "o").end()
    assert codes == [1, 1]
    assert len(said) == 1 and "is being written by another run" in said[0]


def test_a_launcher_that_starts_one_process_of_two_is_one_line(tmp_path):
    accelerate = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2"]
    script = str(tmp_path / "script.py")
    (tmp_path / "script.py").write_text("import zeta_eval.inference.run.distributed as d; d.Team.join()")
    done = subprocess.run([*accelerate, script], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "was asked for 2 processes and started 1" in done.stderr
    assert "torchrun --nproc-per-node 2" in done.stderr


def test_a_run_without_a_launcher_is_a_team_of_one_and_needs_no_torch():
    script = (
        "import sys; from zeta_eval.inference.run.distributed import Team\n"
        "with Team.join() as team: team.tell('a', 1); team.meet('b'); assert [*team.claims('c', 3)] == [0, 1, 2]\n"
        "assert team.leads and not [*team.received()] and 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_accelerate_s_number_of_processes_is_read_from_its_command():
    asked = launch._asked
    assert asked(["accelerate", "launch", "--cpu", "--num_processes", "4", "x.py"]) == 4
    assert asked(["accelerate", "launch", "--num-processes=2", "x.py"]) == 2
    assert asked(["accelerate", "launch", "x.py", "--n", "3"]) == 1


def test_the_environment_says_who_leads(monkeypatch):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert world_size() == 1 and leads() and says("anything")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert world_size() == 2 and not leads()


def test_only_bench_takes_several_processes(monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setattr(launch, "says", lambda line: True)
    assert main(["replay", "policy.json", "table.parquet"]) == 2
    assert capsys.readouterr().err == "zeta: Only `bench` runs in several processes, here 2; start one.\n"


def test_a_team_of_one_places_nothing():
    spec = ModelSpec(size="1B", model="m")
    assert Team().place(spec) is spec


def test_a_team_that_can_not_meet_says_where_it_tried(monkeypatch):
    place = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "9"}
    for name, value in place.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(distributed, "JOIN_S", 0.5)
    with pytest.raises(GenerationError, match=r"Process 1 of 2 can't reach the others at 127\.0\.0\.1:9"):
        Team.join()


def test_wrong_numbers_of_accelerate_are_refused_before_anything_is_written(monkeypatch, tmp_path):
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setattr(launch, "_asked", lambda command: 2)
    with pytest.raises(InvalidInputError, match="was asked for 2"):
        scripted(tmp_path / "o")
    assert not (tmp_path / "o").exists()

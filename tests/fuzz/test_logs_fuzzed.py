import json
import shutil
import warnings
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from attacks import attack
from mutations import bitten, dumped, mutated

from zeta_eval.outcomes.importers import import_outcomes
from zeta_eval.outcomes.importers.zips import member

LOGS = Path(__file__).parents[1] / "outcomes" / "logs"


def hostile_file(rng, file):
    """Bytes of a log's file, with odd values or odd bytes."""
    raw = file.read_bytes()
    if rng.random() < 0.25 or not raw:
        return bitten(rng, raw)
    if file.suffix == ".jsonl" and not raw.startswith(b"["):
        lines = [json.loads(line) for line in raw.split(b"\n") if line.strip()]
        made = mutated(rng, lines)
        return b"\n".join(map(dumped, made if isinstance(made, list) else [made]))
    return dumped(mutated(rng, json.loads(raw)))


def hostile_archive(rng, file):
    """An archive of Inspect with members that hold odd values, written anew."""
    out = BytesIO()
    with ZipFile(file) as old, ZipFile(out, "w", ZIP_DEFLATED) as new:
        infos = old.infolist()
        odd = rng.choice(infos)
        for info in infos:
            raw = member(old, info)
            if info is odd:
                raw = dumped(mutated(rng, json.loads(raw))) if rng.random() < 0.8 else bitten(rng, raw)
            with warnings.catch_warnings(action="ignore", category=UserWarning):  # two members of one name
                new.writestr(info.filename if rng.random() < 0.95 else f"samples/{info.filename[-9:]}", raw)
    return out.getvalue() if rng.random() < 0.7 else bitten(rng, out.getvalue())


@pytest.mark.parametrize("format", ["lm-eval", "inspect", "alpaca-eval"])
def test_a_log_is_refused_in_one_line_or_used(format, tmp_path):
    root = LOGS / format.replace("-", "_")
    folders = sorted({f.parent for f in root.rglob("*") if f.suffix in (".jsonl", ".json", ".eval")})
    folders = [f for f in folders if f.name != "tasks" and sum(g.stat().st_size for g in f.iterdir()) < 300_000]
    assert folders

    def load(rng):
        at = tmp_path / "log"
        shutil.rmtree(at, ignore_errors=True)
        shutil.copytree(folder := rng.choice(folders), at)
        file = rng.choice(sorted(f for f in at.iterdir() if f.suffix in (".jsonl", ".json", ".eval")))
        made = hostile_archive(rng, file) if file.suffix == ".eval" else hostile_file(rng, file)
        file.write_bytes(made)
        report = import_outcomes(format, at)
        scores = report.outcomes.matrix("score")
        assert ((scores >= 0) & (scores <= 1)).all(), folder
        return True

    attack(f"{format} logs", load, usual=80 if format != "inspect" else 60)

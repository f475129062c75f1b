import json

import pytest

from zeta_eval.exceptions import GenerationError, InvalidInputError
from zeta_eval.inference.run.runner import run
from zeta_eval.models import GenerateConfig, Ladder, ModelSpec
from zeta_eval.outcomes import Outcomes
from zeta_eval.tasks import Query, Score, get_task
from zeta_eval.testing import ScriptedGenerator

LADDER = Ladder(name="made", models=(ModelSpec(size="1B", model="a"), ModelSpec(size="9B", model="b")))
QUERIES = [Query(prompt=f"Say {w}", target=w, query_id=w, task="t", dataset="d") for w in "abcdefghij"]
WARM = GenerateConfig(max_new_tokens=4, temperature=0.7, attempts=3, seed=2)
SAME = ["query_id", "model", "attempt", "score", "response"]


class Seeded(ScriptedGenerator):
    """Answers right or wrong by the seed and the prompt."""

    batch_size = 4

    def __init__(self, size, **more):
        super().__init__(size, lambda prompt: prompt[-1], **more)

    def generate(self, prompts, config):
        answers = super().generate(prompts, config)
        return [
            type(a)(**{f: getattr(a, f) for f in a.__dataclass_fields__} | {"text": f"{a.text}{config.seed % 2}"})
            for a in answers
        ]


def score(query, text):
    return Score(float(text == f"{query.target}1"))


def bench(out, config=WARM, **more):
    return run(LADDER, QUERIES, score, out=out, config=config, generators=lambda s: Seeded(s.size, **more))


def rows(folder):
    frame = Outcomes.load(folder).attempts[SAME]
    return frame.sort_values(SAME[:3], ignore_index=True)


def test_every_attempt_is_a_row_with_a_seed_of_its_own(tmp_path):
    outcomes = bench(tmp_path).outcomes
    frame = outcomes.attempts
    assert len(frame) == 60 and sorted(frame["attempt"].unique()) == [0, 1, 2]
    seeds = [WARM.attempt(i).seed % 2 for i in range(3)]
    assert set(seeds) == {0, 1}
    assert frame["response"].str[-1].astype(int).tolist() == [seeds[a] for a in frame["attempt"]]
    assert outcomes.matrix("score").ravel().tolist() == pytest.approx([sum(seeds) / 3] * 20)
    assert outcomes.matrix("gpu_s")[0, 0] == pytest.approx(0.01)  # what one attempt costs
    recorded = json.loads((tmp_path / "run.json").read_text())
    assert (recorded["temperature"], recorded["sampling_seed"]) == (0.7, 2)


def test_their_agreement_is_no_confidence_that_came_with_one_answer(tmp_path):
    assert bench(tmp_path).outcomes.attempts["confidence"].isna().all()


@pytest.mark.parametrize("call", [2, 5, 8])
def test_a_run_that_is_stopped_in_any_attempt_goes_on_there(tmp_path, call):
    bench(tmp_path / "whole")
    with pytest.raises(GenerationError):
        bench(tmp_path / "cut", fail_on_call=call)
    bench(tmp_path / "cut")
    assert rows(tmp_path / "cut").equals(rows(tmp_path / "whole"))


def test_more_attempts_join_those_that_are_there(tmp_path):
    bench(tmp_path / "o", GenerateConfig(max_new_tokens=4, temperature=0.7, seed=2))
    assert len(Outcomes.load(tmp_path / "o").attempts) == 20
    bench(tmp_path / "o")
    bench(tmp_path / "whole")
    old, whole = rows(tmp_path / "o"), rows(tmp_path / "whole")
    assert old.fillna({"attempt": 0}).sort_values(SAME[:3], ignore_index=True).equals(whole)


def test_another_temperature_or_seed_is_another_run(tmp_path):
    bench(tmp_path)
    for other in ({"temperature": 0.5}, {"seed": 3}):
        with pytest.raises(InvalidInputError, match=r"with (temperature|sampling_seed) \S+, now"):
            bench(
                tmp_path, GenerateConfig(**{"max_new_tokens": 4, "temperature": 0.7, "seed": 2, "attempts": 3} | other)
            )


def test_the_embedded_ladder_answers_several_times_at_a_temperature(tmp_path):
    ladder, task = Ladder.load("embedded"), get_task("add")
    config = GenerateConfig(max_new_tokens=24, temperature=0.8, attempts=3, seed=1)
    asked = task.load(limit=8)
    one, two = (run(ladder, asked, task.score, out=tmp_path / n, config=config).outcomes for n in ("one", "two"))
    frame = one.attempts
    assert len(frame) == 8 * 3 * 3
    assert frame.groupby(["query_id", "model"])["response"].nunique().max() > 1  # drawn, not the likeliest
    assert rows(tmp_path / "one").equals(rows(tmp_path / "two"))
    assert len(two) == 8

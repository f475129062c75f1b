import subprocess
import sys

import pytest

import zeta_eval as ze
from zeta_eval import api
from zeta_eval.exceptions import UnknownNameError
from zeta_eval.models import Completion


def test_every_public_name_is_there():
    for name in ze.__all__:
        assert getattr(ze, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ze.nothing  # noqa: B018


def test_replay_stays_the_verb_after_its_room_is_imported():
    import zeta_eval.evaluation.batch.predict  # noqa: F401

    assert ze.replay is api.replay


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, zeta_eval; print(sorted({'numpy', 'pandas', 'torch', 'mlflow', 'optuna'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_the_embedded_ladder_answers_through_the_router():
    answer = ze.answerers("embedded")
    sizes = ze.Ladder.load("embedded").sizes
    router = ze.ZetaDynamicRouter(ze.RoutingPolicy.seed(sizes))
    routed = router.generate("Copy the letters QWERT.", answer)
    assert routed.size in sizes and routed.steps[0].latency_s > 0
    assert routed.text == answer[routed.size]("Copy the letters QWERT.").text
    assert answer[sizes[-1]]("Copy the letters QWERT.").text == "QWERT"


def test_sizes_that_are_asked_several_times_answer_in_use_as_they_did_in_the_table(tmp_path):
    config = ze.GenerateConfig(max_new_tokens=24, temperature=0.8, attempts=3, seed=1)
    table = ze.benchmark("embedded", "chain", limit=6, out=tmp_path, config=config)
    voted, answer = ze.vote(tmp_path, sizes=["17K"]).outcomes, ze.answerers("embedded", config)
    assert set(answer) == {s + times for s in table.sizes for times in ("", " x3")}
    rows = voted.frame.query("model == '17K x3'")
    assert rows["agreement"].nunique() > 1
    for row in rows.itertuples():
        live = answer["17K x3"](row.query)
        assert (live.text, live.agreement) == (row.response, row.agreement)
        assert live.gpu_s > 0 and answer["17K"](row.query).agreement is None
    first = table.attempts.query("model == '17K' and attempt == 0")
    assert [answer["17K"](q).text for q in first["query"]] == first["response"].tolist()


def test_attempts_that_fail_do_not_vote():
    gone, four = Completion(text="", error="E: gone"), Completion(text="It is 4.", gpu_s=1.0)
    some, none = ze.majority([gone, four]), ze.majority([gone, gone])
    assert (some.text, some.error, some.agreement) == ("It is 4.", None, 0.5)
    assert some.gpu_s is None  # what one attempt cost is not known
    assert (none.error, none.agreement) == ("E: gone", None)


def test_the_whole_job_runs_resumes_and_agrees(tmp_path):
    settings = ze.TuningSettings(n_trials=10, estimator="heuristic")
    first = ze.run("embedded", ["copy", "add", "count"], out=tmp_path, limit=60, settings=settings)
    assert len(first.outcomes) == 180
    assert first.policy_path.is_file()
    again = ze.run("embedded", ["copy", "add", "count"], out=tmp_path, limit=60, settings=settings)
    assert again.tuning.policy.checksum == first.tuning.policy.checksum
    accuracy = dict(zip(first.outcomes.sizes, first.outcomes.matrix("score").mean(0), strict=True))
    small, _, large = first.outcomes.sizes
    assert accuracy[large] > accuracy[small]


def test_an_unknown_ladder_or_task_is_named_before_anything_runs(tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'embedded'"):
        ze.benchmark("embeded", "copy", out=tmp_path / "o")
    with pytest.raises(UnknownNameError, match="Did you mean 'gsm8k'"):
        ze.benchmark("embedded", "gsm8", out=tmp_path / "o")
    assert not (tmp_path / "o").exists()

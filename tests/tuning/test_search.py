import subprocess
import sys

import numpy as np
import optuna
import pandas as pd
import pytest
from tables import data, drawn, prose

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.testing import make_outcomes
from zeta_eval.tuning import search as module
from zeta_eval.tuning.data import Data
from zeta_eval.tuning.heuristic import START
from zeta_eval.tuning.search import OBJECTIVE, ran, search, trial_table
from zeta_eval.tuning.settings import TuningSettings


@pytest.fixture(scope="module")
def made():
    return Data(make_outcomes(300, ("small", "large"), slope=4.0), "gpu_s")


@pytest.fixture
def storage(tmp_path):
    return f"sqlite:///{tmp_path}/study.db"


def test_the_first_trial_is_the_untuned_start(made):
    study = search(made, TuningSettings(n_trials=2))
    assert study.trials[0].params == START
    assert len(study.trials) == 2


def test_the_objective_is_named_and_is_to_be_made_large(made, storage):
    search(made, TuningSettings(n_trials=1, storage=storage))
    (summary,) = optuna.get_all_study_summaries(storage)
    study = optuna.load_study(study_name=summary.study_name, storage=storage)
    assert study.metric_names == [OBJECTIVE] == ["gain explained"]
    assert study.direction.name == "MAXIMIZE"


def test_an_interrupted_search_goes_on_and_ends_where_an_uninterrupted_one_does(made, storage):
    search(made, TuningSettings(n_trials=4, storage=storage))
    resumed = trial_table(search(made, TuningSettings(n_trials=9, storage=storage)))
    whole = trial_table(search(made, TuningSettings(n_trials=9)))
    pd.testing.assert_frame_equal(resumed, whole)
    assert len(whole.drop(columns=["number", OBJECTIVE]).drop_duplicates()) == 9


def test_a_search_that_has_run_its_trials_runs_no_more(made, storage):
    first = trial_table(search(made, TuningSettings(n_trials=3, storage=storage)))
    pd.testing.assert_frame_equal(trial_table(search(made, TuningSettings(n_trials=3, storage=storage))), first)


PROCESS = """
import sys
from zeta_eval.testing import make_outcomes
from zeta_eval.tuning.data import Data
from zeta_eval.tuning.search import search
from zeta_eval.tuning.settings import TuningSettings
made = Data(make_outcomes(300, ("small", "large"), slope=4.0), "gpu_s")
search(made, TuningSettings(n_trials=24, storage=sys.argv[1]))
"""


def test_two_processes_on_one_storage_share_the_trials_and_stop_together(made, storage):
    search(made, TuningSettings(n_trials=1, storage=storage))  # the study is there already
    both = [subprocess.Popen([sys.executable, "-c", PROCESS, storage], stderr=subprocess.PIPE) for _ in range(2)]
    said = [process.communicate(timeout=240)[1].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    study = search(made, TuningSettings(n_trials=24, storage=storage))
    assert 24 <= len(ran(study)) <= 25  # one may be under way when the other ends the last
    drawn = {tuple(sorted(t.params.items())) for t in ran(study)}
    assert len(drawn) == len(ran(study))  # neither repeats what the other tried


def test_trials_that_err_more_than_most_are_given_up_and_have_no_value(made):
    study = search(made, TuningSettings(n_trials=45))
    given_up = [t for t in study.trials if t.state.name == "PRUNED"]
    assert 0 < len(given_up) < 25
    assert min(t.number for t in given_up) >= module.STARTUP
    table = trial_table(study).set_index("number")
    assert len(table) == 45
    assert table[OBJECTIVE].isna().sum() == len(given_up)
    assert table[OBJECTIVE].isna()[[t.number for t in given_up]].all()


def test_a_trial_that_broke_off_counts_for_nothing(made, storage):
    study = search(made, TuningSettings(n_trials=2, storage=storage))
    study.tell(study.ask().number, state=optuna.trial.TrialState.FAIL)
    assert len(ran(study)) == 2
    assert len(ran(search(made, TuningSettings(n_trials=3, storage=storage)))) == 3


def test_of_many_queries_trials_are_judged_on_a_sample(made, monkeypatch):
    seen = []

    class Spy(module.HeuristicSearch):
        def __init__(self, part):
            seen.append(len(part.score))
            super().__init__(part)

    monkeypatch.setattr(module, "QUERIES", 120)
    monkeypatch.setattr(module, "HeuristicSearch", Spy)
    search(made, TuningSettings(n_trials=1))
    assert seen == [120]


def test_where_no_query_differs_from_another_a_trial_explains_nothing():
    made = data(prose(80), np.ones((80, 2)))
    study = search(made, TuningSettings(n_trials=2))
    assert trial_table(study)[OBJECTIVE].tolist() == [0.0, 0.0]


def test_studies_of_other_tables_and_seeds_in_one_storage_stay_apart(made, storage):
    other = data(prose(80), drawn(np.full((80, 2), 0.5)))
    studies = [
        search(made, TuningSettings(n_trials=2, storage=storage)),
        search(made, TuningSettings(n_trials=3, seed=1, storage=storage)),
        search(other, TuningSettings(n_trials=4, storage=storage)),
    ]
    assert [len(study.trials) for study in studies] == [2, 3, 4]


def test_a_storage_that_can_not_be_used_is_named(made):
    with pytest.raises(InvalidInputError, match="can't use the storage 'foo://bar'"):
        search(made, TuningSettings(n_trials=1, storage="foo://bar"))

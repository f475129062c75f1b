from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.testing import make_outcomes
from zeta_eval.tuning import TuningSettings, tune
from zeta_eval.tuning.importance import parameter_importance


@pytest.fixture(scope="module")
def report():
    return tune(make_outcomes(400), TuningSettings(n_trials=12, estimator="heuristic"))


def test_the_parameter_that_alone_moves_the_utility_comes_first(report):
    rng = np.random.default_rng(0)
    strong, weak, kind = rng.random(80), rng.random(80), rng.choice(["a", "b"], 80)
    trials = pd.DataFrame(
        {"number": range(80), "gain explained": strong, "weak": weak, "kind": kind, "strong": strong, "fixed": 1.0}
    )
    found = parameter_importance(replace(report, trials=trials))
    assert next(iter(found)) == "strong" and found["strong"] > 0.9
    assert set(found) == {"strong", "weak", "kind"}
    assert sum(found.values()) == pytest.approx(1)


def test_a_real_study_gives_the_same_shares_again(report):
    found = parameter_importance(report)
    assert found == parameter_importance(report)
    assert set(found) <= set(report.parameters[0])


def test_trials_that_were_given_up_count_for_nothing(report):
    worse = report.trials.assign(**{"gain explained": np.nan, "leaf": 1e6})
    both = pd.concat([report.trials, worse], ignore_index=True)
    assert parameter_importance(replace(report, trials=both)) == parameter_importance(report)
    with pytest.raises(InvalidInputError, match="0 whole trials"):
        parameter_importance(replace(report, trials=worse))


def test_too_few_trials_are_one_line(report):
    with pytest.raises(InvalidInputError, match="3 whole trials"):
        parameter_importance(replace(report, trials=report.trials.head(3)))

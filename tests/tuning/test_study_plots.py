import matplotlib as mpl
import pytest

from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.testing import make_outcomes
from zeta_eval.tuning import TuningSettings, tune
from zeta_eval.tuning.study_plots import plot_study, rebuilt


@pytest.fixture(scope="module")
def report():
    return tune(make_outcomes(300), TuningSettings(n_trials=14, estimator="heuristic"))


@pytest.mark.parametrize("plot", ["history", "importance", "slice"])
def test_optuna_draws_a_study_by_the_name_of_its_objective_and_no_style_stays(report, plot):
    before = dict(mpl.rcParams)
    figure = report.plot_study(plot).figure
    words = [axes.get_ylabel() + axes.get_xlabel() for axes in figure.axes]
    words += [text.get_text() for axes in figure.axes if axes.get_legend() for text in axes.get_legend().get_texts()]
    assert any("gain explained" in text for text in words)
    assert dict(mpl.rcParams) == before
    figure.draw_without_rendering()
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height


def test_the_history_has_a_point_for_every_whole_trial(report):
    points = report.plot_study().collections[0].get_offsets()
    assert points[:, 1].tolist() == pytest.approx(report.trials["gain explained"].dropna().tolist())


def test_the_rebuilt_study_names_its_objective(report):
    assert rebuilt(report.trials).metric_names == ["gain explained"]


def test_a_short_search_and_an_unknown_plot_are_one_line(report):
    with pytest.raises(InvalidInputError, match="3 whole trials; importance needs at least 10"):
        plot_study(report.trials.dropna().head(3), "importance", 0)
    with pytest.raises(UnknownNameError, match="Unknown plot 'histori'"):
        report.plot_study("histori")

import io
from dataclasses import replace

import matplotlib.pyplot as plt
import pytest
from matplotlib.axes import Axes

import zeta_eval as ze
from zeta_eval.evaluation.reports.style import canvas, image, legend
from zeta_eval.evaluation.reports.themed import bundle
from zeta_eval.exceptions import OutcomesError
from zeta_eval.outcomes import Outcomes
from zeta_eval.testing import make_outcomes
from zeta_eval.tuning import TuningSettings, tune


@pytest.fixture(scope="module")
def table():
    return make_outcomes(500, slope=4.0)


@pytest.fixture(scope="module")
def report(table):
    return tune(table, TuningSettings(n_trials=12, estimator="heuristic"))


@pytest.fixture(params=["default", "dark_background"])
def pictures(request, table, report):
    """All figures, in a light and a dark style of the user's."""
    with plt.style.context(request.param):
        made = [
            report.figure(),
            ze.figures.calibration(report, table),
            ze.figures.accuracy_by_complexity(report, table),
            ze.figures.latency(table),
            ze.figures.importance(report),
            ze.compare([report.policy, ze.RoutingPolicy.seed()], table).figure()
            if report.policy.cost_unit == "gpu_s"
            else report.figure(),
        ]
        yield made


def test_every_figure_reads_on_any_page(pictures):
    for figure in pictures:
        assert figure.get_facecolor() == (1, 1, 1, 1)
        for axes in figure.axes:
            assert axes.get_xlabel() and axes.get_facecolor() == (1, 1, 1, 1)
            ticks = [t for t in axes.get_xticklabels() if t.get_text()]
            assert {t.get_color() for t in [*ticks, axes.xaxis.label]} == {"#222222"}
        assert figure.axes[0].get_ylabel() or figure.axes[0].get_yticklabels()


def test_nothing_is_cut_off(pictures):
    for figure in pictures:
        figure.draw_without_rendering()
        box = figure.get_tightbbox().padded(-0.02)
        width, height = figure.get_size_inches()
        assert box.x0 >= -0.02 and box.y0 >= -0.02 and box.x1 <= width + 0.02 and box.y1 <= height + 0.02


def test_no_figure_stays_open(pictures):
    assert plt.get_fignums() == []


def test_a_legend_is_never_wider_than_its_figure():
    figure, [[axes]] = canvas(size=(5, 4))
    for i in range(5):
        axes.plot([0, 1], [0, i], label=f"a rather long name of a large language model {i}")
    legend(figure, axes)
    figure.draw_without_rendering()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.width


def test_pictures_come_in_both_formats_and_are_the_same_again():
    figure, _ = canvas()
    assert image(figure).startswith(b"\x89PNG")
    assert b"<svg" in image(figure, "svg") and image(figure, "svg") == image(figure, "svg")
    assert plt.imread(io.BytesIO(image(figure))).shape[1] == pytest.approx(770, abs=1)


def test_every_plot_gives_axes_that_a_notebook_shows_in_its_theme(report, table):
    versus = ze.compare([report.policy, replace(report.policy, name="other")], table)
    views = ze.explore(table, report), ze.complexity_view(report)
    drawn = [one.plot() for one in (report, report.test, versus, *views)]
    for axes in (*drawn, report.plot_study(), report.plot_study("slice")):
        assert isinstance(axes, Axes)
        shown = axes._repr_mimebundle_()
        assert "zeta-light" in shown["text/html"] and "zeta-dark" in shown["text/html"]
        assert len(shown["image/png"]) > 1000


def test_a_page_that_takes_styles_away_shows_one_picture():
    figure, _ = canvas()
    images = bundle(figure)["text/html"].split("<img")[1:]
    assert ["display:none" in image for image in images] == [False, True]


def test_calibration_has_axes_for_each_size(report, table):
    figure = ze.figures.calibration(report, table)
    assert [axes.get_title(loc="left") for axes in figure.axes] == list(report.policy.sizes)


def test_latencies_are_told_with_median_and_p95(table):
    labels = ze.figures.latency(table).axes[0].get_legend_handles_labels()[1]
    seconds = table.frame.query("model == '7B'")["latency_s"]
    assert f"7B: median {seconds.median():.3g} s, p95 {seconds.quantile(0.95):.3g} s" in labels


def test_a_table_without_latencies_is_one_line(table):
    bare = Outcomes.from_frame(table.frame.drop(columns=["latency_s", "latency_source"]))
    with pytest.raises(OutcomesError, match="no latencies"):
        ze.figures.latency(bare)

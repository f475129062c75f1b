"""Reports, as a user's browser shows them."""

import nbformat
import pytest

pytestmark = pytest.mark.browser

KERNEL = {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}}

MADE = """import zeta_eval as ze
from zeta_eval.testing import make_outcomes
outcomes = make_outcomes(400, slope=4.0)
report = ze.tune(outcomes, settings=ze.TuningSettings(n_trials=12, estimator="heuristic"))"""
CELLS = {
    "report": "report",
    "table": "outcomes",
    "versus": "ze.compare([report.policy, ze.RoutingPolicy.seed()], outcomes)",
    "plot": "report.plot()",
    "study": 'report.plot_study("slice")',
}

CUT = """cell => [...cell.querySelectorAll('.jp-OutputArea div')].filter(e => e.scrollWidth > e.clientWidth + 1)
    .map(e => `${e.scrollWidth} > ${e.clientWidth}`)"""


def test_reports_and_figures_are_whole_in_both_themes_and_widths(lab, page, pictures):
    cells = [nbformat.v4.new_code_cell(source) for source in (MADE, *CELLS.values())]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), lab.folder / "reports.ipynb")
    page.open(lab.notebook("reports.ipynb"))
    page.run_all()
    assert page.failures() == []
    shown = dict(zip(CELLS, page.page.locator(".jp-CodeCell").all()[1:], strict=False))
    for theme in page.looks(shown, pictures):
        for name, cell in shown.items():
            assert cell.evaluate(CUT) == [], (name, theme)
            for picture in cell.locator("img").all():
                dark = "zeta-dark" in picture.get_attribute("class")
                assert picture.is_visible() == (dark == ("Dark" in theme)), (name, theme)

import json
import logging
import statistics

import pytest
from playwright.sync_api import expect

from zeta_eval import History

pytestmark = pytest.mark.browser
log = logging.getLogger(__name__)

BIG = """%load_ext zeta_eval
import zeta_eval as ze
from zeta_eval.testing import make_outcomes
outcomes = make_outcomes(12_000, ("4B", "7B", "14B"), seed=0)
ze.explore(outcomes, ze.tune(outcomes, n_trials=20), split="all")"""

KEYS = ["Home", *["PageUp"] * 6, *["PageDown"] * 6]
"""Moves of the slider: to its left end, then in steps of five."""


def told(what, times, path):
    """Write how long the slider took into the log and into a file."""
    figures = {"what": what, "median_ms": statistics.median(times), "max_ms": max(times), "ms": times}
    path.write_text(json.dumps(figures))
    log.info("%s: numbers change %.0f ms after the slider (median; at most %.0f)", what, *list(figures.values())[1:3])


def test_a_user_runs_the_quickstart_moves_the_slider_routes_a_cell_and_judges_it(lab, page, pictures, tmp_path):
    page.open(lab.notebook("01_quickstart.ipynb"))
    page.run_all()
    assert page.failures() == []

    explored = page.cell("ze.explore").locator(".jp-Cell-outputArea")
    numbers = explored.locator(".widget-html-content", has_text="this point")
    before = numbers.inner_text()
    page.drag(explored, 0.8)
    expect(numbers).not_to_have_text(before, timeout=60_000, use_inner_text=True)
    told("quickstart", page.slide(explored, KEYS), tmp_path / "slider.json")

    routed = page.run("%%zeta\nCopy the letters QWERT.")
    assert "expected right" in routed.inner_text()
    routed.locator("button", has_text="right").click()
    routed.get_by_text("Recorded.").wait_for()
    with History(lab.folder / "results" / "quickstart.db") as history:
        said = history.frame()
    assert said.loc[said["query"] == "Copy the letters QWERT.", "score"].tolist() == [1.0]

    inspected = page.run('ze.inspect(outcomes, result="small fails, large right")')
    row = inspected.locator(".itables_anywidget tbody tr").nth(1)
    row.click()
    inspected.get_by_text("Target", exact=True).last.wait_for()

    mistyped = page.run("%zeta tuen outcomes")
    error = mistyped.locator(".jp-OutputArea-output").inner_text()
    assert len(error.strip().splitlines()) == 1 and "Did you mean 'tune'?" in error
    assert page.failures() == ["%zeta tuen outcomes"]

    page.drag(explored, 0.6)
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        page.theme(theme)
        shown = {"quickstart_explore": explored, "route": routed, "quickstart_inspect": inspected, "mistyped": mistyped}
        for name, cell in shown.items():
            page.picture(cell, pictures / f"{name}_{theme.split()[1].lower()}.png")
        assert page.cut_off(explored) == [] and page.cut_off(routed) == []


@pytest.mark.slow
def test_the_slider_is_measured_on_twelve_thousand_queries(lab, page, tmp_path):
    import nbformat

    kernel = {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(BIG)], metadata=kernel)
    nbformat.write(notebook, lab.folder / "big.ipynb")
    page.open(lab.notebook("big.ipynb"))
    page.run_all()
    assert page.failures() == []
    explored = page.cell("ze.explore").locator(".jp-Cell-outputArea")
    told("12,000 queries x 3 sizes", page.slide(explored, KEYS), tmp_path / "slider.json")

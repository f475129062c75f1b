"""The page on which versions are compared, and that of a study, as a user's browser shows them."""

import contextlib
import json
import math

import pytest
from playwright.sync_api import expect

import zeta_eval as ze
from zeta_eval.cli.main import main
from zeta_eval.cli.verb import WebPage
from zeta_eval.notebook.pages import Pages, free_port
from zeta_eval.testing import make_outcomes

pytestmark = pytest.mark.browser

METRICS = """() => {
    const part = document.querySelector("[aria-label='Metrics - Show diff only']").closest("[class*=collapse-content]");
    const cells = [...part.querySelectorAll(".ReactVirtualized__Grid__innerScrollContainer > div")];
    const rows = {};
    for (const cell of cells) (rows[cell.style.top] ??= []).push(cell.innerText.trim());
    return Object.values(rows);
}"""
"""The rows of the table of metrics that are in the page: name, then a value for each version."""

STUDY = """import zeta_eval as ze
from zeta_eval.testing import make_outcomes
settings = ze.TuningSettings(n_trials=15, estimator="heuristic", storage="sqlite:///study.db")
report = ze.tune(make_outcomes(300), settings=settings)"""


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Two versions from one benchmark, the searches of both in an Optuna storage; (folder, reports, newest first)."""
    folder = tmp_path_factory.mktemp("work")
    with contextlib.chdir(folder):
        outcomes = make_outcomes(400, seed=2)
        tracker = ze.MlflowTracker("sqlite:///mlruns/mlflow.db")
        ladder = ze.Ladder(name="made", models=tuple(ze.ModelSpec(size=s, model=s) for s in outcomes.sizes))
        tracker.log_benchmark(outcomes, ladder, folder)
        reports = []
        for name, estimator in (("plain", "heuristic"), ("stacked", "learned")):
            settings = ze.TuningSettings(n_trials=15, estimator=estimator, storage="sqlite:///study.db", name=name)
            reports.append(ze.tune(outcomes, settings=settings, tracker=tracker))
    return folder, reports[::-1]


@pytest.fixture
def served(work, capsys):
    """Starts what `zeta ui` starts, and gives the address that it says."""
    pages = Pages()

    def start(*words):
        with contextlib.chdir(work[0]):
            assert main(["ui", *words, "--port", str(free_port()), "--json"]) == 0
            said = json.loads(capsys.readouterr().out)
            page = WebPage(title="page", address=said["address"], command=said["command"], env=said["env"])
            return pages.serve(page, page.address).address

    yield start
    pages.stop()


def test_the_page_compares_two_versions_by_numbers_and_figures_and_leads_to_the_data(work, served, page, pictures):
    _, reports = work
    tab = page.page
    tab.goto(served())
    tab.get_by_text("Comparing 2 Runs from 1 Experiment").wait_for()
    tab.get_by_role("button", name="Close", exact=True).click()  # MLflow's assistant
    names = tab.get_by_title("Plot chart")
    names.first.wait_for()
    rows = [row for row in tab.evaluate(METRICS) if row[0].startswith("generate_")]
    assert len(rows) >= 8
    for name, *values in rows:
        for report, value in zip(reports, values, strict=True):
            known = report.test.way_rows["generate"].record()[name.removeprefix("generate_")]
            assert math.isclose(float(value), known, abs_tol=6e-4), name
    names.first.scroll_into_view_if_needed()
    tab.get_by_text("curve.png", exact=True).first.dispatch_event("click")
    figures = tab.locator("img[alt='curve.png']")
    expect(figures).to_have_count(2)
    tab.wait_for_function(
        "() => [...document.querySelectorAll('img[alt=\"curve.png\"]')].every(i => i.naturalWidth > 300)"
    )
    tab.set_viewport_size({"width": 1360, "height": 1240})
    names.first.scroll_into_view_if_needed()
    tab.screenshot(path=pictures / "versions.png")

    tab.locator("a[href*='/runs/']").filter(has_text="…").or_(tab.locator("th a[href*='/runs/']")).first.click()
    expect(tab.get_by_text("stacked v2: learned, keeps").first).to_be_visible()
    expect(tab.get_by_text("outcomes of sums-1+sums-2+sums-3").first).to_be_visible()
    tab.screenshot(path=pictures / "version.png")
    tab.goto(tab.url.partition("#")[0] + tab.get_by_role("link", name="bench sums-1").get_attribute("href"))
    expect(tab.get_by_text("bench sums-1+sums-2+sums-3 on 4B/7B/14B").first).to_be_visible()
    tab.get_by_role("tab", name="Artifacts").or_(tab.get_by_text("Artifacts", exact=True)).first.click()
    expect(tab.get_by_text("outcomes.parquet")).to_be_visible()


def test_optunas_page_names_the_objective_of_a_stored_study(work, served, page, pictures):
    pytest.importorskip("optuna_dashboard", reason="`pip install 'zeta-eval[dashboard]'`")
    tab = page.page
    tab.goto(served("--optuna", "sqlite:///study.db"))
    tab.get_by_text("stacked-").first.click()
    expect(tab.get_by_text("gain explained").first).to_be_visible()
    tab.wait_for_timeout(2000)  # its plots are drawn one after the other
    tab.screenshot(path=pictures / "study.png")


def test_a_notebook_draws_a_stored_study(lab, page, pictures):
    import nbformat

    kernel = {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}}
    plots = [f'report.plot_study("{plot}")' for plot in ("history", "importance", "slice")]
    cells = [nbformat.v4.new_code_cell(source) for source in (STUDY, *plots)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), lab.folder / "study.ipynb")
    page.open(lab.notebook("study.ipynb"))
    page.run_all()
    assert page.failures() == []
    for plot in plots:
        figure = page.cell(plot).locator(".jp-OutputArea img:visible")
        figure.scroll_into_view_if_needed()
        figure.screenshot(path=pictures / f"{plot.split(chr(34))[1]}.png")

"""Answers, searches and saved notebooks, as a user's browser shows them."""

import nbformat
import pytest
from answers import served
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

KERNEL = {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}}

SETTINGS = """%load_ext zeta_eval
%config ZetaMagics.ladder = "known.toml"
%config ZetaMagics.history = "answers.db"
import zeta_eval as ze
from zeta_eval.testing import make_outcomes"""
RICH = "%%zeta\nHow do I add up the numbers from 1 to n?"
COMPARED = "%%zeta --compare\nHow do I add up the numbers of a list?"
CONTINUED = "%%zeta --continue\nAnd then?"
HOSTILE = "%%zeta\nSay something hostile."
EMPTY = "%%zeta\nLeave it empty."
VIEW = "ze.complexity_view(ze.RoutingPolicy.seed())"

COLUMNS = "place => [...place.children].map(e => e.getBoundingClientRect().width)"
EXPRESSIONS = "place => [...place.querySelectorAll('mjx-container')].map(e => e.getBoundingClientRect().height)"
LOADED = "() => performance.getEntriesByType('resource').map(e => e.name)"


def notebook(lab, name, *sources):
    """Write a notebook of some cells; returns its address."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), lab.folder / name)
    return lab.notebook(name)


@pytest.fixture(scope="module")
def ladder(lab):
    """A ladder whose answers are known, in the lab's folder."""
    with served() as text:
        (lab.folder / "known.toml").write_text(text)
        yield "known.toml"


def test_answers_are_rendered_stay_in_their_cells_and_do_nothing(lab, ladder, page, pictures):
    address = notebook(lab, "answers.ipynb", SETTINGS, RICH, COMPARED, HOSTILE, EMPTY)
    page.open(address)
    page.run_all()
    assert page.failures() == []
    cells = {
        "rich": page.cell("from 1 to n"),
        "compared": page.cell("of a list"),
        "hostile": page.cell("hostile"),
        "empty": page.cell("Leave it empty"),
    }
    rich = cells["rich"].locator(".zeta-answer")
    expect(rich.locator("mjx-container")).to_have_count(4)
    assert all(height > 5 for height in rich.evaluate(EXPRESSIONS))
    expect(rich.locator("table td", has_text="5050")).to_be_visible()
    assert "$5" in rich.inner_text() and "def total" in rich.locator("pre").inner_text()
    keyword = rich.locator("pre span", has_text="def").first
    assert keyword.evaluate("e => getComputedStyle(e).color") != rich.evaluate("e => getComputedStyle(e).color")
    why = cells["rich"].locator("details")
    assert why.get_attribute("open") is None
    assert rich.bounding_box()["y"] < why.bounding_box()["y"]

    widths = cells["compared"].locator(".zeta-columns").evaluate(COLUMNS)
    assert len(widths) == 3 and max(widths) - min(widths) < 1
    assert "were asked at the same time" in cells["compared"].inner_text()

    hostile = cells["hostile"].locator(".zeta-answer")
    assert "https://evil.example/steal" in hostile.inner_text() and "<script>" in hostile.inner_text()
    assert hostile.locator("a, img, script, iframe, h1, h2").count() == 0
    assert page.page.title() != "hacked"
    assert not [name for name in page.page.evaluate(LOADED) if "evil" in name or "pixel" in name or "hacked" in name]
    assert "(the answer is empty)" in cells["empty"].inner_text()

    for _ in page.looks({f"answer_{name}": cell for name, cell in cells.items()}, pictures):
        pass


def test_a_cell_carries_on_and_says_which_turn_it_is(lab, ladder, page):
    page.open(notebook(lab, "talk.ipynb", SETTINGS, RICH, CONTINUED))
    page.run_all()
    assert page.failures() == []
    assert "stands alone" in page.cell("from 1 to n").inner_text()
    went_on = page.cell("And then?").locator(".jp-Cell-outputArea").inner_text()
    assert "3 messages" in went_on and "turn 2" in went_on
    assert "stands alone" in page.run("%%zeta\nAnd now?").inner_text()


def test_a_notebook_that_is_opened_again_shows_pictures_and_texts(lab, ladder, page, pictures):
    address = notebook(lab, "again.ipynb", SETTINGS, VIEW, RICH)
    page.open(address)
    page.run_all()
    assert page.failures() == []
    live = page.cell("complexity_view")
    expect(live.get_by_text("Features")).to_be_visible()
    for picture in live.locator(".zeta-lasting img").all():
        expect(picture).not_to_be_visible()

    page.again(address)
    saved = page.cell("complexity_view")
    expect(saved.locator(".zeta-lasting pre")).to_be_visible()
    for _ in page.looks({"opened_again": saved}, pictures):
        expect(saved.locator("img:visible")).to_have_count(1)
        assert saved.locator("img:visible").evaluate("e => e.naturalWidth") > 300
    expect(page.page.get_by_text("Loading widget")).to_have_count(0, timeout=60_000)
    for text in page.page.get_by_text("model not found").all():
        assert not text.is_visible()
    answered = page.cell("from 1 to n")
    assert "Was it right? %zeta feedback" in answered.inner_text()


def test_an_exported_notebook_shows_the_picture_where_no_widget_can_be_loaded(page, pictures, tmp_path):
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(f"import zeta_eval as ze\n{VIEW}")])
    NotebookClient(made, kernel_name="python3").execute()
    assert made.metadata["widgets"]  # as nbconvert --execute keeps them, to be drawn by a script from the internet
    exported, _ = HTMLExporter().from_notebook_node(made)
    (tmp_path / "exported.html").write_text(exported)
    page.page.route("http*://**", lambda route: route.abort())
    page.page.goto((tmp_path / "exported.html").as_uri())
    shown = page.page.locator(".jp-OutputArea img:visible")
    expect(shown).to_have_count(1)
    assert shown.evaluate("e => e.getBoundingClientRect().width") > 300
    page.page.screenshot(path=pictures / "exported.png")


def test_a_search_is_seen_as_it_goes(lab, page, pictures):
    tune = "report = %zeta tune table --trials 80 --estimator heuristic --mlflow none"
    page.open(notebook(lab, "search.ipynb", f"{SETTINGS}\ntable = make_outcomes(1200)", tune))
    page.page.get_by_role("menuitem", name="Run", exact=True).click()
    page.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    cell = page.cell("%zeta tune")
    expect(cell.get_by_text("tune: ")).to_be_visible(timeout=60_000)
    seen = cell.locator(".zeta-progress")
    expect(seen).to_contain_text(" left", timeout=120_000)
    first = seen.inner_text()
    expect(seen).not_to_have_text(first, use_inner_text=True, timeout=60_000)
    expect(cell.locator("figure svg")).to_have_count(2, timeout=60_000)
    page.page.wait_for_function("() => document.querySelector('.zeta-progress')?.innerText.includes('tuned')")
    expect(cell.get_by_text("tune: done in")).to_be_visible(timeout=60_000)
    assert "trial 80 of 80" in seen.inner_text()
    assert "over a random mix at equal cost" in cell.get_by_text("tune: done in").inner_text()
    for _ in page.looks({"search": cell}, pictures):
        pass


def test_a_whole_job_shows_its_benchmark_then_its_search_and_says_what_came_of_it(lab, page, pictures):
    run = "x = %zeta run --tasks copy,add --limit 60 --out whole --trials 30 --mlflow none"
    page.open(notebook(lab, "whole.ipynb", "%load_ext zeta_eval", run))
    page.page.get_by_role("menuitem", name="Run", exact=True).click()
    page.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    cell = page.cell("%zeta run")
    expect(cell.locator("table")).to_contain_text("456K", timeout=120_000)
    assert cell.locator(".zeta-progress").count() == 0  # the search comes after the benchmark
    expect(cell.locator(".zeta-progress")).to_contain_text("tuned", timeout=120_000)
    expect(cell.get_by_text("run: done in")).to_contain_text("whole/policy.json", timeout=60_000)
    page.theme("JupyterLab Dark")
    page.picture(cell, pictures / "whole_job_dark.png")
    assert page.outside(cell) == []

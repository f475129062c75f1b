import json
import logging

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
log = logging.getLogger(__name__)

KERNEL = {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}}

TABLE = """import pandas as pd
import zeta_eval as ze
from zeta_eval.testing import make_outcomes
frame = make_outcomes({n}, seed=0).frame
frame["target"] = ["target of " + str(q) for q in frame["query_id"]]
frame["response"] = [
    f"answer of {{m}} to {{q}} <script>document.body.dataset.broken = 1</script>"
    "<img src=x onerror='document.body.dataset.broken = 1'>\\n\\n"
    "**Sum**: $\\\\frac{{1}}{{2}}$\\n\\n| a | b |\\n|---|---|\\n| 1 | 2 |"
    for m, q in zip(frame["model"], frame["query_id"])
]
outcomes = ze.Outcomes.from_frame(frame).with_order(("4B", "7B", "14B"))"""

COUNT = ".widget-html-content:has-text(' queries: ')"


WATCH = """() => {
    const start = performance.now();
    const seen = () => {
        const body = [...document.querySelectorAll('.itables_anywidget tbody tr')];
        if (body.length && body[0].getBoundingClientRect().height > 0) window.painted = performance.now() - start;
        else requestAnimationFrame(seen);
    };
    window.painted = null;
    const notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.activeCellIndex = 1;
    notebook.activeCell.outputArea.model.clear();
    seen();
}"""
"""Clears the output of the second cell and waits for the first row of a table."""

FILTER = """([i, name]) => new Promise(done => {
    const select = document.querySelectorAll('.jp-OutputArea select')[i];
    const info = () => document.querySelector('.itables_anywidget .dt-info')?.innerText;
    const before = info(), start = performance.now();
    const seen = () => {
        const ms = performance.now() - start;
        if ((info() && info() !== before) || ms > 60000) done(ms);
        else requestAnimationFrame(seen);
    };
    select.selectedIndex = name ? [...select.options].findIndex(o => o.text.replaceAll('\\u00a0', ' ') === name) : 0;
    select.dispatchEvent(new Event('change', {bubbles: true}));
    seen();
})"""
"""Chooses from a list; milliseconds until the table tells another number of rows."""


def opened(lab, page, name, *sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), lab.folder / name)
    page.open(lab.notebook(name))
    page.run_all()
    assert page.failures() == []


def test_a_filter_and_a_row_show_what_each_size_answered(lab, page, pictures):
    opened(lab, page, "inspect.ipynb", TABLE.format(n=400), "ze.inspect(outcomes)")
    cell = page.cell("ze.inspect")
    count = cell.locator(COUNT)
    assert "400 of 400 queries" in count.inner_text()
    cell.locator("select").nth(2).select_option("small fails, large right")
    expect(count).to_contain_text("small fails, large right")
    row = cell.locator(".itables_anywidget tbody tr").first
    expect(row).to_contain_text("wrong")
    words = row.locator("td").all_inner_texts()[-3:]
    assert words[0] == "wrong" and words[-1] == "right"
    row.click()
    answers = cell.locator(".widget-htmlmath-content")
    expect(answers.get_by_text("answer of 14B to")).to_be_visible()
    expect(answers.get_by_text("Target", exact=True)).to_be_visible()
    for _ in page.looks({"inspect": cell}, pictures):
        pass
    expect(answers.locator("table").first).to_be_visible()
    expect(answers.locator("mjx-container").first).to_be_visible()
    expect(answers.locator("strong").first).to_have_text("Sum")
    assert page.page.evaluate("document.body.dataset.broken") is None


SAVE = "() => window.jupyterapp.shell.currentWidget.context.save()"
STOP = "() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()"


def test_a_reopened_notebook_and_its_export_show_the_table_and_no_dead_widget(lab, page, pictures):
    opened(
        lab,
        page,
        "reopened.ipynb",
        TABLE.format(n=60),
        'ze.inspect(outcomes, result="small fails, large right").open(1)',
    )
    for command in (SAVE, STOP):
        page.page.evaluate(command)
    page.open(lab.notebook("reopened.ipynb"))
    cell = page.cell("ze.inspect")
    seen = cell.locator(".jp-OutputArea")
    expect(seen.get_by_text("answer of 14B to")).to_be_visible()
    words = seen.inner_text()
    assert "small fails, large right" in words and "Error displaying" not in words and "Loading" not in words
    page.picture(cell, pictures / "inspect_reopened.png")
    exported, _ = HTMLExporter().from_filename(str(lab.folder / "reopened.ipynb"))
    assert "zeta-lasting" in exported and "answer of 14B to" in exported
    (lab.folder / "reopened.html").write_text(exported)
    page.page.goto((lab.folder / "reopened.html").as_uri())
    expect(page.page.get_by_text("answer of 14B to")).to_be_visible()
    assert page.page.evaluate("document.body.dataset.broken") is None


@pytest.mark.slow
def test_twelve_thousand_queries_are_painted_and_filtered(lab, page):
    opened(lab, page, "many.ipynb", TABLE.format(n=12_000), "ze.inspect(outcomes)")
    page.page.evaluate(WATCH)
    page.page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-cell')")
    page.page.wait_for_function("() => window.painted")
    times = {"first paint": page.page.evaluate("window.painted")}
    for i, name in ((2, "small right, large fails"), (2, ""), (2, "cut off"), (2, "")):
        times[f"{len(times)}: {name or 'all'}"] = page.page.evaluate(FILTER, [i, name])
    log.info("12,000 queries x 3 sizes, ms: %s", json.dumps(times))


def test_zeta_alone_shows_a_card_in_both_themes_and_widths(lab, page, pictures):
    opened(lab, page, "card.ipynb", "%load_ext zeta_eval", "%zeta")
    cell = page.cell("%zeta")
    expect(cell.get_by_text("Keep learning")).to_be_visible()
    for _ in page.looks({"card": cell}, pictures):
        pass

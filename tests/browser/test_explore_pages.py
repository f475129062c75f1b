import nbformat
import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

KERNEL = {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}}

VIEW = """import zeta_eval as ze
from zeta_eval.testing import make_outcomes
view = ze.explore(make_outcomes(600, slope=4.0), ze.RoutingPolicy.seed(), split="all", cost_weight=0.3)
view"""

PAINTED = """image => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
    let [inked, dark, bright] = [0, 0, 0];
    for (let i = 0; i < data.length; i += 4) {
        if (data[i + 3] < 128) continue;
        const light = (data[i] + data[i + 1] + data[i + 2]) / 3;
        inked += 1; dark += light < 100; bright += light > 200;
    }
    return [inked, dark, bright].map(n => n / (data.length / 4));
}"""
"""Shares of a picture's pixels that are there, that are dark, and that are bright."""


def test_slider_view_and_target_stay_in_step_in_both_themes_and_widths(lab, page, pictures):
    cells = [nbformat.v4.new_code_cell(VIEW)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), lab.folder / "explore.ipynb")
    page.open(lab.notebook("explore.ipynb"))
    page.run_all()
    assert page.failures() == []
    cell = page.cell("ze.explore")
    numbers = cell.locator(".widget-html-content", has_text="this point")
    readout = cell.locator(".widget-readout")
    expect(readout).to_have_text("0.3")
    page.run("view.cost_weight = 5")
    expect(readout).to_have_text("5")
    expect(numbers).to_contain_text("5")
    page.drag(cell, 0.5)
    expect(readout).not_to_have_text("5")
    said = page.run("print(view.cost_weight)").locator(".jp-OutputArea-output").inner_text()
    assert f"{float(said):.4g}" == readout.inner_text()
    field = cell.get_by_placeholder("keep 95 %")
    field.fill("keep 90 %")
    field.press("Enter")
    expect(cell.get_by_text("chosen on 'all'")).to_be_visible()
    page.run("view.save('policy.json')")
    cell.get_by_role("button", name="Save policy").click()
    expect(cell.get_by_role("button", name="Overwrite it")).to_be_visible()
    for theme in page.looks({"explore": cell}, pictures):
        seen = cell.locator("img:visible")
        expect(seen).to_have_count(1)
        inked, dark, bright = seen.evaluate(PAINTED)
        assert (inked < 0.5 and bright > dark) if "Dark" in theme else (bright > 0.5 and dark > 0.005)
    cell.get_by_role("tab", name="By task").click()
    expect(cell.get_by_text("sums-1")).to_be_visible()
    page.picture(cell, pictures / "explore_tasks.png")

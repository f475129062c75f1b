import asyncio
import sys

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from nbconvert.exporters import HTMLExporter

from zeta_eval import RoutingPolicy, complexity_view
from zeta_eval.notebook.outputs import WIDGET, Lasting

SHOW = "import zeta_eval as ze\nze.complexity_view(ze.RoutingPolicy.seed(), '<b>&')"


@pytest.fixture
def kernel(notebook, monkeypatch):
    """A notebook whose shell has a kernel, as one in JupyterLab has."""
    monkeypatch.setattr(InteractiveShell, "kernel", object(), raising=False)
    return notebook


def test_a_cell_shows_a_page_and_the_widget_as_outputs_of_their_own(kernel):
    page, widget = (output.data for output in kernel.run(SHOW).outputs)
    assert "image/png" in page and WIDGET not in page
    assert page["text/plain"].startswith("<b>&") and "&lt;b&gt;&amp;" in page["text/html"]
    assert WIDGET in widget and widget["text/plain"] == ""


def test_a_cell_without_a_kernel_or_without_widgets_shows_the_page_alone(notebook, monkeypatch):
    assert len(notebook.run(SHOW).outputs) == 1
    monkeypatch.setattr(InteractiveShell, "kernel", object(), raising=False)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    assert len(notebook.run(SHOW).outputs) == 1


EXPLORE = """import zeta_eval as ze
from zeta_eval.testing import make_outcomes
view = ze.explore(make_outcomes(300, slope=4.0), ze.RoutingPolicy.seed())
view"""
LOOK = "view = ze.complexity_view(ze.RoutingPolicy.seed(), 'Hi.')\nview"


def test_a_page_is_renewed_once_at_the_end_of_a_cell_that_moves_its_point(kernel):
    kernel.run(EXPLORE)
    (page,) = kernel.run("for k in range(5): view.at = k").outputs
    assert page.data["text/plain"] == kernel.variables["view"].text()
    assert kernel.run("view.at").outputs == []


def test_a_page_is_renewed_when_a_drag_has_rested(kernel, monkeypatch):
    monkeypatch.setattr("zeta_eval.notebook.outputs.REST_S", 0.05)
    kernel.run(EXPLORE)
    view = kernel.variables["view"]
    slider = view.widget.children[0].children[0].children[1]

    async def drag():
        for k in range(5):
            slider.value = k
        await asyncio.sleep(1.0)

    with capture_output() as shown:
        asyncio.run(drag())
    pages = [output.data["text/plain"] for output in shown.outputs if output.data["text/plain"]]
    assert pages == [view.text()] and view.at == 4
    assert kernel.run("1;").outputs == []


def test_the_page_of_a_query_follows_what_is_typed(kernel):
    kernel.run(f"import zeta_eval as ze\n{LOOK}")
    (page,) = kernel.run("view.widget.children[0].value = 'What is 3 + 4?'").outputs
    assert page.data["text/plain"].startswith("What is 3 + 4?")


def test_a_view_that_no_cell_shows_draws_nothing(kernel):
    assert kernel.run(EXPLORE.removesuffix("view")).outputs == []
    assert kernel.run("view.at = 3").outputs == []


@pytest.mark.filterwarnings("ignore::UserWarning")  # a picture without words for it
def test_an_exported_page_shows_the_text_once_and_no_widget():
    view = complexity_view(RoutingPolicy.seed(), "What is 3 + 4?")
    output = nbformat.v4.new_output("display_data", data=Lasting(view.page).output())
    cell = nbformat.v4.new_code_cell("view", outputs=[output])
    page, _ = HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    body = page[page.index("<body") :]
    assert body.count('class="zeta-light"') == body.count('class="zeta-dark"') == 1
    assert body.count(view.text().splitlines()[2].strip()) == 1
    assert "widget-view" not in body

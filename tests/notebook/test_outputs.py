import sys

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
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

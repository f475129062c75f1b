import sys

import nbformat
import pytest
from nbconvert.exporters import HTMLExporter

from zeta_eval import RoutingPolicy, complexity_view
from zeta_eval.notebook.outputs import WIDGET, text_output

SHOW = "import zeta_eval as ze\nze.complexity_view(ze.RoutingPolicy.seed(), '<b>&')"


def saved(outputs):
    """A notebook that keeps outputs, without the state of any widget."""
    kept = [nbformat.v4.new_output("display_data", data=data) for data in outputs]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("view", outputs=kept)])


def test_a_cell_shows_picture_text_and_widget_as_outputs_of_their_own(notebook):
    done = notebook.run(SHOW)
    picture, text, widget = (output.data for output in done.outputs)
    assert "image/png" in picture and WIDGET not in picture
    assert text["text/plain"].startswith("<b>&") and "&lt;b&gt;&amp;" in text["text/html"]
    assert WIDGET in widget and widget["text/plain"] == ""


def test_a_cell_without_widgets_shows_picture_and_text(notebook, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    assert len(notebook.run(SHOW).outputs) == 2


@pytest.mark.filterwarnings("ignore::UserWarning")  # a picture without words for it
def test_an_exported_page_shows_picture_and_text_once_and_no_widget():
    view = complexity_view(RoutingPolicy.seed(), "What is 3 + 4?")
    page, _ = HTMLExporter().from_notebook_node(saved(view.outputs()))
    body = page[page.index("<body") :]
    assert body.count("data:image/png") == 1
    assert body.count(view.text().splitlines()[2].strip()) == 1
    assert "widget-view" not in body


def test_the_text_of_a_widget_is_escaped():
    assert "<script" not in text_output("<script>")["text/html"]

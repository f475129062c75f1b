from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One working directory for all, as in JupyterLab: a notebook finds the benchmark that an earlier one ran."""
    return tmp_path_factory.mktemp("notebooks")


def read(path):
    """A notebook as it is stored."""
    import nbformat  # takes two seconds

    return nbformat.read(path, as_version=4)


def ran(notebook, folder):
    """The outputs of a notebook after it ran top to bottom; a cell that fails raises."""
    from nbclient import NotebookClient

    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    client.execute()
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_is_stored_without_outputs_and_runs_top_to_bottom_with_figures(path, folder):
    notebook = read(path)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    outputs = ran(notebook, folder)
    shown = [output.data for output in outputs if output.output_type in ("display_data", "execute_result")]
    assert any("image/png" in data or "<img class='zeta-light'" in data.get("text/html", "") for data in shown)
    assert all("text/plain" in data for data in shown)
    drawing = [cell for cell in code if "plt.subplots" in cell.source or ".plot()" in cell.source]
    assert all(any("image/png" in output.get("data", {}) for output in cell.outputs) for cell in drawing)
    assert not [data for data in shown if data["text/plain"].startswith(("Decision(", "Routed("))]
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]


def test_a_notebook_shows_figures_and_text_where_there_are_no_widgets(folder):
    from nbformat.v4 import new_code_cell

    notebook = read(NOTEBOOKS[0])
    notebook.cells.insert(0, new_code_cell("import sys\nsys.modules['ipywidgets'] = None"))
    outputs = ran(notebook, folder)
    shown = [output.data for output in outputs if output.output_type in ("display_data", "execute_result")]
    assert not any(WIDGET in data for data in shown)
    explored = next(i for i, data in enumerate(shown) if "this point" in data["text/plain"])
    assert "image/png" in shown[explored] and "accuracy" in shown[explored]["text/plain"]
    routed = shown[-1]["text/plain"]
    assert "chance of being right" in routed and "Was it right? %zeta feedback" in routed

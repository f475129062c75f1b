import os
import signal
import threading
import time

import pytest

from zeta_eval.testing import build_tiny_model


def interrupted(pid, cell):
    """Interrupt a kernel once the answer in a cell has begun to stream."""
    for _ in range(600):
        if cell.outputs and len(cell.outputs[0].data["text/plain"]) > 1000:
            break
        time.sleep(0.1)
    os.kill(pid, signal.SIGINT)


@pytest.mark.slow
def test_cells_in_a_real_kernel_stream_fail_and_are_interrupted(tmp_path):
    import nbformat  # takes two seconds
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    build_tiny_model(tmp_path / "m", context=20_000)
    (tmp_path / "l.toml").write_text(
        'max_new_tokens = 15000\n[[models]]\nsize = "R"\nmodel = "m"\ndevice_map = "cpu"\n'
    )
    sources = [
        "import os\nos.getpid()",
        "%load_ext zeta_eval",
        "%%zeta --size 456K -o answer\nWrite WZDPD again.",
        "%zeta tuen outcomes",
        "%%zeta --size 17\nWrite WZDPD again.",
        "%config ZetaMagics.ladder = 'l.toml'",
        "%%zeta\nGo on.",
        "answer.text",
    ]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    client = NotebookClient(
        nbformat.v4.new_notebook(cells=cells), timeout=60, resources={"metadata": {"path": str(tmp_path)}}
    )
    with client.setup_kernel():

        def ran(i):
            return client.execute_cell(cells[i], i).outputs

        pid = int(ran(0)[0].data["text/plain"])
        assert ran(1) == []
        decision, judged = ran(2)
        assert "WZDPD" in decision.data["text/plain"] and "WZDPD" in decision.data["text/html"]
        assert "application/vnd.jupyter.widget-view+json" in judged.data
        assert judged.data["text/plain"] == "" and "Was it right? %zeta feedback" in decision.data["text/html"]
        for i in (3, 4):
            with pytest.raises(CellExecutionError):
                ran(i)
            (error,) = cells[i].outputs
            assert error.output_type == "error" and len(error.traceback) == 1 and "Did you mean" in error.traceback[0]
        ran(5)
        threading.Thread(target=interrupted, args=(pid, cells[6])).start()
        with pytest.raises(CellExecutionError):
            ran(6)
        shown, error = cells[6].outputs
        assert error.ename == "KeyboardInterrupt" and len(error.traceback) == 1
        assert shown.data["text/plain"].startswith("interrupted") and len(shown.data["text/plain"]) > 1000
        assert ran(7)[0].data["text/plain"] == "'WZDPD'"

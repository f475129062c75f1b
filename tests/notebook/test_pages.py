import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from zeta_eval.cli.verb import WebPage
from zeta_eval.exceptions import GenerationError
from zeta_eval.notebook.pages import Pages, free_port

SERVER = """
import os, sys
from http.server import SimpleHTTPRequestHandler, test
from pathlib import Path
Path(sys.argv[2]).write_text(str(os.getpid()))
test(SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind="127.0.0.1")
"""


def page(tmp_path, code=SERVER):
    port = free_port()
    command = [sys.executable, "-c", code, str(port), str(tmp_path / "pid")]
    return WebPage(title="Test page", address=f"http://127.0.0.1:{port}", command=command)


def ended(pid):
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            return True
        time.sleep(0.1)
    return False


def test_a_page_is_served_once_and_stops_with_the_notebook(tmp_path):
    pages, asked = Pages(), page(tmp_path)
    served = pages.serve(asked, "source")
    assert pages.serve(page(tmp_path), "source") is served
    with urllib.request.urlopen(served.address) as answer:
        assert answer.status == 200
    assert served.address in repr(served) and f"href='{served.address}'" in served._repr_html_()
    pages.stop()
    assert ended(int((tmp_path / "pid").read_text()))


def test_a_page_stops_when_the_kernel_is_killed(tmp_path):
    asked = page(tmp_path)
    kernel = (
        "import time\nfrom zeta_eval.notebook.pages import Pages\nfrom zeta_eval.cli.verb import WebPage\n"
        f"Pages().serve(WebPage(title='t', address={asked.address!r}, command={asked.command!r}), 's')\n"
        "print('up', flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", kernel], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGKILL)
    assert ended(int((tmp_path / "pid").read_text()))


def test_a_server_that_does_not_start_is_one_line(tmp_path):
    with pytest.raises(GenerationError, match="does not start: no storage there"):
        Pages().serve(page(tmp_path, "import sys; sys.exit('no storage there')"), "s")


def test_a_store_that_is_not_there_is_one_line(notebook):
    notebook.fails("%zeta ui", "No MLflow store")

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

from zeta_eval.notebook.magics import ZetaMagics


class Notebook:
    """A shell in which cells run; each returns its result with what it displayed and printed."""

    def __init__(self):
        InteractiveShell.clear_instance()
        self.shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
        self.shell.run_line_magic("load_ext", "zeta_eval")

    @property
    def variables(self):
        return self.shell.user_ns

    @property
    def magics(self):
        return next(c for c in self.shell.configurables if isinstance(c, ZetaMagics))

    def run(self, source):
        """Run a cell that must succeed."""
        done = self.ran(source)
        assert done.result.success, done.stdout
        return done

    def fails(self, source, *words):
        """Run a cell that must fail with one line that holds the words."""
        done = self.ran(source)
        assert not done.result.success
        lines = done.stdout.strip().splitlines()
        assert len(lines) == 1, done.stdout
        for word in words:
            assert word in lines[0], lines[0]
        return done

    def ran(self, source):
        with capture_output() as done:
            result = self.shell.run_cell(source)
        done.result = result
        return done


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = Notebook()
    yield made
    made.shell.run_line_magic("unload_ext", "zeta_eval")
    InteractiveShell.clear_instance()

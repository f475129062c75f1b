import sys
import threading

import pytest

from zeta_eval.notebook import loading
from zeta_eval.notebook.loading import Line, with_a_line


@pytest.fixture
def shown(monkeypatch):
    """The lines that a notebook would show."""
    lines = []

    class Output:
        def __init__(self, *, silent):
            pass

        def __call__(self, line):
            lines.append(repr(line))

    monkeypatch.setattr(loading, "Output", Output)
    return lines


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A library that was not imported yet, and notes the thread that imports it."""
    (tmp_path / "a_library.py").write_text("import threading\nthread = threading.current_thread().name\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(loading.LIBRARIES, "tune", ("a_library",))
    yield "a_library"
    sys.modules.pop("a_library", None)


def test_a_long_verb_says_what_it_loads_and_how_long_it_took(shown, library):
    assert with_a_line("tune", tracked=False, work=lambda: 7, said=str) == 7
    assert shown == ["tune: loading a_library", "tune: reading the table", "tune: done in 0:00 \u00b7 7"]
    assert sys.modules[library].thread != threading.main_thread().name
    shown.clear()
    with_a_line("tune", tracked=False, work=lambda: 7, said=str)
    assert shown[0] == "tune: reading the table"


def test_a_verb_that_fails_or_is_stopped_says_so(shown, library):
    def work():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        with_a_line("tune", tracked=False, work=work, said=str)
    assert shown[-1].startswith("tune: stopped after")


def test_a_quick_verb_says_nothing(shown):
    assert with_a_line("route", tracked=False, work=lambda: 7, said=str) == 7 and shown == []


def test_a_line_reads_the_same_as_html():
    line = Line("bench")
    line.doing = "loading torch"
    assert repr(line) in line._repr_html_()

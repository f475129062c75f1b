from importlib import import_module

import pytest

from zeta_eval.notebook.formats import _HTML, _TEXT
from zeta_eval.router.policy import RoutingPolicy


@pytest.mark.parametrize(("module", "name"), sorted({*_TEXT, *_HTML}))
def test_every_class_that_has_a_format_lives_where_the_format_looks(module, name):
    assert getattr(import_module(module), name).__module__ == module


def test_a_decision_shows_its_size_and_reasons_not_its_fields(notebook):
    notebook.shell.user_ns["p"] = RoutingPolicy.seed()
    result = notebook.run("%zeta route p hello").result.result
    data, _ = notebook.shell.display_formatter.format(result)
    assert data["text/plain"].splitlines()[0] == result.size
    assert "Decision(" not in data["text/plain"]

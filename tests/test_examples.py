"""Every public class and verb carries an example, and every example runs."""

import builtins
import doctest
import inspect
import shutil

import pytest

import zeta_eval as ze
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.tasks import registry

PUBLIC = {name: getattr(ze, name) for name in ze.__all__}
PUBLIC |= {f"figures.{name}": f for name, f in inspect.getmembers(ze.figures, inspect.isfunction) if name[0] != "_"}
METHODS = ("route", "generate", "agenerate", "astream", "evaluate_complexity", "dynamic_model_sizing")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("name", ze.__all__)
def test_every_public_class_and_verb_has_an_example(name):
    assert ">>>" in (PUBLIC[name].__doc__ or "")


@pytest.mark.parametrize("name", METHODS)
def test_every_use_of_the_router_has_an_example(name):
    assert ">>>" in getattr(ZetaDynamicRouter, name).__doc__


@pytest.mark.parametrize("name", PUBLIC)
def test_every_example_runs(name, tmp_path, monkeypatch, migrated_store):
    monkeypatch.chdir(shutil.copy(migrated_store, tmp_path / "mlflow.db").parent)
    monkeypatch.setattr(registry, "_TASKS", dict(registry._TASKS))  # an example makes a task
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    known = dict(vars(inspect.getmodule(PUBLIC[name])))
    for test in doctest.DocTestFinder(recurse=inspect.isclass(PUBLIC[name])).find(PUBLIC[name], name, globs=known):
        said = []
        runner.run(test, out=said.append)
        vars(builtins).pop("_", None)  # doctest leaves it there, and IPython then sets no `_` of its own
        assert not runner.failures, "".join(said)
